/**
 * The open file with all that is kept in memory beside it.
 *
 * What is in memory (counts, lanes, the era) is what the file says as of the
 * present transaction; `load` reads it anew after a rollback.
 *
 * @module
 */

import type { DatabaseSync } from "node:sqlite";
import { type Failpoint, noFailpoints } from "../../lib/failpoints.ts";
import { type IdSource, isId, openIds, sequenceOf } from "../../lib/ids.ts";
import type { Hosts } from "../../task/host_limits.ts";
import type { TaskChange } from "../engine.ts";
import { LaneScheduler } from "../lanes/lane_scheduler.ts";
import { undelivered } from "../core/rules.ts";
import { Batches, type BatchRow } from "./file/batches.ts";
import { InsertBuffer } from "./insert_buffer.ts";
import { LaneTable } from "./lane_table.ts";
import { CHANGED_TOGETHER, type Meta, readMeta, writeChanged, writeMeta } from "./file/meta.ts";
import { type Row, rowFrom, STATE } from "./file/rows.ts";
import { prepare, type Statements } from "./file/statements.ts";

/** A clock that is set back by less is one that was corrected a little. */
const SET_BACK_MS = 500;

/** The open file. */
export class Ledger implements Meta {
  /** For statements made to measure. */
  readonly db: DatabaseSync;
  /** Every statement that runs for each task. */
  readonly sql: Statements;
  /** Where the tasks of each batch stand. */
  readonly batches: Batches;
  /** New tasks of the present transaction. */
  readonly intake: InsertBuffer;
  /** Numbers of lanes, and what is set for them. */
  readonly lanes: LaneTable;
  /** Which lane is served next. */
  book = new LaneScheduler();
  /** What is allowed towards hosts. */
  hosts: Hosts = new Map();
  /** The time of the present transaction, in milliseconds since the epoch. */
  now = 0;
  /** Tasks by state, in the order of `TASK_STATES`. */
  counts: number[] = [];
  /** The latest change's number. */
  change = 0;
  /** The highest sequence number ever kept. */
  last = 0;
  /** Shutdown marks set so far. What is queued from an earlier era is cancelled. */
  era = 0;
  /** Whether rows of earlier eras are still to be rewritten. */
  sweeping = false;
  /** When the latest mark was set, in milliseconds since the epoch. */
  markAt = 0;
  /** No queued task expires before, in milliseconds since the epoch. */
  nextExpiry = Infinity;
  /** The words under which somebody watches. */
  readonly watched = new Set<string>();
  /** Watched changes of the present transaction. */
  changes: TaskChange[] = [];
  /** The rows of tasks that run: each is looked at again when it is settled. */
  readonly #running = new Map<number, Row>();
  /** What has ended in the present transaction and has something that follows. */
  readonly ended: { readonly row: Row; readonly batch: number | undefined }[] = [];
  /** Makes the ids of tasks that follow others. */
  readonly ids: IdSource;
  /** Tasks changed by the present transaction. */
  #changed: number[] = [];
  /** Changes up to then were looked through for such as have been overtaken. */
  overtakenTo = 0;
  /** Tasks up to then were looked through for such as may be deleted. */
  purgedTo = 0;
  #dirty = false;
  #eraDirty = false;
  readonly #openedIn: number;
  readonly #failpoint: Failpoint;

  constructor(db: DatabaseSync, failpoint: Failpoint = noFailpoints) {
    this.db = db;
    this.#failpoint = failpoint;
    this.sql = prepare(db);
    this.batches = new Batches(this.sql);
    this.intake = new InsertBuffer(this.sql);
    this.lanes = new LaneTable(this.sql);
    this.load();
    this.ids = openIds(() => this.now, crypto.getRandomValues.bind(crypto), this.last, "odd");
    this.#openedIn = this.era;
  }

  /** Whether a shutdown mark was set since the file was opened: nothing is claimed or accepted. */
  get closed(): boolean {
    return this.era > this.#openedIn;
  }

  /** Runs `work` as one transaction: all of it is on disk when this returns, or nothing. */
  transaction<T>(now: number, work: () => T): T {
    const was = this.now;
    this.now = now;
    this.changes = [];
    this.sql.begin.run();
    try {
      if (now < was - SET_BACK_MS) this.#setBack(was);
      const value = work();
      this.intake.flush();
      this.batches.flush();
      this.#writeMeta();
      this.#failpoint("before_commit");
      this.sql.commit.run();
      this.#failpoint("after_commit");
      return value;
    } catch (error) {
      if (this.db.isTransaction) this.sql.rollback.run();
      this.now = was;
      this.load();
      throw error;
    }
  }

  /** Dates that were made of a time that is not yet come would keep everybody waiting. */
  #setBack(was: number): void {
    const back = was - this.now;
    this.sql.resetDue.run({ now: this.now, back, was });
    this.sql.resetHolds.run(back);
    this.load();
  }

  /** Reads from the file what is kept in memory. */
  load(): void {
    Object.assign(this, readMeta(this.sql));
    this.changes = [];
    this.ended.length = 0;
    this.#changed = [];
    this.#dirty = this.#eraDirty = false;
    this.batches.forget();
    this.intake.forget();
    this.#running.clear();
    this.book = new LaneScheduler();
    this.book.limitHosts(this.hosts);
    this.lanes.load(this.book);
    for (const row of this.sql.running.iterate() as Iterable<unknown>) {
      this.book.started(this.lanes.name((row as Row).lane));
    }
    this.#loadSlots();
    this.findExpiry();
  }

  /** Skips from lane to lane, however much waits in each. */
  #loadSlots(): void {
    let at = { lane: 0, priority: 10, due_at: 0 };
    for (;;) {
      const slot = this.sql.nextSlot.get(this.era, at.lane, at.priority) as typeof at | undefined;
      if (!slot) return;
      this.book.offer(this.lanes.name(slot.lane), slot.priority, slot.due_at);
      at = slot;
    }
  }

  /** Looks up when the next queued task expires. */
  findExpiry(): void {
    const row = this.sql.nextExpiry.get(this.era) as { expires_at: number } | undefined;
    this.nextExpiry = row?.expires_at ?? Infinity;
  }

  /** The row of a task as it now reads; `undefined` when there is none of that id. */
  row(id: string): Row | undefined {
    if (!isId("tsk", id)) return undefined;
    const row = this.rowOf(sequenceOf(id));
    return row?.id === id ? row : undefined;
  }

  /** The row of that number as it now reads. */
  rowOf(seq: number): Row | undefined {
    const running = this.#running.get(seq);
    if (running) return running;
    const row = this.sql.task.get(seq) as unknown as Parameters<typeof rowFrom>[0] | undefined;
    return row && this.asMarked(rowFrom(row));
  }

  /** Notes whether a row, which has just been written, is one that runs. */
  keepRunning(row: Row): void {
    if (row.state === STATE.running) this.#running.set(row.seq, row);
    else this.#running.delete(row.seq);
  }

  /** A batch as of the present transaction; `undefined` when there is none of that id. */
  batchOf(id: string): BatchRow | undefined {
    if (!isId("bat", id)) return undefined;
    const batch = this.batches.get(sequenceOf(id));
    return batch?.id === id ? batch : undefined;
  }

  /** What a shutdown mark has cancelled reads so, rewritten or not. */
  asMarked(row: Row): Row {
    if (!this.sweeping || row.state !== STATE.queued || row.era >= this.era) return row;
    row.state = STATE.cancelled;
    row.reason = "shutdown";
    row.delivery = undelivered(row.duplicate === 1);
    row.finished_at = this.markAt;
    return row;
  }

  /** Whether a shutdown mark has cancelled what waits in this batch. */
  isMarked(batch: BatchRow): boolean {
    return this.sweeping && batch.era < this.era;
  }

  /** The number of a change of this task. */
  nextChange(seq: number): number {
    this.change++;
    this.#changed.push(seq);
    if (this.#changed.length === CHANGED_TOGETHER) this.#writeChanged();
    return this.change;
  }

  /** Something of the queue as a whole has changed beside its tasks. */
  touch(): void {
    this.#dirty = true;
  }

  /** So has the era, or what goes with it. */
  touchEra(): void {
    this.#eraDirty = true;
  }

  /** One task more or less in a state. */
  count(from: number | undefined, to: number | undefined): void {
    if (from !== undefined) this.counts[from]!--;
    if (to !== undefined) this.counts[to]!++;
    this.#dirty = true;
  }

  #writeChanged(): void {
    writeChanged(this.sql, this.#changed, this);
    this.#changed = [];
    this.#dirty = true;
  }

  #writeMeta(): void {
    if (this.#changed.length > 0) {
      this.#writeChanged();
      this.#dirty = false;
    }
    if (this.#dirty || this.#eraDirty) writeMeta(this.sql, this);
    this.#dirty = this.#eraDirty = false;
  }
}
