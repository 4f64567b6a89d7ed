/**
 * All tasks in memory, and the one way in which a task goes from a state to
 * another.
 *
 * @module
 */

import { type IdSource, openIds, sequenceOf } from "../../lib/ids.ts";
import { type Counts, isFinal, next, noCounts, type TaskEvent } from "../../task/state.ts";
import type { NewTask } from "../../task/task.ts";
import { EngineError, type TaskChange } from "../engine.ts";
import { Heap } from "../../lib/heap.ts";
import { LaneScheduler } from "../lanes/lane_scheduler.ts";
import { reseat, standBack } from "./batch_concurrency.ts";
import { batchRecordOf, changeOf, type StoredBatch, type StoredTask } from "./store.ts";

interface Place {
  readonly kept: StoredTask;
  readonly dueAt: number;
}

/** What is kept, and who is next. */
export class Ledger {
  /** In the order of acceptance. */
  readonly tasks = new Map<string, StoredTask>();
  /** By id. */
  readonly batches = new Map<string, StoredBatch>();
  /** Which lane is served next. */
  readonly book = new LaneScheduler();
  /** Tasks by state. */
  readonly counts: Counts = noCounts();
  /** The latest change's number. */
  change = 0;
  /** The highest sequence number ever kept. */
  last = 0;
  /** What has ended and may have something that follows. */
  readonly ended: StoredTask[] = [];
  /** Makes the ids of tasks that follow others. */
  readonly ids: IdSource;
  /** What waits, by lane and priority, in the order in which it is served; what has left stands there, too. */
  #places = new Map<string, Heap<Place>>();
  /** Tasks of each key that are not final. */
  #ofKey = new Map<string, Set<StoredTask>>();
  #holders = new Map<string, StoredTask>();
  #expiring = new Heap<{ kept: StoredTask; at: number }>((a, b) => a.at < b.at);
  /** Set by a shutdown: nothing is claimed or accepted any more. */
  closed = false;
  /** The time, in milliseconds since the epoch. */
  readonly now: () => number;
  #tell: (change: TaskChange) => void;

  constructor(now: () => number, tell: (change: TaskChange) => void) {
    this.now = now;
    this.ids = openIds(now, crypto.getRandomValues.bind(crypto), 0, "odd");
    this.#tell = tell;
  }

  /** Tasks changed after that change, each once, in the order of their latest changes. */
  changesAfter(change: number, limit: number): TaskChange[] {
    return [...this.tasks.values()]
      .filter((kept) => kept.change > change)
      .sort((a, b) => a.change - b.change)
      .slice(0, limit)
      .map(changeOf);
  }

  /** Notes the number of an id that is kept. */
  noteId(id: string): void {
    this.last = Math.max(this.last, sequenceOf(id));
  }

  /** Keeps a new task. */
  add(task: NewTask, seq: number): StoredTask {
    const batch = task.batchId === undefined ? undefined : this.batches.get(task.batchId);
    const kept: StoredTask = {
      seq,
      task,
      batch,
      state: "queued",
      parked: false,
      benched: false,
      dueAt: task.dueAt,
      expiresAt: task.expiresAt,
      attempt: 0,
      startedAt: 0,
      possibleDuplicate: false,
      change: ++this.change,
      attempts: [],
      payload: task.payload,
    };
    this.tasks.set(task.id, kept);
    this.last = Math.max(this.last, seq);
    batch?.tasks.add(kept);
    this.counts.queued++;
    this.#queue(kept);
    standBack(kept, this.now());
    this.tell(kept);
    return kept;
  }

  /** Takes a task through an event; the caller has set what goes with it. */
  move(kept: StoredTask, event: TaskEvent): void {
    const from = kept.state;
    const to = next(from, event);
    if (!to) throw new EngineError(`Cannot ${event} task "${kept.task.id}": it is ${from}`);
    kept.state = to;
    kept.change = ++this.change;
    kept.parked = kept.benched = false;
    if (to !== "running") kept.aborting = undefined;
    this.counts[from]--;
    this.counts[to]++;
    if (from === "running") this.book.freed(kept.task.lane);
    if (to === "queued") {
      kept.finishedAt = kept.reason = kept.delivery = undefined;
      this.#queue(kept);
    }
    if (isFinal(to)) {
      kept.finishedAt ??= this.now(); // What follows may tell of the result, and erases it then.
      if (!kept.task.followUps) this.erase(kept);
      if (kept.task.followUps || kept.batch?.armed) this.ended.push(kept);
      this.#leaveKey(kept);
    }
    reseat(this, kept, from, to);
    this.tell(kept);
  }

  /** Erases what is bulky, where that was asked for. */
  erase(kept: StoredTask): void {
    if (kept.task.retain === "none") kept.payload = kept.result = kept.carry = undefined;
  }

  /** Something of a task has changed, but not its state. */
  note(kept: StoredTask): void {
    kept.change = ++this.change;
    this.tell(kept);
  }

  /** Forgets a final task; a batch goes with its last. */
  drop(kept: StoredTask): void {
    this.tasks.delete(kept.task.id);
    this.counts[kept.state]--;
    kept.batch?.tasks.delete(kept);
    if (kept.batch?.tasks.size === 0) this.batches.delete(kept.batch.batch.id);
  }

  /** Notes a change for whoever watches. */
  tell(kept: StoredTask): void {
    const { batch } = kept;
    const done = batch && isFinal(kept.state) && batchRecordOf(batch).done;
    this.#tell({
      id: kept.task.id,
      type: kept.task.type,
      state: kept.state,
      attempt: kept.attempt,
      at: this.now(),
      change: kept.change,
      ...(batch ? { batchId: batch.batch.id } : {}),
      ...(done ? { batchDone: true } : {}),
      ...(kept.aborting ? { abort: kept.aborting } : {}),
    });
  }

  /** Puts a task where it waits for its turn. */
  place(kept: StoredTask): void {
    if (kept.parked || kept.benched) return;
    const { lane, priority } = kept.task;
    this.#placesOf(lane, priority).push({ kept, dueAt: kept.dueAt });
    this.book.offer(lane, priority, kept.dueAt);
  }

  /** The first that waits in a lane at a priority. */
  first(lane: string, priority: number): StoredTask | undefined {
    const places = this.#placesOf(lane, priority);
    for (let place = places.peek(); place; place = places.peek()) {
      const { kept, dueAt } = place;
      if (kept.state === "queued" && !kept.parked && !kept.benched && kept.dueAt === dueAt) {
        return kept;
      }
      places.pop();
    }
    this.#places.delete(`${priority} ${lane}`);
    return undefined;
  }

  /** Takes the key when it is free; `false` when the task has to be parked. */
  joinKey(kept: StoredTask): boolean {
    const { key } = kept.task;
    const holder = key === undefined ? kept : this.#holders.get(key);
    if (key === undefined || holder === kept) return true;
    if (kept.dueAt > this.now()) return true;
    if (holder) return false;
    this.#holders.set(key, kept);
    return true;
  }

  /** The first whose time is over, and is therefore to be ended. */
  firstExpired(): StoredTask | undefined {
    return this.nextExpiry() <= this.now() ? this.#expiring.peek()?.kept : undefined;
  }

  /** When the next queued task expires, in milliseconds since the epoch; infinity for never. */
  nextExpiry(): number {
    for (let entry = this.#expiring.peek(); entry; entry = this.#expiring.peek()) {
      if (entry.kept.state === "queued" && entry.kept.expiresAt === entry.at) return entry.at;
      this.#expiring.pop();
    }
    return Infinity;
  }

  #queue(kept: StoredTask): void {
    const { key } = kept.task;
    if (key !== undefined) {
      const others = this.#ofKey.get(key) ?? new Set();
      this.#ofKey.set(key, others.add(kept));
      kept.parked = !this.joinKey(kept);
    }
    if (kept.expiresAt !== undefined) this.#expiring.push({ kept, at: kept.expiresAt });
    this.place(kept);
  }

  #leaveKey(kept: StoredTask): void {
    const { key } = kept.task;
    if (key === undefined) return;
    const others = this.#ofKey.get(key);
    if (others?.delete(kept) && others.size === 0) this.#ofKey.delete(key);
    if (this.#holders.get(key) !== kept) return;
    this.#holders.delete(key);
    let heir: StoredTask | undefined;
    for (const other of others ?? []) {
      if (!other.parked && other.dueAt > this.now()) continue;
      if (heir === undefined || other.seq < heir.seq) heir = other;
    }
    if (!heir) return;
    this.#holders.set(key, heir);
    heir.parked = false;
    this.place(heir);
  }

  #placesOf(lane: string, priority: number): Heap<Place> {
    const name = `${priority} ${lane}`;
    let places = this.#places.get(name);
    if (!places) {
      places = new Heap((a, b) =>
        a.dueAt < b.dueAt || (a.dueAt === b.dueAt && a.kept.seq < b.kept.seq)
      );
      this.#places.set(name, places);
    }
    return places;
  }
}
