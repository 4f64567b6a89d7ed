/**
 * Runs the channels on threads of their own, so that they never block the API.
 *
 * An attempt goes to the thread with the fewest attempts; an abort is a
 * message. A thread that answers no ping is given up and replaced; its attempts
 * are settled by whether they had begun to send.
 *
 * @module
 */

import type {
  Attempt,
  AttemptRunner,
  ChannelTraits,
  Figures,
  Underway,
} from "../channels/channel.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { ThreadStatus } from "../task/ports.ts";
import type { Json } from "../task/task.ts";
import { type ChannelThread, openThread } from "./thread.ts";

/** What a pool needs. */
export interface ThreadPoolOptions {
  /** The module that a thread runs: `channels/thread/thread.ts`. */
  readonly entry: URL;
  /** The module whose default export opens the channels. */
  readonly table: URL;
  /** What the table is opened with; sent as a message. */
  readonly settings: Json;
  /** How many threads. */
  readonly threads: number;
  /** Times the pings. */
  readonly clock: Clock;
  /** Gets lost threads and the log lines of the channels. */
  readonly log: Log;
  /** How long a thread may leave pings unanswered, in milliseconds; 5 s when absent. */
  readonly silenceMs?: number;
}

/** A thread that was given up. */
export interface LostThread {
  /** When, in milliseconds since the epoch. */
  readonly at: number;
  /** For people. */
  readonly reason: string;
}

/** Channels on a pool of threads. */
export interface ThreadPool extends AttemptRunner, AsyncDisposable {
  /**
   * Replaces the threads by new ones with other settings. Running attempts finish
   * on the old ones. Rejects, and keeps the old ones, when the channels cannot be opened.
   */
  reopen(settings: Json): Promise<void>;
  /** The running threads. */
  status(): ThreadStatus[];
  /** The threads given up, newest first, at most ten. */
  readonly lost: readonly LostThread[];
}

/** Interval of the checks whether a replaced thread is idle, in milliseconds. */
const RETIRE_CHECK_MS = 250;
/** Pause before the next try when a new thread cannot open its channels, in milliseconds. */
const RESPAWN_MS = 1_000;
/** From this loss on, an attempt counts although it had not begun to send. */
const MAX_LOSSES = 3;
/** How many tasks whose threads were lost are remembered. */
const MAX_SUSPECTS = 10_000;
/** How many lost threads are remembered. */
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
  #settings: Json;
  #threads: ChannelThread[] = [];
  /** Replaced threads whose attempts have not ended. */
  readonly #retiring = new Set<ChannelThread>();
  #traits: Readonly<Record<string, ChannelTraits>> = {};
  #opened = 0;
  #closed = false;
  /** How many threads each task has lost. */
  readonly #losses = new Map<string, number>();

  constructor(options: ThreadPoolOptions) {
    this.#options = options;
    this.#settings = options.settings;
  }

  async open(): Promise<void> {
    this.#threads = Array.from({ length: this.#options.threads }, () => this.#spawn());
    try {
      const traits = await Promise.all(this.#threads.map((thread) => thread.opened));
      this.#traits = traits[0] ?? {};
    } catch (error) {
      await this[Symbol.asyncDispose]();
      throw error;
    }
  }

  async reopen(settings: Json): Promise<void> {
    this.#settings = settings;
    const fresh = Array.from({ length: this.#options.threads }, () => this.#spawn());
    const opened = await Promise.allSettled(fresh.map((thread) => thread.opened));
    const failed = opened.find((result) => result.status === "rejected");
    const replaced = failed || this.#closed ? fresh : this.#threads;
    if (replaced !== fresh) this.#threads = fresh;
    for (const thread of replaced) this.#retire(thread);
    if (failed) throw failed.reason;
  }

  /** Closes a thread once its attempts have ended. */
  #retire(thread: ChannelThread): void {
    this.#retiring.add(thread);
    const check = () => {
      if (this.#closed) return;
      if (thread.attempts > 0) return void this.#options.clock.after(RETIRE_CHECK_MS, check);
      this.#retiring.delete(thread);
      thread.close();
    };
    check();
  }

  begin(channel: string, attempt: Attempt, onFigures: (figures: Figures) => void): Underway {
    let least = this.#threads[0];
    const threads = this.#traits[channel]?.oneThread ? [] : this.#threads;
    for (const thread of threads) {
      if (least && thread.attempts < least.attempts) least = thread;
    }
    if (!least) {
      const error = new Error("Cannot begin an attempt: the channels are closed");
      return {
        outcome: Promise.reject(error),
        isSending: () => false,
        keepsDeadline: () => false,
        abort() {},
      };
    }
    return least.begin(channel, attempt, onFigures);
  }

  graceMs(channel: string): number {
    return this.#traits[channel]?.graceMs ?? 0;
  }

  status(): ThreadStatus[] {
    return this.#threads.map(({ number, attempts, silentMs }) => ({ number, attempts, silentMs }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    const threads = [...this.#threads, ...this.#retiring];
    this.#threads = [];
    await Promise.all(threads.map((thread) => thread.close()));
  }

  #spawn(): ChannelThread {
    const { entry, table, clock, log, silenceMs = 5_000 } = this.#options;
    const number = ++this.#opened;
    return openThread({
      number,
      entry,
      table,
      settings: this.#settings,
      clock,
      log,
      silenceMs,
      isUntried: (taskId) => this.#isUntried(taskId),
      onLost: (reason) => this.#replace(number, reason),
    });
  }

  /** A task whose attempts lose thread after thread may be the cause. */
  #isUntried(taskId: string): boolean {
    const losses = (this.#losses.get(taskId) ?? 0) + 1;
    if (this.#losses.size >= MAX_SUSPECTS) this.#losses.clear();
    this.#losses.set(taskId, losses);
    return losses < MAX_LOSSES;
  }

  #replace(number: number, reason: string): void {
    if (this.#closed) return;
    // A thread that is being replaced by a reload needs no replacement.
    if (!this.#threads.some((thread) => thread.number === number)) return;
    const { clock, log } = this.#options;
    log.error("Channel thread lost and replaced", { thread: number, reason });
    this.lost.unshift({ at: clock.now(), reason });
    this.lost.length = Math.min(this.lost.length, MAX_LOST);
    const replacement = this.#spawn();
    replacement.opened.catch((error) => {
      clock.after(RESPAWN_MS, () => this.#replace(replacement.number, String(error)));
    });
    this.#threads = this.#threads.map((thread) => thread.number === number ? replacement : thread);
  }
}
