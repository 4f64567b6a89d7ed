/**
 * The seam between the worker, which decides when a task is attempted, and the
 * channels, which know how a payload is sent.
 *
 * @module
 */

import type { JsonText } from "../lib/json.ts";
import type { AbortCause, Outcome } from "../task/outcome.ts";
import type { Json } from "../task/task.ts";

/** One attempt, as a channel sees it. */
export interface Attempt {
  /** `tsk_…`; the same on every attempt, so it serves as Message-ID and `Idempotency-Key`. */
  readonly taskId: string;
  /** From 1; starts again after a retry by hand. */
  readonly number: number;
  /** When the task was accepted, in milliseconds since the epoch. */
  readonly createdAt: number;
  /** When the attempt will be aborted, in milliseconds since the epoch. */
  readonly deadlineAt: number;
  /** JSON text of what is to be sent. */
  readonly payload: JsonText;
  /** The carry of the previous attempt's outcome. */
  readonly carry?: Json;
  /** The folder of a saved body, below that of all downloads; the task's id when absent. */
  readonly folder?: string;
  /** The submit's `X-Request-Id`, to be passed on. */
  readonly requestId?: string;
  /** The submit's W3C `traceparent`, to be passed on. */
  readonly traceparent?: string;
}

/** How many bytes an attempt has moved. */
export interface Figures {
  /** Bytes moved so far. */
  readonly bytes?: number;
  /** The total number of bytes, when it is known. */
  readonly totalBytes?: number;
  /** How many of `bytes` were moved by an earlier attempt. */
  readonly keptBytes?: number;
}

/** What a channel reports while an attempt runs. */
export interface Progress extends Figures {
  /**
   * `begun`: the attempt had to wait for a connection and begins only now. Its
   * timeout starts here, and the channel itself enforces it.
   *
   * `sending`: from now on the attempt may have its effect even when it is cut
   * off (the mail's final dot, a POST's bytes). Without this report an aborted
   * attempt is `not_delivered`.
   */
  readonly stage?: "begun" | "sending";
}

/** What a channel gets besides the attempt. */
export interface DeliverContext {
  /** Aborts with an `AbortCause` as its reason: the channel stops and reports how far it came. */
  readonly signal: AbortSignal;
  /**
   * Aborts when the service ends: then also the wait for a last answer ends, which
   * a timeout or a cancellation may leave running.
   */
  readonly shutdown: AbortSignal;
  /** May be called at any rate; reports are merged before they cross to the worker. */
  readonly progress: (progress: Progress) => void;
}

/** How the worker has to treat a channel. */
export interface ChannelTraits {
  /**
   * How much longer than its timeout an attempt may take once it has reported
   * `sending`, in milliseconds: RFC 5321 §4.5.3.2.6 gives the final dot ten minutes.
   */
  readonly graceMs?: number;
  /**
   * All attempts run on one thread: the other side limits the sessions of a client, and
   * two threads would each keep their own.
   */
  readonly oneThread?: true;
}

/** Sends one kind of payload. */
export interface Channel extends ChannelTraits {
  /**
   * Sends a payload and resolves with the outcome. Expected failures are
   * outcomes; it rejects only because of a bug. After an abort it resolves soon, with
   * `deferred` when nothing can have happened and `unknown` otherwise.
   */
  deliver(attempt: Attempt, context: DeliverContext): Promise<Outcome>;
  /** Closes its connections. */
  close?(): Promise<void>;
}

/** All channels by name, as the entry of a thread opens them: its module's default export. */
export type OpenChannels = (settings: Json, context: OpenContext) => ChannelTable;

/** Channels by name. */
export type ChannelTable = ReadonlyMap<string, Channel> & {
  /** Releases what they share; called after the channels are closed. */
  close?(): Promise<void>;
};

/** What channels report besides outcomes. */
export interface OpenContext {
  /** Called when a thread that the channels share was lost. */
  readonly onLost: (reason: string) => void;
}

/** Runs attempts, on whichever thread the channels are. */
export interface AttemptRunner {
  /** Starts an attempt on the named channel; `onFigures` gets its progress. */
  begin(channel: string, attempt: Attempt, onFigures: (figures: Figures) => void): Underway;
  /** The channel's `graceMs`; zero for a channel without one. */
  graceMs(channel: string): number;
}

/** A started attempt. */
export interface Underway {
  /** The result of `Channel.deliver`. */
  readonly outcome: Promise<Outcome>;
  /** Whether the channel has reported `sending`; false once there is an outcome. */
  isSending(): boolean;
  /** Whether the channel has reported `begun`; false once there is an outcome. */
  keepsDeadline(): boolean;
  /** Asks the channel to stop and to report how far it came. */
  abort(cause: AbortCause): void;
}
