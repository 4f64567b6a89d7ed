/**
 * The messages between the worker and a channel thread, and the memory they
 * share.
 *
 * @module
 */

import type { LogFields, LogLevel } from "../../lib/log.ts";
import type { AbortCause, Outcome } from "../../task/outcome.ts";
import type { Json } from "../../task/task.ts";
import type { Attempt, ChannelTraits, Figures, Progress } from "../channel.ts";

/** One attempt as it is sent to a thread. */
export interface SentAttempt {
  /** Identifies the attempt until it is settled; the number is then reused. */
  readonly ref: number;
  /** The channel that delivers it. */
  readonly channel: string;
  /** What the channel receives. */
  readonly attempt: Attempt;
}

/** Messages from the worker to a thread. */
export type ToThread =
  /**
   * The first message. `table` is the URL of a module whose default export is an
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
  /** Aborts the running attempts and closes the channels. */
  | { readonly type: "close" };

/** Messages from a thread to the worker. */
export type FromThread =
  /** The traits of each channel that has any. */
  | { readonly type: "opened"; readonly traits: Readonly<Record<string, ChannelTraits>> }
  | { readonly type: "failed_to_open"; readonly detail: string }
  /** All attempts that ended within one turn of the event loop. */
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

const STAGE_BITS: Record<NonNullable<Progress["stage"]>, number> = { sending: 1, begun: 2 };

/**
 * How far each attempt has come: one byte per ref, in memory that both
 * threads share. The byte is set before the first bytes leave and read only
 * when an attempt is interrupted. This needs no message, and the value survives
 * when the thread dies a moment later.
 */
export class Stages {
  /** The memory; the other thread opens its own `Stages` on it. */
  readonly shared: SharedArrayBuffer;
  readonly #stages: Uint8Array;

  /** Allocates the memory, or uses what the other thread has allocated. */
  constructor(
    shared: SharedArrayBuffer = new SharedArrayBuffer(FIRST_BYTES, { maxByteLength: MAX_BYTES }),
  ) {
    this.shared = shared;
    this.#stages = new Uint8Array(shared);
  }

  /** Records that an attempt begins under this ref and has sent nothing. */
  begin(ref: number): void {
    while (ref >= this.#stages.length) this.shared.grow(2 * this.#stages.length);
    Atomics.store(this.#stages, ref, 0);
  }

  /** Records that the channel has reported this stage. */
  set(ref: number, stage: NonNullable<Progress["stage"]>): void {
    Atomics.or(this.#stages, ref, STAGE_BITS[stage]);
  }

  /** Whether the channel has reported this stage since `begin`. */
  has(ref: number, stage: NonNullable<Progress["stage"]>): boolean {
    return (Atomics.load(this.#stages, ref) & STAGE_BITS[stage]) !== 0;
  }
}
