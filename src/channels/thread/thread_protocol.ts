/**
 * What a worker and a thread of channels say to each other, as plain data, and
 * the one thing they share.
 *
 * @module
 */

import type { LogFields, LogLevel } from "../../lib/log.ts";
import type { AbortCause, Outcome } from "../../task/outcome.ts";
import type { Json } from "../../task/task.ts";
import type { Attempt, Figures } from "../channel.ts";

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
  /**
   * Comes first; `table` is the URL of a module whose default export is an
   * `OpenChannels`, `stages` the memory of `Stages`.
   */
  | {
    readonly type: "open";
    readonly table: string;
    readonly settings: Json;
    readonly stages: SharedArrayBuffer;
  }
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
  /** At most four times a second. */
  | {
    readonly type: "figures";
    readonly list: readonly (Figures & { readonly ref: number })[];
  }
  | {
    readonly type: "log";
    readonly level: LogLevel;
    readonly message: string;
    readonly fields: LogFields;
  }
  | { readonly type: "pong"; readonly n: number }
  | { readonly type: "closed" };

const FIRST_BYTES = 1_024;
const MAX_BYTES = 2 ** 24;

/**
 * How far attempts have come, by their refs, in memory that both sides share:
 * each has a byte. It is set before the first bytes leave and looked at only
 * when an attempt is cut off, so no message has to cross for it; and it holds
 * even when the thread dies in the next moment.
 */
export class Stages {
  /** What crosses to the other side, which makes its own `Stages` of it. */
  readonly shared: SharedArrayBuffer;
  readonly #sending: Uint8Array;

  /** Makes the memory, or takes what the other side has made. */
  constructor(
    shared: SharedArrayBuffer = new SharedArrayBuffer(FIRST_BYTES, { maxByteLength: MAX_BYTES }),
  ) {
    this.shared = shared;
    this.#sending = new Uint8Array(shared);
  }

  /** An attempt begins under this ref; nothing of it has left. */
  begin(ref: number): void {
    while (ref >= this.#sending.length) this.shared.grow(2 * this.#sending.length);
    Atomics.store(this.#sending, ref, 0);
  }

  /** From now on a cut-off may have had its effect. */
  setSending(ref: number): void {
    Atomics.store(this.#sending, ref, 1);
  }

  /** Whether that was said. */
  isSending(ref: number): boolean {
    return Atomics.load(this.#sending, ref) === 1;
  }
}
