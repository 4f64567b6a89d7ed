/**
 * The requests of the API as programs write them; `/openapi.json` describes the same.
 *
 * @module
 */

import type { GivenFields, GivenTexts, OnUnknown } from "../task.ts";

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

/** The task that follows the end of another. */
export type FollowUpRequest = { readonly notify: NotifyRequest } | { readonly fetch: FetchRequest };

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
  readonly digest?: { readonly key: string; readonly window: string; readonly max?: number };
  /** Hours in which no first attempt begins. */
  readonly quiet?: { readonly from: string; readonly until: string; readonly timeZone?: string };
}

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

/** Many notifications, stored together or not at all; the other fields are defaults for each. */
export interface NotifyBatchRequest extends NotifyRequest {
  /** Up to 10,000. */
  readonly notifications: readonly NotifyRequest[];
}

/** Many requests, stored together or not at all; the other fields are defaults for each. */
export type FetchBatchRequest =
  & FetchRequest
  & { readonly concurrency?: number }
  & (
    | { readonly requests: readonly FetchRequest[] }
    | { readonly urls: readonly string[] }
  );

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
