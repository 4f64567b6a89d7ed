/**
 * The line to the thread: commands leave in groups, answers come back to
 * whoever asked, and the clock wakes the thread when something falls due.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import type { Clock } from "../../../lib/clock.ts";
import { Slab } from "../../../lib/slab.ts";
import type { ClaimedTask } from "../../../task/task.ts";
import { MAX_WAIT_MS } from "../../core/rules.ts";
import {
  EngineDamagedError,
  EngineError,
  EngineInUseError,
  type TaskChange,
} from "../../engine.ts";
import { type PackedClaim, type PackedSubmission, unpackClaim } from "../codec.ts";
import type { Arguments, Command, CommandName, Opened, Reply, Result } from "../store.ts";
import type { FromThread, ToThread } from "./thread_server.ts";

/**
 * Groups under way at once: one that is being written, and a full one that
 * waits on the thread's doorstep. What is asked for meanwhile grows the next.
 */
const GROUPS_UNDER_WAY = 2;

/**
 * Commands, or tasks of a batch, that are worth a group before the turn is
 * over, and beside another: so the disk works while the main thread still reads
 * requests. Less waits: the pages and the flush of a transaction cost as much
 * as a dozen commands. More would have all of 64 callers wait for one another.
 */
export const FULL_GROUP = 24;

/** The number of a command that is not answered. */
const NOBODY = 0;

/** What a line needs. */
export interface ThreadClientOptions {
  /** The file. */
  readonly path: string;
  /** The time of each group, and what wakes the thread. */
  readonly clock: Clock;
  /** Bytes set aside beside the file. */
  readonly ballastBytes: number;
  /** The module of the thread; `thread.ts` when absent. */
  readonly thread?: URL | undefined;
  /** Called for each watched change once it is on disk. */
  readonly onChange: (change: TaskChange) => void;
  /** The thread has died. */
  readonly onFatal?: (error: Error) => void;
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

const CLASSES = { EngineError, EngineDamagedError, EngineInUseError };

/** Starts the thread; resolves once it has the file open. */
export async function openThreadClient(options: ThreadClientOptions): Promise<ThreadClient> {
  const worker = new Worker(options.thread ?? new URL("./thread.ts", import.meta.url), {
    type: "module",
    name: "queue",
  });
  try {
    const { path, clock, ballastBytes } = options;
    const first = next(worker);
    post(worker, { open: { path, now: clock.now(), ballastBytes } });
    const answer = await first;
    if ("opened" in answer) return new ThreadClient(worker, answer.opened, options);
    if ("refused" in answer) throw errorOf(answer.refused);
    throw new EngineError(`Cannot open queue "${path}": expected the thread to open it`);
  } catch (error) {
    worker.terminate();
    throw error;
  }
}

/** An open line. */
export class ThreadClient {
  /** What the file said of itself. */
  readonly opened: Opened;
  /** The highest sequence number ever kept. */
  last = 0;
  readonly #worker: Worker;
  readonly #options: ThreadClientOptions;
  readonly #asked = new Slab<Waiting>();
  #outbox: Command[] = [];
  /** Of what is in the outbox, in commands for one task. */
  #weight = 0;
  #leaving = false;
  /** Something has fallen due: a group leaves even when nobody asks for anything. */
  #woken = false;
  #underWay = 0;
  #wakeAt = Infinity;
  #undoWake = () => {};
  #ended: Error | undefined;
  #onClosed: (() => void) | undefined;

  constructor(worker: Worker, opened: Opened, options: ThreadClientOptions) {
    this.#worker = worker;
    this.#options = options;
    this.opened = opened;
    this.#underWay = 1;
    worker.onmessage = ({ data }: MessageEvent<FromThread>) => this.#hear(data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.#die(new EngineError(`The queue's thread has died: ${event.message}`));
    };
    this.#receive(opened);
  }

  /** Asks the thread for something; resolves once it is on disk. */
  ask<Name extends CommandName>(
    name: Name,
    ...args: Arguments<Name>
  ): Promise<Result<Name>> {
    return this.#send(name, args).answer as Promise<Result<Name>>;
  }

  /** Waits until something is due; resolves with none once the signal aborts. */
  async claim(limit: number, signal: AbortSignal): Promise<ClaimedTask[]> {
    if (signal.aborted) return [];
    const { n, answer } = this.#send("claim", [limit]);
    const withdraw = () => this.#push(NOBODY, "withdraw", [n]);
    signal.addEventListener("abort", withdraw, { once: true });
    try {
      return (await answer as PackedClaim[]).map(unpackClaim);
    } finally {
      signal.removeEventListener("abort", withdraw);
    }
  }

  /** Lets everything asked for be answered, then ends the thread. Claims that wait get nothing. */
  async close(): Promise<void> {
    if (this.#ended) return;
    this.#ended = new EngineError("The queue is closed");
    this.#undoWake();
    const closed = new Promise<void>((resolve) => this.#onClosed = resolve);
    for (const n of this.#asked.numbers()) {
      this.#outbox.push({ n: NOBODY, do: "withdraw", with: [n] });
    }
    this.#leave();
    post(this.#worker, { close: true });
    await closed;
    this.#worker.terminate();
  }

  #send(name: Command["do"], args: readonly unknown[]): { n: number; answer: Promise<unknown> } {
    if (this.#ended) return { n: NOBODY, answer: Promise.reject(this.#ended) };
    const { promise: answer, resolve, reject } = Promise.withResolvers<unknown>();
    const n = this.#asked.add({ resolve, reject });
    this.#push(n, name, args);
    return { n, answer };
  }

  #push(n: number, name: Command["do"], args: readonly unknown[]): void {
    if (this.#ended) return;
    this.#outbox.push({ n, do: name, with: args });
    this.#weight += name === "insert" ? (args[0] as PackedSubmission).tasks.length : 1;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#underWay >= GROUPS_UNDER_WAY) return;
    if (this.#weight >= FULL_GROUP) return this.#leave();
    if (this.#leaving || this.#underWay > 0) return;
    this.#leaving = true;
    setImmediate(() => {
      this.#leaving = false;
      if (this.#ended || (this.#outbox.length === 0 && !this.#woken)) return;
      if (this.#underWay === 0) this.#leave();
    });
  }

  #leave(): void {
    const group = { now: this.#options.clock.now(), commands: this.#outbox };
    this.#outbox = [];
    this.#weight = 0;
    this.#woken = false;
    this.#underWay++;
    post(this.#worker, { group });
  }

  #hear(message: FromThread): void {
    if ("reply" in message) this.#receive(message.reply);
    else if ("closed" in message) this.#onClosed?.();
  }

  #receive({ answers, changes, wakeAt = Infinity, last }: Reply): void {
    this.#underWay--;
    this.last = last;
    if ((this.#outbox.length > 0 || this.#woken) && !this.#ended) this.#schedule();
    for (const { n, value, fault } of answers) {
      const waiting = this.#asked.remove(n);
      if (fault) waiting?.reject(errorOf(fault));
      else waiting?.resolve(value);
    }
    for (const change of changes) this.#options.onChange(change);
    this.#wake(wakeAt);
  }

  /** Comes back to the thread, with nothing but the time, when something falls due. */
  #wake(at: number): void {
    if (at === this.#wakeAt || this.#ended) return;
    this.#undoWake();
    this.#wakeAt = at;
    if (at === Infinity) return void (this.#undoWake = () => {});
    const { clock } = this.#options;
    this.#undoWake = clock.after(Math.min(at - clock.now(), MAX_WAIT_MS), () => {
      this.#wakeAt = Infinity;
      this.#woken = true;
      this.#schedule();
    });
  }

  #die(error: Error): void {
    const closing = this.#ended !== undefined;
    this.#ended = error;
    this.#undoWake();
    this.#worker.terminate();
    for (const n of this.#asked.numbers()) this.#asked.remove(n)?.reject(error);
    this.#onClosed?.();
    if (!closing) this.#options.onFatal?.(error);
  }
}

function next(worker: Worker): Promise<FromThread> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new EngineError(`The queue's thread did not start: ${event.message}`));
    };
  });
}

function post(worker: Worker, message: ToThread): void {
  worker.postMessage(message);
}

function errorOf({ name, message }: { name: string; message: string }): Error {
  const Class = CLASSES[name as keyof typeof CLASSES] ?? EngineError;
  return new Class(message);
}
