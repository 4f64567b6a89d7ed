/**
 * What a worker and a thread of channels say to each other, as plain data.
 *
 * @module
 */

import type { LogFields, LogLevel } from "../lib/log.ts";
import type { AbortCause, Outcome } from "../task/outcome.ts";
import type { Json } from "../task/task.ts";
import type { Attempt, Progress } from "./channel.ts";

/** One attempt on its way to a thread. */
export interface SentAttempt {
  /** Names it until it is settled; another may have the number afterwards. */
  readonly ref: number;
  /** The channel that makes it. */
  readonly channel: string;
  /** What the channel gets. */
  readonly attempt: Attempt;
}

/** What a worker tells a thread. */
export type ToThread =
  /** Comes first; `table` is the URL of a module whose default export is an `OpenChannels`. */
  | { readonly type: "open"; readonly table: string; readonly settings: Json }
  | { readonly type: "deliver"; readonly attempts: SentAttempt[] }
  | { readonly type: "abort"; readonly ref: number; readonly cause: AbortCause }
  | { readonly type: "ping"; readonly n: number }
  /** Cuts off what is in hand and closes the channels. */
  | { readonly type: "close" };

/** What a thread tells its worker. */
export type FromThread =
  /** The grace of each channel that has one, in milliseconds. */
  | { readonly type: "opened"; readonly graces: Readonly<Record<string, number>> }
  | { readonly type: "failed_to_open"; readonly detail: string }
  /** All that ended within one turn of the event loop. */
  | {
    readonly type: "settled";
    readonly outcomes: readonly { readonly ref: number; readonly outcome: Outcome }[];
  }
  /** A stage crosses before the bytes leave; figures at most four times a second. */
  | {
    readonly type: "progress";
    readonly list: readonly (Progress & { readonly ref: number })[];
  }
  | {
    readonly type: "log";
    readonly level: LogLevel;
    readonly message: string;
    readonly fields: LogFields;
  }
  | { readonly type: "pong"; readonly n: number }
  | { readonly type: "closed" };
