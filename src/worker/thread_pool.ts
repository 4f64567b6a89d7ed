/**
 * Channels on threads of their own, so that what they do never holds up the API.
 *
 * An attempt crosses to the thread with the least to do, an abort crosses as a
 * message, and a thread that answers no ping is given up. Another takes over;
 * what the lost one had in hand is settled by the last stage it came to.
 *
 * @module
 */

import type { Attempt, Delivery, Figures, Underway } from "../channels/channel.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { ThreadStatus } from "../task/ports.ts";
import type { Json } from "../task/task.ts";
import { type ChannelThread, openThread } from "./thread.ts";

/** What a pool needs. */
export interface ThreadPoolOptions {
  /** The module that a thread runs: `channels/thread.ts`. */
  readonly entry: URL;
  /** The module whose default export opens the channels. */
  readonly table: URL;
  /** What the table gets; crosses by message. */
  readonly settings: Json;
  /** How many threads. */
  readonly threads: number;
  /** Times the pings. */
  readonly clock: Clock;
  /** Told of lost threads, and of what the channels say. */
  readonly log: Log;
  /** How long a thread may be silent, in milliseconds; 5 s when absent. */
  readonly silenceMs?: number;
}

/** A thread that was given up. */
export interface LostThread {
  /** When, in milliseconds since the epoch. */
  readonly at: number;
  /** For people. */
  readonly reason: string;
}

/** Channels on threads. */
export interface ThreadPool extends Delivery, AsyncDisposable {
  /** The threads at work. */
  status(): ThreadStatus[];
  /** Those given up, newest first, ten at most. */
  readonly lost: readonly LostThread[];
}

/** How long to wait before the next try when a successor cannot open its channels. */
const RESPAWN_MS = 1_000;
/** Lost threads that are remembered. */
const MAX_LOST = 10;

/** Starts the threads; rejects when their channels cannot be opened. */
export async function openThreadPool(options: ThreadPoolOptions): Promise<ThreadPool> {
  const pool = new Pool(options);
  await pool.open();
  return pool;
}

class Pool implements ThreadPool {
  readonly lost: LostThread[] = [];
  readonly #options: ThreadPoolOptions;
  #threads: ChannelThread[] = [];
  #graces: Readonly<Record<string, number>> = {};
  #opened = 0;
  #closed = false;

  constructor(options: ThreadPoolOptions) {
    this.#options = options;
  }

  async open(): Promise<void> {
    this.#threads = Array.from({ length: this.#options.threads }, () => this.#spawn());
    try {
      const graces = await Promise.all(this.#threads.map((thread) => thread.opened));
      this.#graces = graces[0] ?? {};
    } catch (error) {
      await this[Symbol.asyncDispose]();
      throw error;
    }
  }

  begin(channel: string, attempt: Attempt, onFigures: (figures: Figures) => void): Underway {
    let idlest = this.#threads[0];
    for (const thread of this.#threads) {
      if (idlest && thread.attempts < idlest.attempts) idlest = thread;
    }
    if (!idlest) {
      const error = new Error("Cannot begin an attempt: the channels are closed");
      return { outcome: Promise.reject(error), isSending: () => false, abort() {} };
    }
    return idlest.begin(channel, attempt, onFigures);
  }

  graceMs(channel: string): number {
    return this.#graces[channel] ?? 0;
  }

  status(): ThreadStatus[] {
    return this.#threads.map(({ number, attempts, silentMs }) => ({ number, attempts, silentMs }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    const threads = this.#threads;
    this.#threads = [];
    await Promise.all(threads.map((thread) => thread.close()));
  }

  #spawn(): ChannelThread {
    const { entry, table, settings, clock, log, silenceMs = 5_000 } = this.#options;
    const number = ++this.#opened;
    return openThread({
      number,
      entry,
      table,
      settings,
      clock,
      log,
      silenceMs,
      onLost: (reason) => this.#replace(number, reason),
    });
  }

  #replace(number: number, reason: string): void {
    if (this.#closed) return;
    const { clock, log } = this.#options;
    log.error("A thread of the channels is given up and replaced", { thread: number, reason });
    this.lost.unshift({ at: clock.now(), reason });
    this.lost.length = Math.min(this.lost.length, MAX_LOST);
    const successor = this.#spawn();
    successor.opened.catch((error) => {
      clock.after(RESPAWN_MS, () => this.#replace(successor.number, String(error)));
    });
    this.#threads = this.#threads.map((thread) => thread.number === number ? successor : thread);
  }
}
