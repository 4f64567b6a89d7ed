/**
 * What a program may ask the API for, field by field as `/openapi.json` has it.
 *
 * @module
 */

import type { OnUnknown } from "../task.ts";

/** What every submit takes. */
export interface SubmitRequest {
  /** The first attempt not before so long: `"10m"`. */
  readonly delay?: string;
  /** The first attempt not before that time, RFC 3339. Not beside `delay`. */
  readonly runAt?: string;
  /** No attempt begins after it: a duration or a time. */
  readonly expires?: string;
  /** 0 (first) to 9; 5 when absent. */
  readonly priority?: number;
  /** Further tries, or the waits between them: `"5s, 1m, 10m*3"`. */
  readonly retry?: number | string;
  /** The longest one attempt may take: `"30s"`. */
  readonly timeout?: string;
  /** Tasks of one key go one at a time, in the order of acceptance. */
  readonly key?: string;
  /** Up to 20, to find it by. */
  readonly tags?: readonly string[];
  /** What to do when an attempt was cut off after its bytes had left. */
  readonly onUnknown?: OnUnknown;
  /** Payload and result are erased at the end. */
  readonly retain?: "none";
  /** A URL that is told of the end. */
  readonly callback?: string;
  /** Made when it has succeeded. */
  readonly onSuccess?: FollowUpRequest;
  /** Made when it has failed for good, or expired. */
  readonly onFailure?: FollowUpRequest;
}

/** What follows from the end of a task. */
export type FollowUpRequest = { readonly notify: NotifyRequest } | { readonly fetch: FetchRequest };

/** A mail, or a message to a channel. */
export interface NotifyRequest extends SubmitRequest {
  /** Mail addresses, channel URLs, `@aliases`. */
  readonly to?: string | readonly string[];
  /** Copies that everybody sees. */
  readonly cc?: string | readonly string[];
  /** Copies that nobody sees. */
  readonly bcc?: string | readonly string[];
  /** The sender. */
  readonly from?: string;
  /** Where answers go. */
  readonly replyTo?: string;
  /** One line. */
  readonly subject?: string;
  /** Another name for `subject`. */
  readonly title?: string;
  /** The plain text. */
  readonly text?: string;
  /** The HTML. */
  readonly html?: string;
  /** Becomes HTML in a mail, and what each channel shows of it. */
  readonly markdown?: string;
  /** Makes subject, text and HTML of `data`. */
  readonly template?: string;
  /** What the template asks for. */
  readonly data?: Readonly<Record<string, unknown>>;
  /** How serious it is. */
  readonly severity?: "info" | "success" | "warning" | "failure";
  /** Further headers of a mail. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Files, in base64. */
  readonly attachments?: readonly {
    readonly filename: string;
    readonly content: string;
    readonly contentType?: string;
    readonly cid?: string;
  }[];
  /** Where it goes instead once it has failed for good. */
  readonly fallback?: string | readonly string[];
  /** What of this key goes to the same place within a window is one message. */
  readonly digest?: { readonly key: string; readonly window: string; readonly max?: number };
  /** Hours in which it waits. */
  readonly quiet?: { readonly from: string; readonly until: string; readonly timeZone?: string };
}

/** An HTTP request. */
export interface FetchRequest extends SubmitRequest {
  /** `http:` or `https:`, at a public address. */
  readonly url?: string;
  /** `GET` when absent, or `POST` where there is a body. */
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
  /** The most decoded bytes of the answer that are read. */
  readonly maxBytes?: number;
  /** Saves the body as a file. */
  readonly save?: true | string;
  /** What the answer must be. */
  readonly expect?: {
    readonly status?: readonly number[];
    readonly headers?: Readonly<Record<string, string>>;
    readonly json?: Readonly<Record<string, unknown>>;
    readonly within?: string;
  };
  /** What to pick out of the body. */
  readonly extract?: {
    readonly lines?: number;
    readonly words?: true;
    readonly json?: Readonly<Record<string, string>>;
    readonly css?: Readonly<Record<string, string>>;
  };
}

/** Many notifications, stored whole or not at all; what stands beside them is a default for each. */
export interface NotifyBatchRequest extends NotifyRequest {
  /** Up to 10,000. */
  readonly notifications: readonly NotifyRequest[];
}

/** Many requests, stored whole or not at all; what stands beside them is a default for each. */
export type FetchBatchRequest =
  & FetchRequest
  & { readonly concurrency?: number }
  & (
    | { readonly requests: readonly FetchRequest[] }
    | { readonly urls: readonly string[] }
  );

/** Which tasks are meant; all that is given must hold. */
export interface FilterRequest {
  /** One or several, joined by commas. */
  readonly state?: string;
  /** `notify` or `fetch`. */
  readonly type?: string;
  /** Carries this tag. */
  readonly tag?: string;
  /** Has this key. */
  readonly key?: string;
  /** Is in this batch. */
  readonly batch?: string;
  /** Goes to this host. */
  readonly host?: string;
  /** Stands there for this reason. */
  readonly reason?: string;
  /** Was made by this task or batch. */
  readonly parent?: string;
  /** Its subject, recipients or URL hold this text. */
  readonly q?: string;
}
