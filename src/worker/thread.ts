/**
 * One channel thread, as the worker sees it.
 *
 * Attempts of one turn of the event loop are sent in one message, which makes
 * a round trip seven times cheaper.
 *
 * @module
 */

import type { Attempt, ChannelTraits, Figures, Underway } from "../channels/channel.ts";
import {
  type FromThread,
  type SentAttempt,
  Stages,
  type ToThread,
} from "../channels/thread/thread_protocol.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import { Slab } from "../lib/slab.ts";
import type { AbortCause, Outcome } from "../task/outcome.ts";
import type { ThreadStatus } from "../task/ports.ts";
import type { Json, TaskError } from "../task/task.ts";

/** What a thread is opened with. */
export interface ThreadOptions {
  /** Its number; each new thread gets the next one. */
  readonly number: number;
  /** The module it runs. */
  readonly entry: URL;
  /** The module whose default export opens the channels. */
  readonly table: URL;
  /** What the table is opened with. */
  readonly settings: Json;
  /** Times the pings. */
  readonly clock: Clock;
  /** Gets the log lines of the channels. */
  readonly log: Log;
  /** How long it may leave pings unanswered, in milliseconds. */
  readonly silenceMs: number;
  /**
   * Called for each attempt that had not begun to send when the thread was lost.
   * Returns whether its task is handed back without counting the attempt.
   */
  readonly isUntried: (taskId: string) => boolean;
  /** Called once when the thread is given up, after its attempts have been settled. */
  readonly onLost: (reason: string) => void;
}

/** A channel thread. */
export interface ChannelThread extends ThreadStatus {
  /** Resolves with the traits of each channel that has any, once the channels are open. */
  readonly opened: Promise<Readonly<Record<string, ChannelTraits>>>;
  /** As `AttemptRunner.begin`. */
  begin(channel: string, attempt: Attempt, onFigures: (figures: Figures) => void): Underway;
  /** Closes the channels and ends the thread; running attempts are aborted. */
  close(): Promise<void>;
}

/** An attempt that the thread runs. */
interface Running {
  readonly taskId: string;
  readonly settle: (outcome: Outcome) => void;
  readonly onFigures: (figures: Figures) => void;
}

/** Five pings within the allowed silence find a silent thread in time. */
const PINGS_PER_SILENCE = 5;
/** How long the channels may take to close, in milliseconds. */
const CLOSE_MS = 500;

/** Starts a thread. */
export function openThread(options: ThreadOptions): ChannelThread {
  return new WorkerThread(options);
}

class WorkerThread implements ChannelThread {
  readonly number: number;
  readonly #options: ThreadOptions;
  readonly #worker: Worker;
  readonly #opened = Promise.withResolvers<Readonly<Record<string, ChannelTraits>>>();
  readonly #closed = Promise.withResolvers<void>();
  readonly #running = new Slab<Running>();
  readonly #stages = new Stages();
  #outgoing: SentAttempt[] = [];
  #pings = 0;
  #heardAt: number;
  #open = false;
  #gone = false;
  #stopPinging = () => {};

  constructor(options: ThreadOptions) {
    this.#options = options;
    this.number = options.number;
    this.#heardAt = options.clock.monotonic();
    this.#worker = new Worker(options.entry, { type: "module", name: `channels-${this.number}` });
    this.#worker.onmessage = ({ data }: MessageEvent<FromThread>) => this.#receive(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#giveUp(`it died: ${event.message}`);
    };
    const { table, settings } = options;
    this.#send({ type: "open", table: table.href, settings, stages: this.#stages.shared });
    this.#pingLater();
  }

  get opened(): Promise<Readonly<Record<string, ChannelTraits>>> {
    return this.#opened.promise;
  }

  get attempts(): number {
    return this.#running.size;
  }

  get silentMs(): number {
    return Math.round(this.#options.clock.monotonic() - this.#heardAt);
  }

  begin(channel: string, attempt: Attempt, onFigures: (figures: Figures) => void): Underway {
    const { promise: outcome, resolve: settle } = Promise.withResolvers<Outcome>();
    const running: Running = { taskId: attempt.taskId, settle, onFigures };
    const ref = this.#running.add(running);
    // The ref is reused as soon as this attempt is settled.
    const isRunning = () => this.#running.get(ref) === running;
    this.#stages.begin(ref);
    if (this.#gone) this.#settle(ref, lost("the thread is gone", { untried: true }));
    else this.#enqueue({ ref, channel, attempt });
    return {
      outcome,
      isSending: () => isRunning() && this.#stages.has(ref, "sending"),
      keepsDeadline: () => isRunning() && this.#stages.has(ref, "begun"),
      abort: (cause) => {
        if (isRunning()) this.#abort(ref, cause);
      },
    };
  }

  async close(): Promise<void> {
    if (this.#gone) return;
    this.#send({ type: "close" });
    const undo = this.#options.clock.after(CLOSE_MS, this.#closed.resolve);
    await this.#closed.promise;
    undo();
    this.#end("the service closed");
  }

  #enqueue(sent: SentAttempt): void {
    if (this.#outgoing.length === 0) queueMicrotask(() => this.#flush());
    this.#outgoing.push(sent);
  }

  #abort(ref: number, cause: AbortCause): void {
    this.#flush();
    if (this.#open) this.#send({ type: "abort", ref, cause });
    else this.#recall(ref);
  }

  #settle(ref: number, outcome: Outcome): void {
    this.#running.remove(ref)?.settle(outcome);
  }

  /** Sends the collected attempts; before the channels are open, they wait. */
  #flush(): void {
    if (this.#outgoing.length === 0 || !this.#open) return;
    const attempts = this.#outgoing;
    this.#outgoing = [];
    const long = attempts.flatMap(({ attempt: { payload } }) =>
      typeof payload === "string" ? [] : [payload.buffer]
    );
    if (!this.#gone) {
      this.#worker.postMessage({ type: "deliver", attempts } satisfies ToThread, long);
    }
  }

  /** Takes back an attempt that has not been sent to the thread. */
  #recall(ref: number): void {
    this.#outgoing = this.#outgoing.filter((sent) => sent.ref !== ref);
    this.#settle(ref, {
      kind: "deferred",
      error: { code: "aborted", detail: "The attempt was aborted before it began" },
    });
  }

  #send(message: ToThread): void {
    if (!this.#gone) this.#worker.postMessage(message);
  }

  #receive(message: FromThread): void {
    this.#heardAt = this.#options.clock.monotonic();
    switch (message.type) {
      case "opened":
        this.#open = true;
        this.#flush();
        return this.#opened.resolve(message.traits);
      case "failed_to_open":
        this.#opened.reject(new Error(`Cannot open the channels: ${message.detail}`));
        return this.#end(message.detail);
      case "settled":
        for (const { ref, outcome } of message.outcomes) this.#settle(ref, outcome);
        return;
      case "figures":
        for (const { ref, ...figures } of message.list) this.#running.get(ref)?.onFigures(figures);
        return;
      case "log":
        return this.#options.log[message.level](message.message, message.fields);
      case "closed":
        return this.#closed.resolve();
      case "pong":
        return;
    }
  }

  #pingLater(): void {
    const { clock, silenceMs } = this.#options;
    this.#stopPinging = clock.after(silenceMs / PINGS_PER_SILENCE, () => {
      // A thread cannot answer while it loads its modules.
      if (this.#open && this.silentMs >= silenceMs) {
        return this.#giveUp(`it has not answered for ${silenceMs} ms`);
      }
      this.#send({ type: "ping", n: ++this.#pings });
      this.#pingLater();
    });
  }

  #giveUp(reason: string): void {
    if (this.#gone) return;
    this.#opened.reject(new Error(`Cannot open the channels: ${reason}`));
    this.#end(reason);
    this.#options.onLost(reason);
  }

  #end(reason: string): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#stopPinging();
    this.#worker.terminate();
    this.#closed.resolve();
    for (const ref of this.#running.numbers()) {
      const isSending = this.#stages.has(ref, "sending");
      const untried = !isSending && this.#options.isUntried(this.#running.get(ref)?.taskId ?? "");
      this.#settle(ref, isSending ? unknown(reason) : lost(reason, { untried }));
    }
  }
}

function lost(reason: string, { untried }: { untried: boolean }): Outcome {
  return { kind: "deferred", error: errorOf(reason), ...(untried ? { untried } : {}) };
}

function unknown(reason: string): Outcome {
  return { kind: "unknown", error: errorOf(reason) };
}

function errorOf(reason: string): TaskError {
  return {
    code: "thread_lost",
    detail: `The thread that made this attempt was given up: ${reason}`,
  };
}
