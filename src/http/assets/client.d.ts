// Made of src/client.ts by `deno task client`. Runs in Node 20, Deno, Bun and browsers.
/** Opens a client; nothing is called before the first call. */
export declare function openClient(options?: ClientOptions): Client;
/** Where the service is, and the API key. */
export interface ClientOptions {
    /** Base URL of the service; `http://127.0.0.1:8000` when absent. */
    readonly url?: string;
    /** The secret of an API key; not needed on loopback when no keys are set. */
    readonly key?: string;
    /** Instead of the runtime's own `fetch`. */
    readonly fetch?: typeof fetch;
}
/** Calls the API. Every call rejects with a `PostriderError` when it is refused. */
export interface Client {
    /** Submits one notification: a task, or a batch when it goes to several targets. */
    notify(request: NotifyRequest, options?: CallOptions): Promise<TaskResponse>;
    /** Submits many notifications as a batch. */
    notifyMany(request: NotifyBatchRequest, options?: CallOptions): Promise<BatchResponse>;
    /** Submits one HTTP request. */
    fetch(request: FetchRequest, options?: CallOptions): Promise<TaskResponse>;
    /** Submits many HTTP requests as a batch. */
    fetchMany(request: FetchBatchRequest, options?: CallOptions): Promise<BatchResponse>;
    /** The current state of a task. */
    task(id: string, options?: CallOptions): Promise<TaskResponse>;
    /** The task, as soon as it is final. */
    wait(id: string, options?: CallOptions): Promise<TaskResponse>;
    /** Tasks, newest first. */
    tasks(filter?: FilterRequest & {
        readonly limit?: number;
        readonly cursor?: string;
    }, options?: CallOptions): Promise<TaskPageResponse>;
    /** Cancels a task; its state is still `running` while its attempt is aborted. */
    cancel(id: string, options?: CallOptions): Promise<TaskResponse>;
    /** Cancels all matching tasks. */
    cancelAll(filter: ChangeFilter, options?: CallOptions): Promise<{
        readonly cancelled: number;
        readonly aborting: number;
    }>;
    /** Queues a failed, cancelled or expired task again. */
    retry(id: string, options?: CallOptions): Promise<TaskResponse>;
    /**
     * Queues all matching tasks again; those that have expired meanwhile become expired.
     * `refused` counts those that found the queue full and stay as they are.
     */
    retryAll(filter: ChangeFilter, options?: CallOptions): Promise<{
        readonly retried: number;
        readonly expired: number;
        readonly refused?: number;
    }>;
    /** Erases payload, result, label and details of a final task. */
    erase(id: string, options?: CallOptions): Promise<TaskResponse>;
    /** Stops what it covers: no attempt of it begins. */
    pause(pause: PauseRequest, options?: CallOptions): Promise<PauseResponse>;
    /** The pauses that are in force. */
    pauses(options?: CallOptions): Promise<readonly PauseResponse[]>;
    /** Ends a pause. */
    resume(id: string, options?: CallOptions): Promise<PauseResponse>;
    /** Ends the holds of a host; resolves with their number. */
    releaseHolds(host: string, options?: CallOptions): Promise<number>;
    /** Makes a waiting task due now. */
    run(id: string, options?: CallOptions): Promise<TaskResponse>;
    /** The body of a fetch's response, or the file that was saved, as it is. */
    body(id: string, options?: CallOptions): Promise<Response>;
    /** The current state of a batch. */
    batch(id: string, options?: CallOptions): Promise<BatchResponse>;
    /** The tasks of a batch, each as it becomes final. */
    results(id: string, options?: CallOptions): AsyncIterable<TaskResponse>;
    /** The events of one task until it is final, or of all tasks without an end. */
    events(id?: string, options?: CallOptions): AsyncIterable<TaskEventResponse>;
    /** The state of the service. */
    status(options?: CallOptions): Promise<StatusResponse>;
}
/** A mail, or a message to a channel. */
export interface NotifyRequest extends SubmitRequest {
    /** Mail addresses, channel URLs, `@aliases`. */
    readonly to?: string | readonly string[];
    /** Further recipients of the mail. */
    readonly cc?: string | readonly string[];
    /** Recipients whom the mail does not name. */
    readonly bcc?: string | readonly string[];
    /** The sender. */
    readonly from?: string;
    /** Where replies go. */
    readonly replyTo?: string;
    /** Where bounces go; `from` when absent. */
    readonly bounce?: string;
    /** Asks for delivery reports, where the relay offers them. */
    readonly dsn?: boolean;
    /** Where a recipient unsubscribes: a URL or a `mailto:` URL. */
    readonly unsubscribe?: string;
    /** One line. */
    readonly subject?: string;
    /** Another name for `subject`. */
    readonly title?: string;
    /** The plain text. */
    readonly text?: string;
    /** The HTML. */
    readonly html?: string;
    /** Becomes HTML in a mail, and the closest format of each channel. */
    readonly markdown?: string;
    /** Makes subject, text and HTML from `data`. */
    readonly template?: string;
    /** The values that the template needs. */
    readonly data?: Readonly<Record<string, unknown>>;
    /** How serious it is. */
    readonly severity?: "info" | "success" | "warning" | "failure";
    /** Further headers of a mail. */
    readonly headers?: Readonly<Record<string, string>>;
    /** Files: each with its content in base64, or with the URL that each attempt fetches. */
    readonly attachments?: readonly {
        readonly filename: string;
        readonly content?: string;
        readonly url?: string;
        readonly contentType?: string;
        readonly cid?: string;
    }[];
    /** Targets to try, one after another, once it has failed for good. */
    readonly fallback?: string | readonly string[];
    /** Notifications of one key and one target within a window become one message. */
    readonly digest?: {
        readonly key: string;
        readonly window: string;
        readonly max?: number;
    };
    /** Hours in which no first attempt begins. */
    readonly quiet?: {
        readonly from: string;
        readonly until: string;
        readonly timeZone?: string;
    };
}
/** The fields that every submit takes. */
export interface SubmitRequest extends GivenFields {
    /** The first attempt begins this long after acceptance: `"10m"`. */
    readonly delay?: string;
    /** The first attempt begins at this time, RFC 3339. Not together with `delay`. */
    readonly runAt?: string;
    /** No attempt begins after it: a duration or a time. */
    readonly expires?: string;
    /** 0 (first) to 9; 5 when absent. */
    readonly priority?: number;
    /** The number of further attempts, or the waits between them: `"5s, 1m, 10m*3"`. */
    readonly retry?: number | string;
    /** The longest one attempt may take: `"30s"`. */
    readonly timeout?: string;
    /** What to do when an attempt was cut off after its bytes had left. */
    readonly onUnknown?: OnUnknown;
    /** `none` erases payload and result at the end. */
    readonly retain?: "none";
    /** A URL that gets a signed event at the end. */
    readonly callback?: string;
    /** Created when it has succeeded. */
    readonly onSuccess?: FollowUpRequest;
    /** Created when it has failed for good, or expired. */
    readonly onFailure?: FollowUpRequest;
}
/**
 * What a caller attaches to a task and reads back unchanged.
 *
 * A field added here is taken by every submit, kept, shown and sent with events,
 * and a text is a filter. `givenFields` in `input/options.ts` has its schema, and
 * the tables of each engine its column.
 */
interface GivenFields {
    /** Tasks of one key are attempted one at a time, in the order of acceptance. */
    readonly key?: string;
    /** For searching; at most 20, each of at most 64 bytes. */
    readonly tags?: readonly string[];
}
/** What to do after an attempt whose effect is unknown. */
export type OnUnknown = "retry" | "stop";
/** The task that follows the end of another. */
export type FollowUpRequest = {
    readonly notify: NotifyRequest;
} | {
    readonly fetch: FetchRequest;
};
/** An HTTP request. */
export interface FetchRequest extends SubmitRequest {
    /** `http:` or `https:`, at a public address. */
    readonly url?: string;
    /** `GET` when absent, or `POST` with a body. */
    readonly method?: string;
    /** Request headers. */
    readonly headers?: Readonly<Record<string, string>>;
    /** The body as text. */
    readonly body?: string;
    /** The body as JSON. */
    readonly json?: unknown;
    /** The body in base64. */
    readonly bodyBase64?: string;
    /** How many redirects are followed. */
    readonly redirects?: number;
    /** The most decoded bytes of the response that are read. */
    readonly maxBytes?: number;
    /** Saves the response body as a file. */
    readonly save?: true | string;
    /** What the response must be. */
    readonly expect?: {
        readonly status?: readonly number[];
        readonly headers?: Readonly<Record<string, string>>;
        readonly json?: Readonly<Record<string, unknown>>;
        readonly within?: string;
    };
    /** Ask only for a response that has changed since the last one; with GET. */
    readonly ifChanged?: true;
    /** What to extract from the response body. */
    readonly extract?: {
        readonly lines?: number;
        readonly words?: true;
        readonly json?: Readonly<Record<string, string>>;
        readonly css?: Readonly<Record<string, string>>;
    };
}
/** Options of a single call. */
export interface CallOptions {
    /** A repeated submit with the same key returns the task of the first one, for 24 hours. */
    readonly idempotencyKey?: string;
    /** Ends the call; a submitted task is not cancelled by it. */
    readonly signal?: AbortSignal;
}
/** A task with everything that is kept of it. */
export interface TaskResponse extends TaskSummaryResponse {
    /** Oldest first. */
    readonly attempts: readonly AttemptResponse[];
    /** While it runs, when its channel reports it. */
    readonly progress?: ProgressResponse;
    /** What is to be sent; secrets are masked. */
    readonly payload?: {
        readonly [name: string]: Json;
    };
    /** The result of the last attempt. */
    readonly result?: Json;
}
/** A task in a list: without attempts, payload and result. Times are RFC 3339 in UTC. */
export interface TaskSummaryResponse extends GivenFields {
    /** `tsk_…`, sorts by the time of acceptance. */
    readonly id: string;
    /** A notification or an HTTP request. */
    readonly type: TaskType;
    /** Its state. */
    readonly state: TaskState;
    /** Why it has its state, where the state alone does not say. */
    readonly reason?: Reason;
    /** What became of the payload, with a final state. */
    readonly delivery?: Delivery;
    /** Attempts begun since it was accepted or retried. */
    readonly attempt: number;
    /** When it was accepted. */
    readonly createdAt: string;
    /** Earliest time of the next attempt; absent once it is final. */
    readonly dueAt?: string;
    /** No attempt begins at or after it. */
    readonly expiresAt?: string;
    /** Present once it is final. */
    readonly finishedAt?: string;
    /** 0 goes first. */
    readonly priority: number;
    /** `bat_…` */
    readonly batchId?: string;
    /** The task or batch whose end created it. */
    readonly parentId?: string;
    /** The name of the API key that submitted it. */
    readonly owner?: string;
    /** What submitted it: `schedule:NAME`, `hook:NAME`, or `api` for requests. */
    readonly source: string;
    /** Subject, recipients or URL, without secrets; absent once erased. */
    readonly label?: string;
    /** The host of its destination; absent where it has none. */
    readonly host?: string;
    /** Who cancelled it: the name of an API key, `anonymous`, or a signal. */
    readonly cancelledBy?: string;
    /** It may have had its effect already. */
    readonly possibleDuplicate?: boolean;
    /** The last attempt's error, also while it waits for the next. */
    readonly error?: TaskError;
}
/** A notification, or an HTTP request. */
export type TaskType = "notify" | "fetch";
/** The state of a task. A queued task may still wait for its time or for its next attempt. */
export type TaskState = "queued" | "running" | "succeeded" | "failed" | "cancelled" | "expired";
/** Why a task has its state, where the state alone does not say. */
export type Reason = "request" | "shutdown" | "batch" | "rejected" | "exhausted" | "unknown" | "crashed" | "damaged" | "expired";
/** What became of the payload in the end; `unknown` when the bytes had left and no answer came. */
export type Delivery = "delivered" | "not_delivered" | "partial" | "unknown";
/** An error as a task keeps it. `code` is for programs, `detail` for people. */
export interface TaskError {
    /** Snake case, stable: `timeout`, `address_refused`, `smtp_550`, `http_503` … */
    readonly code: string;
    /** A sentence without secrets. */
    readonly detail: string;
}
/** One attempt. */
export interface AttemptResponse {
    /** From 1; starts again at 1 after a retry of the task. */
    readonly number: number;
    /** When it began. */
    readonly startedAt: string;
    /** When it ended. */
    readonly endedAt: string;
    /** How it ended. */
    readonly outcome: OutcomeKind | "cancelled";
    /** The error, if there was one. */
    readonly error?: TaskError;
    /** Details: address, timings, the receiver's own words. */
    readonly evidence?: Json;
}
/** How one attempt ended, as the receiver answered. */
export type OutcomeKind = "delivered" | "deferred" | "rejected" | "unknown";
/** JSON, as `JSON.parse` makes it. */
export type Json = null | boolean | number | string | Json[] | {
    [name: string]: Json;
};
/** How far a running task has come. */
export interface ProgressResponse {
    /** Bytes moved so far. */
    readonly bytes: number;
    /** The total, when it is known. */
    readonly totalBytes?: number;
    /** Bytes a second. */
    readonly rate: number;
}
/** Many notifications, stored together or not at all; the other fields are defaults for each. */
export interface NotifyBatchRequest extends NotifyRequest {
    /** Up to 10,000. */
    readonly notifications: readonly NotifyRequest[];
}
/** A batch and its progress. */
export interface BatchResponse {
    /** `bat_…` */
    readonly id: string;
    /** How many tasks it was submitted with. */
    readonly total: number;
    /** Their states. */
    readonly counts: Counts;
    /** Whether each of them is final. */
    readonly done: boolean;
    /** Its progress. */
    readonly progress?: BatchProgressResponse;
    /** Only of a batch that was just submitted. */
    readonly tasks?: readonly {
        readonly id: string;
        readonly state: TaskState;
    }[];
}
/** How many tasks are in each state. */
export type Counts = Record<TaskState, number>;
/** The progress of a batch: its tasks, and the bytes of those that succeeded or run. */
export interface BatchProgressResponse extends ProgressResponse {
    /** The part of its tasks that is final, 0 to 1. */
    readonly finished: number;
}
/** Many requests, stored together or not at all; the other fields are defaults for each. */
export type FetchBatchRequest = FetchRequest & {
    readonly concurrency?: number;
} & ({
    readonly requests: readonly FetchRequest[];
} | {
    readonly urls: readonly string[];
});
/** A filter for tasks; a task matches when every given field does. */
export interface FilterRequest extends GivenTexts {
    /** One or several states, joined by commas. */
    readonly state?: string;
    /** What a queued task waits for: `due`, `scheduled`, `retrying` or `paused`, as in `/status`. */
    readonly queued?: string;
    /** `notify` or `fetch`. */
    readonly type?: string;
    /** One of its tags. */
    readonly tag?: string;
    /** Several of its tags, joined by commas. */
    readonly tags?: string;
    /** Its batch. */
    readonly batch?: string;
    /** The host or relay of its destination. */
    readonly host?: string;
    /** Why it has its state. */
    readonly reason?: string;
    /** The task or batch whose end created it. */
    readonly parent?: string;
    /** A text that its subject, recipients or URL contain. */
    readonly q?: string;
    /** Accepted at this time or later: a time, or a duration back from now (`24h`). */
    readonly since?: string;
    /** Accepted at this time or earlier: a time, or a duration back from now. */
    readonly until?: string;
    /** Became final at this time or later: a time, or a duration back from now. */
    readonly finishedSince?: string;
    /** Became final at this time or earlier: a time, or a duration back from now. */
    readonly finishedUntil?: string;
    /** `schedule:NAME`, `hook:NAME` or `api`. */
    readonly source?: string;
    /** The name of the API key that submitted it. */
    readonly owner?: string;
}
/** Those that are a text: each has a column and is a filter. */
type GivenTexts = {
    readonly [Name in keyof GivenFields as NonNullable<GivenFields[Name]> extends string ? Name : never]?: string;
};
/** Tasks, newest first. */
export interface TaskPageResponse {
    /** The tasks of this page. */
    readonly data: readonly TaskSummaryResponse[];
    /** Continues the list; absent at its end. */
    readonly nextCursor?: string;
}
/** A filter of a change: at least one field, or `all`. */
export type ChangeFilter = FilterRequest & {
    /** All tasks are meant. */
    readonly all?: true;
};
/** A pause: exactly one of host, key, type, channel and all. */
export interface PauseRequest {
    /** A host, whatever the scheme and port, or one with a port. */
    readonly host?: string;
    /** A key, of `owner` or of all owners. */
    readonly key?: string;
    /** The API key that the key belongs to. */
    readonly owner?: string;
    /** `notify` or `fetch`. */
    readonly type?: string;
    /** A channel: `email`, `http`, `slack` … */
    readonly channel?: string;
    /** Everything. */
    readonly all?: true;
    /** When it ends by itself: a duration or a time. */
    readonly until?: string;
    /** For people. */
    readonly reason?: string;
}
/** A pause: no attempt of what it covers begins. */
export interface PauseResponse {
    /** `pau_…` */
    readonly id: string;
    /** The host that it covers, whatever the scheme and port. */
    readonly host?: string;
    /** The key that it covers, of `owner` or of all owners. */
    readonly key?: string;
    /** The API key that the key belongs to. */
    readonly owner?: string;
    /** The task type that it covers. */
    readonly type?: TaskType;
    /** The channel that it covers. */
    readonly channel?: string;
    /** It covers everything. */
    readonly all?: true;
    /** When it ends by itself. */
    readonly until?: string;
    /** For people. */
    readonly reason?: string;
    /** Who made it: the name of an API key, or `anonymous`. */
    readonly by: string;
    /** When it was made. */
    readonly createdAt: string;
}
/** One change of a task, as an event reports it. */
export interface TaskEventResponse {
    /** `tsk_…` */
    readonly id: string;
    /** A notification or an HTTP request. */
    readonly type: TaskType;
    /** Its state now. */
    readonly state: TaskState;
    /** Attempts begun. */
    readonly attempt: number;
    /** When it changed. */
    readonly at: string;
    /** `bat_…` */
    readonly batchId?: string;
    /** Its progress; an event with progress has no id. */
    readonly progress?: ProgressResponse;
}
/** The state of the service; `/openapi.json` describes the rest of it. */
export interface StatusResponse {
    /** The version of the service. */
    readonly version: string;
    /** In seconds. */
    readonly uptime: number;
    /** `sqlite`, `memory` … */
    readonly engine: string;
    /** Whether tasks outlive the process. */
    readonly durable: boolean;
    /** Whether submits are accepted. */
    readonly accepting: boolean;
    /** Running attempts. */
    readonly running: number;
    /** The most attempts at once. */
    readonly concurrency: number;
    /** Tasks by state. */
    readonly counts: Counts;
    /** Queued tasks by what they wait for; the four counts add up to `counts.queued`. */
    readonly queued: {
        readonly due: number;
        readonly scheduled: number;
        readonly retrying: number;
        readonly paused: number;
        /** How long the oldest due task has been due; 0 when none is. */
        readonly oldestDueSeconds: number;
    };
    /** Tasks a second, over the last minute. */
    readonly rates: {
        readonly accepted: number;
        readonly settled: number;
    };
}
/** The service refused a call, or could not be reached; the message says why. */
export declare class PostriderError extends Error {
    /** `PostriderError`. */
    name: string;
    /** The service's answer. */
    readonly problem: ProblemResponse;
    /** Wraps the service's answer; `cause` is the fault when there was none. */
    constructor(problem: ProblemResponse, options?: ErrorOptions);
    /**
     * For programs: `invalid`, `not_found`, `queue_full` …; `unreachable` when there was no answer,
     * `unexpected_response` when it was no JSON.
     */
    get code(): string;
}
/** A refusal, after RFC 9457. */
export interface ProblemResponse {
    /** `urn:postrider:problem:` and the code. */
    readonly type: string;
    /** The meaning of the code. */
    readonly title: string;
    /** The HTTP status. */
    readonly status: number;
    /** What is wrong, and what to do about it. */
    readonly detail?: string;
    /** For programs: `invalid`, `not_found`, `queue_full` … */
    readonly code: string;
    /** The fields that are wrong. */
    readonly errors?: readonly {
        readonly pointer: string;
        readonly detail: string;
    }[];
    /** The task that the request conflicts with. */
    readonly task?: TaskResponse;
    /** The same as in `X-Request-Id` and in the log. */
    readonly requestId: string;
}
/** A batch in a list. */
export interface BatchSummaryResponse {
    /** `bat_…` */
    readonly id: string;
    /** When it was accepted. */
    readonly createdAt: string;
    /** How many tasks it was submitted with. */
    readonly total: number;
    /** Their states. */
    readonly counts: Counts;
    /** Whether each of them is final. */
    readonly done: boolean;
    /** The name of the API key that submitted it. */
    readonly owner?: string;
}
export {};
