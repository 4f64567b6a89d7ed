/**
 * The engine that keeps tasks in one SQLite file.
 *
 * SQLite lives on a thread of its own; this is the main thread's side of it.
 * What is asked for within one turn of the event loop crosses in one message
 * and becomes one transaction, so that a hundred submits cost one flush of the
 * disk.
 *
 * @module
 */

import type { Hosts } from "../../task/host_limits.ts";
import type { Clock } from "../../lib/clock.ts";
import type { CancelReason, Settlement } from "../../task/outcome.ts";
import type { ClaimedTask } from "../../task/task.ts";
import { parseCursor } from "../cursor.ts";
import type {
  Cancelled,
  Changed,
  QueueEngine,
  Submission,
  TaskChange,
  TaskFilter,
  Watched,
} from "../engine.ts";
import { DEFAULT_MAX_QUEUED } from "../core/rules.ts";
import { Watchers } from "../core/watchers.ts";
import type { Changes } from "./changes.ts";
import { packSettlement, packSubmission } from "./codec.ts";
import { openThreadClient, type ThreadClient } from "./thread/thread_client.ts";
import type { Progress } from "./cancel_retry.ts";

/** What an engine on SQLite needs. */
export interface SqliteOptions {
  /** The file; it is created when there is none, its folder is not. */
  readonly path: string;
  /** The time of all that is written, and what wakes claims. */
  readonly clock: Clock;
  /** How many tasks may wait; more are refused. */
  readonly maxQueued?: number;
  /** Bytes set aside so that attempts can be settled on a full disk. */
  readonly ballastBytes?: number;
  /** The module of the thread; the crash suite has one of its own. */
  readonly thread?: URL | undefined;
  /** The thread has died: nothing can be kept any more. */
  readonly onFatal?: (error: Error) => void;
}

/** Twice what the log grows to before it is copied into the file. */
const DEFAULT_BALLAST_BYTES = 16 * 2 ** 20;

/**
 * Opens the database at `path`, and creates it when there is none. Rejects with
 * an `EngineInUseError` when another process has it open, with an
 * `EngineDamagedError` when it cannot be read.
 */
export async function openSqliteEngine(options: SqliteOptions): Promise<QueueEngine> {
  const watchers = new Watchers((word, watched) => {
    // After the end of the line there is nothing left to be told of.
    line.ask(watched ? "watch" : "unwatch", word).catch(() => {});
  });
  const line = await openThreadClient({
    ...options,
    ballastBytes: options.ballastBytes ?? DEFAULT_BALLAST_BYTES,
    onChange: (change) => watchers.notify(change),
  });
  return new SqliteEngine(line, watchers, options.maxQueued ?? DEFAULT_MAX_QUEUED);
}

class SqliteEngine implements QueueEngine {
  readonly name = "sqlite";
  readonly durable = true;
  readonly #line: ThreadClient;
  readonly #watchers: Watchers;
  readonly #maxQueued: number;
  /** Resolves once what an earlier shutdown cancelled has been rewritten. */
  readonly #swept: Promise<void>;

  constructor(line: ThreadClient, watchers: Watchers, maxQueued: number) {
    this.#line = line;
    this.#watchers = watchers;
    this.#maxQueued = maxQueued;
    this.#swept = line.opened.sweeping ? this.#sweep() : Promise.resolve();
    // Whoever needs it hears of its failure; without anybody it is none.
    this.#swept.catch(() => {});
  }

  get lastSequence(): number {
    return this.#line.last;
  }

  get recovered(): number {
    return this.#line.opened.recovered;
  }

  insert(submission: Submission) {
    return this.#line.ask("insert", packSubmission(submission), this.#maxQueued);
  }

  claim(limit: number, signal: AbortSignal): Promise<ClaimedTask[]> {
    return this.#line.claim(limit, signal);
  }

  settle(settlement: Settlement) {
    return this.#line.ask("settle", packSettlement(settlement));
  }

  cancel(id: string, reason: CancelReason) {
    return this.#line.ask("cancel", id, reason);
  }

  async cancelAll(filter: TaskFilter, reason: CancelReason) {
    let cancelled = 0;
    let aborting = 0;
    for (let before: number | undefined = parseCursor(undefined); before !== undefined;) {
      const part: Progress<Cancelled> = await this.#line
        .ask("cancelSome", filter, reason, before);
      cancelled += part.results.cancelled ?? 0;
      aborting += part.results.aborting ?? 0;
      before = part.next;
    }
    return { cancelled, aborting };
  }

  cancelWaiting() {
    return this.#line.ask("cancelWaiting");
  }

  async revive(id: string) {
    await this.#swept;
    return this.#line.ask("revive", id);
  }

  async reviveAll(filter: TaskFilter) {
    await this.#swept;
    let revived = 0;
    for (let before: number | undefined = parseCursor(undefined); before !== undefined;) {
      const part: Progress<Changed> = await this.#line.ask("reviveSome", filter, before);
      revived += part.results.changed ?? 0;
      before = part.next;
    }
    return revived;
  }

  runNow(id: string) {
    return this.#line.ask("runNow", id);
  }

  find(id: string) {
    return this.#line.ask("find", id);
  }

  async list(filter: TaskFilter, limit: number, cursor?: string) {
    return await this.#line.ask("list", filter, limit, parseCursor(cursor));
  }

  findBatch(id: string) {
    return this.#line.ask("findBatch", id);
  }

  async listBatches(limit: number, cursor?: string) {
    return await this.#line.ask("listBatches", limit, parseCursor(cursor));
  }

  batchTasks(id: string) {
    return this.#line.ask("batchTasks", id);
  }

  lastChange() {
    return this.#line.ask("lastChange");
  }

  async changesAfter(change: number, limit: number) {
    // What is swept gets its number only then.
    await this.#swept;
    const changes: TaskChange[] = [];
    for (let after: number | undefined = change; after !== undefined;) {
      const part: Changes = await this.#line.ask("changesAfter", after, limit - changes.length);
      changes.push(...part.changes);
      after = part.next;
    }
    return changes;
  }

  schedules() {
    return this.#line.ask("schedules");
  }

  async deliveries(hook: string, limit: number, cursor?: string) {
    return await this.#line.ask("deliveries", hook, limit, parseCursor(cursor));
  }

  findDelivery(id: string) {
    return this.#line.ask("findDelivery", id);
  }

  counts() {
    return this.#line.ask("counts");
  }

  lanes(limit: number) {
    return this.#line.ask("lanes", limit);
  }

  lane(lane: string) {
    return this.#line.ask("lane", lane);
  }

  async limitHosts(hosts: Hosts) {
    await this.#line.ask("limitHosts", [...hosts]);
  }

  async limitLane(lane: string, limit: number) {
    await this.#line.ask("limitLane", lane, limit);
  }

  purge(finishedBefore: number, limit: number) {
    return this.#line.ask("purge", finishedBefore, limit);
  }

  watch(what: Watched, listener: (change: TaskChange) => void): () => void {
    return this.#watchers.add(what, listener);
  }

  async [Symbol.asyncDispose]() {
    await this.#line.close();
  }

  async #sweep(): Promise<void> {
    while (await this.#line.ask("sweep"));
  }
}
