/**
 * The engine that stores tasks in one SQLite file.
 *
 * SQLite runs on a thread of its own; this is the main thread's side of it.
 * Commands of one turn of the event loop cross in one message and become one
 * transaction, so that a hundred submits cost one flush of the disk.
 *
 * @module
 */

import type { Clock } from "../../lib/clock.ts";
import type { Settlement } from "../../task/outcome.ts";
import type { Commands } from "../core/commands.ts";
import { type Backend, openLocalEngine } from "../core/local_engine.ts";
import { DEFAULT_MAX_QUEUED } from "../core/rules.ts";
import { Watchers } from "../core/watchers.ts";
import {
  EngineAwayError,
  type FailedTask,
  type OpenedFile,
  type QueueEngine,
  type Submission,
  type TaskChange,
  type Watched,
} from "../engine.ts";
import type { WhenMoved } from "./file/move.ts";
import { openThreadClient, type ThreadClient } from "./thread/thread_client.ts";

/** Options of an engine on SQLite. */
export interface SqliteOptions {
  /** The file; it is created when it is missing, its folder is not. */
  readonly path: string;
  /** The time of everything that is stored, and the timers that wake claims. */
  readonly clock: Clock;
  /** How many tasks may be queued; more are refused. */
  readonly maxQueued?: number;
  /** Bytes reserved so that attempts can be settled on a full disk. */
  readonly ballastBytes?: number;
  /** What to do with a file whose tasks were moved; it is refused when absent. */
  readonly whenMoved?: WhenMoved;
  /** The module of the thread; the crash suite has its own. */
  readonly thread?: URL | undefined;
  /** Called for each task that failed without the settlement of an attempt, also while this opens. */
  readonly onFailed?: (task: FailedTask) => void;
  /** Called when the thread has died and nothing can be stored any more. */
  readonly onFatal?: (error: Error) => void;
}

/** Twice what the log grows to before it is copied into the file. */
const DEFAULT_BALLAST_BYTES = 16 * 2 ** 20;

/**
 * Opens the database at `path`; creates it when it is missing. Rejects with an
 * `EngineInUseError` when another process has it open, with an
 * `EngineDamagedError` when it cannot be read.
 */
export async function openSqliteEngine(options: SqliteOptions): Promise<QueueEngine> {
  const watchers = new Watchers((word, watched) => {
    // Fails only after the end of the thread, when no change comes any more.
    thread.run(watched ? "watch" : "unwatch", word).catch(() => {});
  });
  const thread = await openThreadClient({
    ...options,
    ballastBytes: options.ballastBytes ?? DEFAULT_BALLAST_BYTES,
    whenMoved: options.whenMoved ?? "refuse",
    onChange: (change) => watchers.notify(change),
  });
  const maxQueued = options.maxQueued ?? DEFAULT_MAX_QUEUED;
  return openLocalEngine(new SqliteBackend(thread, watchers, maxQueued));
}

class SqliteBackend implements Backend {
  readonly name = "sqlite";
  readonly durable = true;
  readonly recovered: number;
  readonly durability = "disk";
  readonly #thread: ThreadClient;
  readonly #watchers: Watchers;
  readonly #maxQueued: number;
  readonly #swept: Promise<void>;
  #refusal: string | undefined;
  readonly file: OpenedFile;

  constructor(thread: ThreadClient, watchers: Watchers, maxQueued: number) {
    this.#thread = thread;
    this.#watchers = watchers;
    this.#maxQueued = maxQueued;
    this.recovered = thread.opened.recovered;
    this.file = thread.opened.file;
    this.#swept = thread.opened.sweeping ? this.#sweep() : Promise.resolve();
    // A failure is reported to those who wait for it.
    this.#swept.catch(() => {});
  }

  get lastSequence(): number {
    return this.#thread.last;
  }

  run<Name extends keyof Commands>(name: Name, ...args: Parameters<Commands[Name]>) {
    return this.#thread.run(name, ...args);
  }

  insert(submission: Submission) {
    if (this.#refusal !== undefined) return Promise.reject(new EngineAwayError(this.#refusal));
    return this.#thread.insert(submission, this.#maxQueued);
  }

  claim(limit: number, signal: AbortSignal) {
    return this.#thread.claim(limit, signal);
  }

  settle(settlement: Settlement) {
    return this.#thread.settle(settlement);
  }

  swept(): Promise<void> {
    return this.#swept;
  }

  compact(): void {
    this.#thread.compact();
  }

  backup(path: string): Promise<void> {
    return this.#thread.backup(path);
  }

  refuseSubmissions(because: string | undefined): void {
    this.#refusal = because;
  }

  watch(what: Watched, listener: (change: TaskChange) => void): () => void {
    return this.#watchers.add(what, listener);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#thread.close();
  }

  async #sweep(): Promise<void> {
    while (await this.#thread.run("sweep"));
  }
}
