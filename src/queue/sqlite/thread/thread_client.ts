/**
 * The main thread's side of the queue's thread: it sends commands in groups,
 * resolves their promises, and wakes the thread when a task falls due.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import type { Clock } from "../../../lib/clock.ts";
import { Slab } from "../../../lib/slab.ts";
import { turn } from "../../../lib/steps.ts";
import type { Settlement } from "../../../task/outcome.ts";
import type { ClaimedTask } from "../../../task/task.ts";
import { MAX_WAIT_MS } from "../../core/rules.ts";
import {
  EngineDamagedError,
  EngineError,
  EngineInUseError,
  type FailedTask,
  type Inserted,
  type Submission,
  type TaskChange,
} from "../../engine.ts";
import type { WhenMoved } from "../file/move.ts";
import {
  buffersIn,
  buffersOf,
  type FlatList,
  type PackedSubmission,
  packInPortions,
  packSettlement,
  packSubmission,
  packTask,
  TASK_SIZE,
  unpackChanges,
  unpackClaims,
} from "../codec.ts";
import type { Command, ListName, ListResults, Opened, Reply, ThreadCommands } from "../store.ts";
import type { FromThread, ToThread } from "./thread_server.ts";

/**
 * Groups in flight at once: one that is being written, and a full one that waits
 * for it. Commands that are sent meanwhile join the next group.
 */
const MAX_IN_FLIGHT = 2;

/**
 * A group of this many commands, or tasks of a batch, is sent before the turn of
 * the event loop is over and in parallel to another, so that the disk works while the main
 * thread still reads requests. Fewer wait: a transaction's pages and flush cost as
 * much as a dozen commands. With more, 64 callers would all wait for one another.
 */
export const FULL_GROUP = 32;

/** The number of a command without a result. */
const NO_RESULT = 0;

/** Options of a thread client. */
export interface ThreadClientOptions {
  /** The file. */
  readonly path: string;
  /** The time of each group, and the timers that wake the thread. */
  readonly clock: Clock;
  /** Bytes reserved in a file next to the queue's. */
  readonly ballastBytes: number;
  /** What to do with a file whose tasks were moved. */
  readonly whenMoved: WhenMoved;
  /** The module of the thread. Default: `thread.ts`. */
  readonly thread?: URL | undefined;
  /** Called for each watched change when it is on disk. */
  readonly onChange: (change: TaskChange) => void;
  /** Called for each task that failed without the settlement of an attempt. */
  readonly onFailed?: (task: FailedTask) => void;
  /** Called when the thread has died. */
  readonly onFatal?: (error: Error) => void;
}

interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** Tasks or settlements that cross as one command. */
interface OpenList {
  readonly values: unknown[];
  /** One for each. */
  readonly pending: Pending[];
}

const STORED = { kind: "stored" } as const;

const CLASSES = { EngineError, EngineDamagedError, EngineInUseError };

/** Starts the thread; resolves when it has opened the file. */
export async function openThreadClient(options: ThreadClientOptions): Promise<ThreadClient> {
  const worker = new Worker(options.thread ?? new URL("./thread.ts", import.meta.url), {
    type: "module",
    name: "queue",
  });
  try {
    const { path, clock, ballastBytes, whenMoved } = options;
    const first = next(worker);
    post(worker, { open: { path, now: clock.now(), ballastBytes, whenMoved } });
    const answer = await first;
    if ("opened" in answer) return new ThreadClient(worker, answer.opened, options);
    if ("refused" in answer) throw errorOf(answer.refused);
    throw new EngineError(`Cannot open queue "${path}": its thread gave no answer`);
  } catch (error) {
    worker.terminate();
    throw error;
  }
}

/** A running thread. */
export class ThreadClient {
  /** What was found in the file. */
  readonly opened: Opened;
  /** The highest sequence number ever stored. */
  last = 0;
  readonly #worker: Worker;
  readonly #options: ThreadClientOptions;
  readonly #pending = new Slab<Pending>();
  /** Running backups, by their paths. */
  readonly #backups = new Map<string, Pending>();
  #outbox: Command[] = [];
  /** Lists in the outbox that further tasks or settlements may join. */
  #open: { [Name in ListName]?: OpenList } = {};
  /** Of the outbox, in commands for one task. */
  #weight = 0;
  #scheduled = false;
  /** A task has fallen due: a group is sent even without commands. */
  #woken = false;
  #inFlight = 0;
  /** The number of the latest submission whose tasks were sent in portions. */
  #uploads = 0;
  #wakeAt = Infinity;
  #undoWake = () => {};
  #ended: Error | undefined;
  #onClosed: (() => void) | undefined;

  constructor(worker: Worker, opened: Opened, options: ThreadClientOptions) {
    this.#worker = worker;
    this.#options = options;
    this.opened = opened;
    this.#inFlight = 1;
    worker.onmessage = ({ data }: MessageEvent<FromThread>) => this.#onMessage(data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.#die(new EngineError(`The queue's thread died: ${event.message}`));
    };
    this.#receive(opened);
  }

  /** Runs a command on the thread; resolves when its transaction is on disk. */
  run<Name extends keyof ThreadCommands>(
    name: Name,
    ...args: Parameters<ThreadCommands[Name]>
  ): Promise<ReturnType<ThreadCommands[Name]>> {
    return this.#send(name, args).answer as Promise<ReturnType<ThreadCommands[Name]>>;
  }

  /**
   * Stores a submission, at most `maxQueued` tasks being queued then. The tasks of a
   * large one are sent beforehand, in portions with pauses: sending ten thousand at
   * once would keep the event loop for 40 ms. The thread stores them together.
   */
  insert(submission: Submission, maxQueued: number): Promise<Inserted> {
    const { tasks, quota } = submission;
    if (tasks.length > 1) return this.#insertInPortions(submission, maxQueued);
    const [task] = tasks;
    if (!task || !holdsOnlyTasks(submission)) {
      return this.run("insert", packSubmission(submission), maxQueued);
    }
    return this.#join("insertEach", STORED, (list) => {
      packTask(list, task);
      list.push(quota?.maxQueued);
    }, maxQueued);
  }

  /** Settles an attempt. */
  settle(settlement: Settlement): Promise<boolean> {
    return this.#join("settleEach", true, (list) => packSettlement(list, settlement));
  }

  /** Waits until a task is due; resolves with none when the signal aborts. */
  async claim(limit: number, signal: AbortSignal): Promise<ClaimedTask[]> {
    if (signal.aborted) return [];
    const { n, answer } = this.#send("claim", [limit]);
    const withdraw = () => this.#push(NO_RESULT, "withdraw", [n]);
    signal.addEventListener("abort", withdraw, { once: true });
    try {
      return unpackClaims(await answer as FlatList);
    } finally {
      signal.removeEventListener("abort", withdraw);
    }
  }

  /** Compacts the file between two groups. */
  compact(): void {
    if (!this.#ended) post(this.#worker, { compact: true });
  }

  /** Copies the file to a new one at `path`; rejects with an `EngineError`. */
  backup(path: string): Promise<void> {
    if (this.#ended) return Promise.reject(this.#ended);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#backups.set(path, { resolve: () => resolve(), reject });
    post(this.#worker, { backup: path });
    return promise;
  }

  /** Waits for all commands, then ends the thread. Waiting claims resolve with none. */
  async close(): Promise<void> {
    if (this.#ended) return;
    this.#ended = new EngineError("The queue is closed");
    for (const pending of this.#backups.values()) pending.reject(this.#ended);
    this.#undoWake();
    const closed = new Promise<void>((resolve) => this.#onClosed = resolve);
    for (const n of this.#pending.numbers()) {
      this.#outbox.push({ n: NO_RESULT, do: "withdraw", with: [n] });
    }
    this.#sendGroup();
    post(this.#worker, { close: true });
    await closed;
    this.#worker.terminate();
  }

  async #insertInPortions(submission: Submission, maxQueued: number): Promise<Inserted> {
    const portions = packInPortions(submission.tasks);
    let tasks = portions.next().value ?? [];
    let sent = 0;
    const upload = this.#uploads + 1;
    for (const next of portions) {
      if (sent === 0) this.#uploads++;
      if (this.#ended) throw this.#ended;
      this.#worker.postMessage(
        { upload: { n: upload, tasks } } satisfies ToThread,
        buffersIn(tasks),
      );
      sent++;
      tasks = next;
      await turn();
    }
    const rest: PackedSubmission = { ...submission, tasks };
    return await this.run("insert", sent === 0 ? rest : { ...rest, upload }, maxQueued);
  }

  /**
   * Adds one task or settlement to the list of this turn; resolves with `usual`
   * unless the thread says otherwise. Other commands end the list: all that comes
   * after them happens after them.
   */
  #join<Result>(
    name: ListName,
    usual: Result,
    pack: (list: unknown[]) => void,
    ...more: readonly unknown[]
  ): Promise<Result> {
    if (this.#ended) return Promise.reject(this.#ended);
    const list = this.#open[name] ?? this.#openList(name, usual, more);
    pack(list.values);
    const promise = new Promise<unknown>((resolve, reject) => {
      list.pending.push({ resolve, reject });
    });
    this.#weight++;
    this.#schedule();
    return promise as Promise<Result>;
  }

  #openList(name: ListName, usual: unknown, more: readonly unknown[]): OpenList {
    const list: OpenList = { values: [], pending: [] };
    const n = this.#pending.add({
      resolve: (results) => resolveEach(list.pending, usual, results as ListResults<unknown>),
      reject: (error) => list.pending.forEach(({ reject }) => reject(error)),
    });
    this.#outbox.push({ n, do: name, with: [list.values, ...more] });
    return this.#open[name] = list;
  }

  #send(name: Command["do"], args: readonly unknown[]): { n: number; answer: Promise<unknown> } {
    if (this.#ended) return { n: NO_RESULT, answer: Promise.reject(this.#ended) };
    const { promise: answer, resolve, reject } = Promise.withResolvers<unknown>();
    const n = this.#pending.add({ resolve, reject });
    this.#push(n, name, args);
    return { n, answer };
  }

  #push(n: number, name: Command["do"], args: readonly unknown[]): void {
    if (this.#ended) return;
    this.#outbox.push({ n, do: name, with: args });
    // The order of claims does not matter: they are served at the end of the group.
    if (name !== "claim" && name !== "withdraw") this.#open = {};
    this.#weight += name === "insert" ? (args[0] as PackedSubmission).tasks.length / TASK_SIZE : 1;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#inFlight >= MAX_IN_FLIGHT) return;
    if (this.#weight >= FULL_GROUP) return this.#sendGroup();
    if (this.#scheduled || this.#inFlight > 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (this.#ended || (this.#outbox.length === 0 && !this.#woken)) return;
      if (this.#inFlight === 0) this.#sendGroup();
    });
  }

  #sendGroup(): void {
    const group = { now: this.#options.clock.now(), commands: this.#outbox };
    this.#outbox = [];
    this.#open = {};
    this.#weight = 0;
    this.#woken = false;
    this.#inFlight++;
    const buffers = buffersOf(group.commands);
    // With nothing to hand over, a message takes a shorter way.
    if (buffers.length === 0) post(this.#worker, { group });
    else this.#worker.postMessage({ group } satisfies ToThread, buffers);
  }

  #onMessage(message: FromThread): void {
    if ("reply" in message) this.#receive(message.reply);
    else if ("closed" in message) this.#onClosed?.();
    else if ("backedUp" in message) {
      const { path, error } = message.backedUp;
      const pending = this.#backups.get(path);
      this.#backups.delete(path);
      if (error === undefined) pending?.resolve(undefined);
      else pending?.reject(new EngineError(`Cannot back up to "${path}": ${error}`));
    }
  }

  #receive({ answers, changes = [], failed = [], wakeAt = Infinity, last }: Reply): void {
    this.#inFlight--;
    this.last = last;
    if ((this.#outbox.length > 0 || this.#woken) && !this.#ended) this.#schedule();
    for (const { n, value, fault } of answers) {
      const pending = this.#pending.remove(n);
      if (fault) pending?.reject(errorOf(fault));
      else pending?.resolve(value);
    }
    for (const change of unpackChanges(changes)) this.#options.onChange(change);
    for (const task of failed) this.#options.onFailed?.(task);
    this.#wake(wakeAt);
  }

  /** Sends the thread the time when a task falls due. */
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
    for (const n of this.#pending.numbers()) this.#pending.remove(n)?.reject(error);
    for (const pending of this.#backups.values()) pending.reject(error);
    this.#onClosed?.();
    if (!closing) this.#options.onFatal?.(error);
  }
}

/** Resolves what was sent in one list; without results, each with the usual value. */
function resolveEach(
  pending: readonly Pending[],
  usual: unknown,
  results: ListResults<unknown>,
): void {
  for (let at = 0; at < pending.length; at++) {
    const result = results?.[at];
    if (result?.fault) pending[at]?.reject(errorOf(result.fault));
    else pending[at]?.resolve(result?.value ?? usual);
  }
}

/** Whether nothing is to be stored besides its tasks. */
function holdsOnlyTasks(submission: Submission): boolean {
  for (const name in submission) if (name !== "tasks" && name !== "quota") return false;
  return true;
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
