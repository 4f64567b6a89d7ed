/**
 * The seam between those who decide that a task is attempted and those who
 * know how its payload leaves.
 *
 * @module
 */

import type { AbortCause, Outcome } from "../task/outcome.ts";
import type { Json } from "../task/task.ts";

/** One try, as a channel sees it. */
export interface Attempt {
  /** `tsk_…`; the same on every attempt, so it serves as Message-ID and `Idempotency-Key`. */
  readonly taskId: string;
  /** From 1; anew after a revival. */
  readonly number: number;
  /** When the task was accepted, in milliseconds since the epoch: a mail's date. */
  readonly createdAt: number;
  /** When the attempt will be aborted, in milliseconds since the epoch. */
  readonly deadlineAt: number;
  /** JSON text of what is to be sent. */
  readonly payload: string;
  /** What the last attempt's outcome handed to this one. */
  readonly carry?: Json;
  /** The submit's `X-Request-Id`, to be passed on. */
  readonly requestId?: string;
  /** The submit's W3C `traceparent`, to be passed on. */
  readonly traceparent?: string;
}

/** How many bytes an attempt has moved. */
export interface Figures {
  /** Bytes moved so far. */
  readonly bytes?: number;
  /** Bytes there are, when that is known. */
  readonly totalBytes?: number;
  /** How many of `bytes` an earlier attempt has moved. */
  readonly keptBytes?: number;
}

/** What a channel says while an attempt runs. */
export interface Progress extends Figures {
  /**
   * `sending`: from now on a cut-off may have had its effect (the mail's final
   * dot, a POST's bytes). Without it an aborted attempt is `not_delivered`.
   */
  readonly stage?: "sending";
}

/** What a channel gets besides the attempt. */
export interface DeliverContext {
  /** Aborts with an `AbortCause` as its reason: the channel stops and says how far it came. */
  readonly signal: AbortSignal;
  /** Called as often as the channel likes; joined on the way. */
  readonly progress: (progress: Progress) => void;
}

/** A way out for one kind of payload. */
export interface Channel {
  /**
   * How much longer than its timeout an attempt may take once it has said
   * `sending`, in milliseconds: RFC 5321 §4.5.3.2.6 gives the final dot ten minutes.
   */
  readonly graceMs?: number;
  /**
   * Sends a payload and tells what became of it. Expected failures are
   * outcomes; it rejects only by a bug. After an abort it resolves soon, with
   * `deferred` when nothing can have happened and `unknown` otherwise.
   */
  deliver(attempt: Attempt, context: DeliverContext): Promise<Outcome>;
  /** Lets go of connections. */
  close?(): Promise<void>;
}

/** All channels by name, as the entry of a thread opens them: its module's default export. */
export type OpenChannels = (settings: Json) => ReadonlyMap<string, Channel>;

/** Runs attempts, on whichever thread the channels are. */
export interface AttemptRunner {
  /** Starts an attempt on the named channel; `onFigures` gets its progress. */
  begin(channel: string, attempt: Attempt, onFigures: (figures: Figures) => void): Underway;
  /** As `Channel.graceMs`; zero if the channel defines none. */
  graceMs(channel: string): number;
}

/** A started attempt. */
export interface Underway {
  /** As of `Channel.deliver`. */
  readonly outcome: Promise<Outcome>;
  /** Whether the channel has said `sending`; false once there is an outcome. */
  isSending(): boolean;
  /** Asks the channel to stop and to say how far it came. */
  abort(cause: AbortCause): void;
}
