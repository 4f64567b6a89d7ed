/**
 * The engine that keeps tasks in memory: for trying things out, and for tests.
 * What it keeps ends with the process.
 *
 * @module
 */

import type { Clock } from "../../lib/clock.ts";
import { isId, sequenceOf } from "../../lib/ids.ts";
import type { Hosts } from "../../task/host_limits.ts";
import type { CancelReason, Settlement } from "../../task/outcome.ts";
import type { ClaimedTask } from "../../task/task.ts";
import { cancel, revive, runNow, settle } from "../core/lifecycle.ts";
import { contentOf, newRow, type Row } from "../core/row.ts";
import { allowing, DEFAULT_MAX_QUEUED } from "../core/rules.ts";
import { settledOf } from "../core/settled.ts";
import { insertSubmission } from "../core/submissions.ts";
import { Watchers } from "../core/watchers.ts";
import { parseCursor } from "../cursor.ts";
import {
  EngineError,
  type Inserted,
  type Purged,
  type QueueEngine,
  type Submission,
  type TaskChange,
  type TaskFilter,
  type Watched,
} from "../engine.ts";
import { Claims } from "./claims.ts";
import {
  batchTasks,
  changesAfter,
  deliveries,
  findBatch,
  list,
  listBatches,
  matching,
} from "./lists.ts";
import { purge } from "./purge.ts";
import { MemoryStorage } from "./storage.ts";

/** What an engine in memory needs. */
export interface MemoryOptions {
  /** The time of all that is written, and what wakes claims. */
  readonly clock: Clock;
  /** How many tasks may wait; more are refused. */
  readonly maxQueued?: number;
}

/** Opens an engine that begins empty. */
export function openMemoryEngine(options: MemoryOptions): QueueEngine {
  return new MemoryEngine(options);
}

class MemoryEngine implements QueueEngine {
  readonly name = "memory";
  readonly durable = false;
  readonly recovered = 0;
  readonly #clock: Clock;
  readonly #maxQueued: number;
  readonly #watchers = new Watchers();
  readonly #storage: MemoryStorage;
  readonly #claims: Claims;
  #ended: EngineError | undefined;

  constructor({ clock, maxQueued = DEFAULT_MAX_QUEUED }: MemoryOptions) {
    this.#clock = clock;
    this.#maxQueued = maxQueued;
    // As from a thread: listeners are called after the call that made the change.
    const notify = (change: TaskChange) => queueMicrotask(() => this.#watchers.notify(change));
    this.#storage = new MemoryStorage(() => clock.now(), this.#watchers.words, notify);
    this.#claims = new Claims(this.#storage, clock);
  }

  get lastSequence(): number {
    return this.#storage.last;
  }

  insert(submission: Submission): Promise<Inserted> {
    return this.#do(() => {
      const tasks = submission.tasks.map((task) => ({
        row: newRow(task),
        content: contentOf(task),
      }));
      this.#storage.checkNew(tasks);
      return insertSubmission(this.#storage, { ...submission, tasks }, this.#maxQueued);
    });
  }

  claim(limit: number, signal: AbortSignal): Promise<ClaimedTask[]> {
    if (this.#ended) return Promise.reject(this.#ended);
    return this.#claims.claim(limit, signal);
  }

  settle(settlement: Settlement): Promise<boolean> {
    return this.#doTo(settlement.id, (row) => settle(this.#storage, row, settledOf(settlement)));
  }

  cancel(id: string, reason: CancelReason) {
    return this.#doTo(id, (row) => cancel(this.#storage, row, reason));
  }

  cancelAll(filter: TaskFilter, reason: CancelReason) {
    return this.#do(() => {
      const results = matching(this.#storage, allowing(filter, "cancel"))
        .map((row) => cancel(this.#storage, row, reason));
      const cancelled = results.filter((result) => result === "cancelled").length;
      return { cancelled, aborting: results.length - cancelled };
    });
  }

  cancelWaiting(): Promise<number> {
    return this.#do(() => {
      this.#storage.closed = true;
      const waiting = matching(this.#storage, { states: ["queued"] });
      for (const row of waiting) cancel(this.#storage, row, "shutdown");
      return waiting.length;
    });
  }

  revive(id: string) {
    return this.#doTo(id, (row) => revive(this.#storage, row));
  }

  reviveAll(filter: TaskFilter): Promise<number> {
    return this.#do(() =>
      matching(this.#storage, allowing(filter, "revive"))
        .filter((row) => revive(this.#storage, row) === "changed").length
    );
  }

  runNow(id: string) {
    return this.#doTo(id, (row) => runNow(this.#storage, row));
  }

  find(id: string) {
    return this.#doTo(id, (row) => row && this.#storage.record(row));
  }

  list(filter: TaskFilter, limit: number, cursor?: string) {
    return this.#do(() => list(this.#storage, filter, limit, parseCursor(cursor)));
  }

  findBatch(id: string) {
    return this.#do(() => findBatch(this.#storage, id));
  }

  batchTasks(id: string) {
    return this.#do(() => batchTasks(this.#storage, id));
  }

  listBatches(limit: number, cursor?: string) {
    return this.#do(() => listBatches(this.#storage, limit, parseCursor(cursor)));
  }

  lastChange() {
    return this.#do(() => this.#storage.change);
  }

  changesAfter(change: number, limit: number): Promise<TaskChange[]> {
    return this.#do(() => changesAfter(this.#storage, change, limit));
  }

  schedules() {
    return this.#do(() =>
      structuredClone([...this.#storage.schedules.values()])
        .sort((a, b) => a.name < b.name ? -1 : 1)
    );
  }

  deliveries(hook: string, limit: number, cursor?: string) {
    return this.#do(() => deliveries(this.#storage, hook, limit, parseCursor(cursor)));
  }

  findDelivery(id: string) {
    return this.#do(() =>
      isId("hkd", id) ? this.#storage.deliveries.get(sequenceOf(id)) : undefined
    );
  }

  counts() {
    return this.#do(() => ({ ...this.#storage.counts }));
  }

  lanes(limit: number) {
    return this.#do(() => this.#storage.scheduler.status(this.#clock.now(), limit));
  }

  lane(lane: string) {
    return this.#do(() => this.#storage.scheduler.statusOf(lane, this.#clock.now()));
  }

  limitHosts(hosts: Hosts): Promise<void> {
    return this.#do(() => this.#storage.scheduler.limitHosts(hosts));
  }

  limitLane(lane: string, limit: number): Promise<void> {
    return this.#do(() => void this.#storage.scheduler.set(lane, { limit }));
  }

  purge(finishedBefore: number, limit: number): Promise<Purged> {
    return this.#do(() => purge(this.#storage, finishedBefore, limit));
  }

  watch(what: Watched, listener: (change: TaskChange) => void): () => void {
    return this.#watchers.add(what, listener);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#ended ??= new EngineError("The queue is closed");
    this.#claims.close();
    return Promise.resolve();
  }

  /** Does something to the task of that id. */
  #doTo<T>(id: string, work: (row: Row | undefined) => T): Promise<T> {
    return this.#do(() => work(isId("tsk", id) ? this.#storage.find(id) : undefined));
  }

  /** Every call is answered later, as by an engine elsewhere; an exception is a rejection. */
  async #do<T>(work: () => T): Promise<T> {
    await undefined;
    if (this.#ended) throw this.#ended;
    this.#claims.expire();
    try {
      return work();
    } finally {
      this.#claims.serve();
    }
  }
}
