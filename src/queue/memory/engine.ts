/**
 * The engine that keeps tasks in memory: for trying things out, and for tests.
 * What it keeps ends with the process.
 *
 * @module
 */

import type { Hosts } from "../../task/host_limits.ts";
import type { Clock } from "../../lib/clock.ts";
import type { CancelReason, Settlement } from "../../task/outcome.ts";
import type { ClaimedTask } from "../../task/task.ts";
import { formatCursor, parseCursor } from "../cursor.ts";
import {
  type Cancelled,
  type Changed,
  EngineError,
  type Inserted,
  type Purged,
  type QueueEngine,
  type Submission,
  type TaskChange,
  type TaskFilter,
  type Watched,
} from "../engine.ts";
import { allowing, DEFAULT_MAX_QUEUED } from "../core/rules.ts";
import { Watchers } from "../core/watchers.ts";
import { batchTasks, findBatch, listBatches } from "./batches.ts";
import { Claims } from "./claims.ts";
import { matches, recordOf, type StoredTask, summaryOf } from "./store.ts";
import { Ledger } from "./ledger.ts";
import { purge } from "./purge.ts";
import { type Books, insert } from "./submissions.ts";
import { Triggers } from "./triggers.ts";
import { UsedKeys } from "./used_keys.ts";
import { cancel, revive, runNow, settle } from "./cancel_retry.ts";

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
  readonly #ledger: Ledger;
  readonly #desk: Claims;
  readonly #used = new UsedKeys();
  readonly #triggers = new Triggers();
  #ended: EngineError | undefined;

  constructor({ clock, maxQueued = DEFAULT_MAX_QUEUED }: MemoryOptions) {
    this.#clock = clock;
    this.#maxQueued = maxQueued;
    // As on a thread: listeners hear of a change when the call that made it is through.
    this.#ledger = new Ledger(() => clock.now(), (change) => {
      if (this.#watchers.wants(change)) queueMicrotask(() => this.#watchers.tell(change));
    });
    this.#desk = new Claims(this.#ledger, clock);
  }

  get lastSequence(): number {
    return this.#ledger.last;
  }

  get #books(): Books {
    return { ledger: this.#ledger, used: this.#used, triggers: this.#triggers };
  }

  insert(submission: Submission): Promise<Inserted> {
    return this.#do(() => insert(this.#books, submission, this.#maxQueued));
  }

  claim(limit: number, signal: AbortSignal): Promise<ClaimedTask[]> {
    if (this.#ended) return Promise.reject(this.#ended);
    return this.#desk.claim(limit, signal);
  }

  settle(settlement: Settlement): Promise<boolean> {
    return this.#do(() => settle(this.#ledger, settlement));
  }

  cancel(id: string, reason: CancelReason): Promise<Cancelled> {
    return this.#do(() => {
      const kept = this.#ledger.tasks.get(id);
      return kept ? cancel(this.#ledger, kept, reason) : "not_found";
    });
  }

  cancelAll(filter: TaskFilter, reason: CancelReason) {
    return this.#do(() => {
      let cancelled = 0;
      let aborting = 0;
      for (const kept of this.#matching(allowing(filter, "cancel"))) {
        if (cancel(this.#ledger, kept, reason) === "cancelled") cancelled++;
        else aborting++;
      }
      return { cancelled, aborting };
    });
  }

  cancelWaiting(): Promise<number> {
    return this.#do(() => {
      this.#ledger.closed = true;
      this.#desk.shut();
      const waiting = this.#matching({ states: ["queued"] });
      for (const kept of waiting) cancel(this.#ledger, kept, "shutdown");
      return waiting.length;
    });
  }

  revive(id: string): Promise<Changed> {
    return this.#do(() => {
      const kept = this.#ledger.tasks.get(id);
      if (!kept) return "not_found";
      return revive(this.#ledger, kept) ? "changed" : "not_possible";
    });
  }

  reviveAll(filter: TaskFilter): Promise<number> {
    return this.#do(() =>
      this.#matching(allowing(filter, "revive")).filter((kept) => revive(this.#ledger, kept)).length
    );
  }

  runNow(id: string): Promise<Changed> {
    return this.#do(() => {
      const kept = this.#ledger.tasks.get(id);
      if (!kept) return "not_found";
      if (kept.state !== "queued") return "not_possible";
      runNow(this.#ledger, kept);
      return "changed";
    });
  }

  find(id: string) {
    return this.#do(() => {
      const kept = this.#ledger.tasks.get(id);
      return kept && recordOf(kept);
    });
  }

  list(filter: TaskFilter, limit: number, cursor?: string) {
    return this.#do(() => {
      const before = parseCursor(cursor);
      const found = this.#matching(filter).filter((kept) => kept.seq < before);
      const tasks = found.slice(0, limit).map(summaryOf);
      const last = found.length > limit ? found[limit - 1] : undefined;
      return last ? { tasks, nextCursor: formatCursor(last.seq) } : { tasks };
    });
  }

  findBatch(id: string) {
    return this.#do(() => findBatch(this.#ledger.batches, id));
  }

  batchTasks(id: string) {
    return this.#do(() => batchTasks(this.#ledger.batches, id));
  }

  listBatches(limit: number, cursor?: string) {
    return this.#do(() => listBatches(this.#ledger.batches, limit, parseCursor(cursor)));
  }

  lastChange() {
    return this.#do(() => this.#ledger.change);
  }

  changesAfter(change: number, limit: number): Promise<TaskChange[]> {
    return this.#do(() => this.#ledger.changesAfter(change, limit));
  }

  schedules() {
    return this.#do(() => this.#triggers.schedules());
  }

  deliveries(hook: string, limit: number, cursor?: string) {
    return this.#do(() => this.#triggers.deliveries(hook, limit, parseCursor(cursor)));
  }

  findDelivery(id: string) {
    return this.#do(() => this.#triggers.find(id));
  }

  counts() {
    return this.#do(() => ({ ...this.#ledger.counts }));
  }

  lanes(limit: number) {
    return this.#do(() => this.#ledger.book.status(this.#clock.now(), limit));
  }

  lane(lane: string) {
    return this.#do(() => this.#ledger.book.statusOf(lane, this.#clock.now()));
  }

  limitHosts(hosts: Hosts): Promise<void> {
    return this.#do(() => this.#ledger.book.limitHosts(hosts));
  }

  limitLane(lane: string, limit: number): Promise<void> {
    return this.#do(() => void this.#ledger.book.set(lane, { limit }));
  }

  purge(finishedBefore: number, limit: number): Promise<Purged> {
    return this.#do(() => purge(this.#books, finishedBefore, limit));
  }

  watch(what: Watched, listener: (change: TaskChange) => void): () => void {
    return this.#watchers.add(what, listener);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#ended ??= new EngineError("The queue is closed");
    this.#desk.close();
    return Promise.resolve();
  }

  /** Newest first. */
  #matching(filter: TaskFilter): StoredTask[] {
    return [...this.#ledger.tasks.values()]
      .filter((kept) => matches(filter, kept))
      .sort((a, b) => b.seq - a.seq);
  }

  /** Every call is answered later, as by an engine elsewhere; an exception is a rejection. */
  async #do<T>(work: () => T): Promise<T> {
    await undefined;
    if (this.#ended) throw this.#ended;
    this.#desk.expire();
    try {
      return work();
    } finally {
      this.#desk.serve();
    }
  }
}
