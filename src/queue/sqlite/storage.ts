/**
 * The open file as the storage of the lifecycle, and what is held in memory
 * about it.
 *
 * What is in memory (counts, lanes, the generation, running tasks) is what the
 * file says as of the present transaction; `load` reads it again after a rollback.
 *
 * @module
 */

import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import { type Failpoint, noFailpoints } from "../../lib/failpoints.ts";
import { type IdSource, openIds, sequenceOf } from "../../lib/ids.ts";
import { textOfJson } from "../../lib/json/held_text.ts";
import type { NewBatch } from "../../task/batch.ts";
import type { EndedTask } from "../../task/event_data.ts";
import type { Hosts } from "../../task/host_limits.ts";
import { type Counts, noCounts, type TaskState } from "../../task/state.ts";
import type { AttemptRecord, FollowUp, TaskRecord } from "../../task/task.ts";
import type { ScheduleChange, StoredDelivery } from "../../task/trigger.ts";
import { type BatchRow, type Content, endedOf, type Row, unpackRetry } from "../core/row.ts";
import { erasedAttempt, eraseWords } from "../core/erase.ts";
import { keyName } from "../core/keys.ts";
import { Pauses } from "../core/pauses.ts";
import { cancelByShutdown } from "../core/rules.ts";
import type { Settled } from "../core/settled.ts";
import type { ClaimStorage, Due, Ended, SubmissionStorage } from "../core/storage.ts";
import type { FailedTask, Idempotency, Inserted, TaskChange } from "../engine.ts";
import { LaneScheduler, type Turn } from "../lanes/lane_scheduler.ts";
import type { HandedOver } from "./codec.ts";
import { Batches } from "./file/batches.ts";
import { recordOf, ShortenedPayloads } from "./file/record.ts";
import { CHANGED_TOGETHER, type Meta, readMeta, writeChanged, writeMeta } from "./file/meta.ts";
import {
  type Body,
  bodyFrom,
  checksumOf,
  isIntact,
  LANE,
  rowFrom,
  runUpdate,
  STATE,
  type Values,
} from "./file/rows.ts";
import { prepare, type Statements } from "./file/statements.ts";
import { InsertBuffer } from "./insert_buffer.ts";
import { LaneTable } from "./lane_table.ts";
import { QueuedCounts } from "./queued.ts";

/** A clock that is set back by less is one that was corrected a little. */
const SET_BACK_MS = 500;

/** A due task with what was read along with its row. */
interface DueTask extends Due {
  readonly body: Body | undefined;
  /** Stored by the present transaction: its body was not read. */
  readonly isNew?: true;
}

/** The open file. */
export class SqliteStorage implements ClaimStorage<DueTask, HandedOver>, SubmissionStorage, Meta {
  /** For statements that are made for one query. */
  readonly db: DatabaseSync;
  /** Every statement that runs for each task. */
  readonly sql: Statements;
  /** Rows of batches. */
  readonly batches: Batches;
  /** Numbers of lanes, and what is set for them. */
  readonly lanes: LaneTable;
  scheduler = new LaneScheduler();
  /** What is allowed towards hosts. */
  hosts: Hosts = new Map();
  now = 0;
  counts: Counts = noCounts();
  readonly pauses = new Pauses();
  /** Where `applyPauses` goes on to set bits, and to clear them; `undefined` when there is nothing to do. */
  pausing: number | undefined;
  resuming: Pick<Row, "behind" | "dueAt" | "seq"> | undefined;
  /** Queued tasks by what they wait for. */
  readonly queuedCounts: QueuedCounts;
  /** Queued tasks of each API key; read when a quota first asks for it. */
  #queuedOf: Map<string, number> | undefined;
  /** Whether that was in the present transaction, which may be rolled back. */
  #queuedOfIsNew = false;
  /** What the present transaction has added to it. */
  readonly #addedTo = new Map<string, number>();
  change = 0;
  last = 0;
  generation = 0;
  sweeping = false;
  shutdownAt = 0;
  /** No queued task expires before, in milliseconds since the epoch. */
  nextExpiry = Infinity;
  readonly watched = new Set<string>();
  /** Watched changes of the present transaction. */
  changes: TaskChange[] = [];
  failed: FailedTask[] = [];
  readonly ended: Ended[] = [];
  readonly ids: IdSource;
  /** Changes up to then were looked through for such as have been overtaken. */
  overtakenTo = 0;
  /** Tasks up to then were looked through for such as may be deleted. */
  purgedTo = 0;
  readonly #inserts: InsertBuffer;
  readonly #shortened = new ShortenedPayloads();
  /** The rows of running tasks: each is read again when it is settled. */
  readonly #running = new Map<number, Row>();
  /** Tasks changed by the present transaction. */
  #changed: number[] = [];
  #dirty = false;
  #generationDirty = false;
  readonly #openedIn: number;
  readonly #failpoint: Failpoint;

  constructor(db: DatabaseSync, failpoint: Failpoint = noFailpoints) {
    this.db = db;
    this.#failpoint = failpoint;
    this.sql = prepare(db);
    this.queuedCounts = new QueuedCounts(this.sql);
    this.batches = new Batches(this.sql);
    this.#inserts = new InsertBuffer(this.sql);
    this.lanes = new LaneTable(this.sql);
    this.load();
    this.ids = openIds(() => this.now, crypto.getRandomValues.bind(crypto), this.last, "odd");
    this.#openedIn = this.generation;
    // An earlier process may have stopped before it was through.
    if (this.pauses.list().some(({ all }) => !all)) this.pausing = 0;
    if (this.queuedCounts.at(this.now, this.generation, 0).paused > 0) {
      this.resuming = { behind: 0, dueAt: 0, seq: 0 };
    }
  }

  get closed(): boolean {
    return this.generation > this.#openedIn;
  }

  /** Runs `work` as one transaction: all of it is on disk when this returns, or nothing. */
  transaction<T>(now: number, work: () => T): T {
    const was = this.now;
    this.now = now;
    this.changes = [];
    this.failed = [];
    this.sql.begin.run();
    try {
      if (now < was - SET_BACK_MS) this.#setBack(was);
      const value = work();
      this.flush();
      this.batches.flush();
      this.#writeMeta();
      this.#failpoint("before_commit");
      this.sql.commit.run();
      this.#addedTo.clear();
      this.#queuedOfIsNew = false;
      this.#failpoint("after_commit");
      return value;
    } catch (error) {
      if (this.db.isTransaction) this.sql.rollback.run();
      this.now = was;
      this.load();
      throw error;
    }
  }

  /** Times that were derived from a later clock would keep tasks waiting. */
  #setBack(was: number): void {
    const back = was - this.now;
    this.sql.resetDue.run({ now: this.now, back, was });
    this.sql.resetHolds.run(back);
    this.load();
  }

  /** Reads from the file what is held in memory. */
  load(): void {
    Object.assign(this, readMeta(this.sql));
    this.changes = [];
    this.failed = [];
    this.ended.length = 0;
    this.#changed = [];
    this.#dirty = this.#generationDirty = false;
    this.batches.forget();
    this.#inserts.forget();
    this.#running.clear();
    this.scheduler = new LaneScheduler();
    this.scheduler.limitHosts(this.hosts);
    this.lanes.load(this.scheduler);
    for (const { lane } of this.running()) this.scheduler.started(lane);
    this.#loadSlots();
    this.findExpiry();
    this.loadPauses();
    this.queuedCounts.load(this.now, this.generation);
    for (const [owner, count] of this.#addedTo) this.#addToOwner(owner, -count);
    this.#addedTo.clear();
    if (this.#queuedOfIsNew) this.#queuedOf = undefined;
    this.#queuedOfIsNew = false;
  }

  /** Reads the pauses. */
  loadPauses(): void {
    const rows = this.sql.pauses.all() as { record: string }[];
    this.pauses.set(rows.map(({ record }) => JSON.parse(record)));
  }

  /** Skips from lane to lane, however much waits in each. */
  #loadSlots(): void {
    let at = { lane: 0, priority: 10, due_at: 0 };
    for (;;) {
      const slot = this.sql.nextSlot
        .get(this.generation, at.lane, at.priority) as typeof at | undefined;
      if (!slot) return;
      this.scheduler.offer(this.lanes.name(slot.lane), slot.priority, slot.due_at);
      at = slot;
    }
  }

  /** Looks up when the next queued task expires. */
  findExpiry(): void {
    const row = this.sql.nextExpiry.get(this.generation) as { expires_at: number } | undefined;
    this.nextExpiry = row?.expires_at ?? Infinity;
  }

  /** Writes the new rows of this transaction, which has to be done before anything else is read. */
  flush(): void {
    this.#inserts.flush();
  }

  /** Writes the new rows if the task of that number is one of them. */
  #writeNew(seq: number): void {
    if (this.#inserts.holds(seq)) this.flush();
  }

  /** Rows of tasks that the file says are running. */
  running(): Row[] {
    return this.rowsOf(this.sql.running);
  }

  /** The rows that a statement reads. */
  rowsOf(statement: StatementSync, ...values: SQLInputValue[]): Row[] {
    this.flush();
    return (statement.all(...values) as unknown as Values[]).map((values) => this.#read(values));
  }

  row(seq: number): Row | undefined {
    const running = this.#running.get(seq);
    if (running) return running;
    this.#writeNew(seq);
    const values = this.sql.task.get(seq) as unknown as Values | undefined;
    return values && this.#asMarked(this.#read(values));
  }

  #read(values: Values): Row {
    values[LANE] = this.lanes.name(Number(values[LANE]));
    return rowFrom(values);
  }

  /** What a shutdown has cancelled reads so, rewritten or not. */
  #asMarked(row: Row): Row {
    if (!this.sweeping || row.state !== "queued" || row.generation >= this.generation) return row;
    cancelByShutdown(row, this.shutdownAt);
    return row;
  }

  insertRow(row: Row, content: Content): void {
    const { seq } = row;
    const { spec, payload, tags, followUps } = content;
    const body = { spec, payload, checksum: checksumOf(spec, payload) };
    this.#inserts.add({ row, lane: this.lanes.id(row.lane), body });
    for (const tag of tags ?? []) this.sql.insertTag.run(tag, seq);
    if (payload instanceof Uint8Array) this.#shortened.add(seq, payload);
    if (followUps !== undefined) this.sql.insertFollowUps.run(seq, textOfJson(followUps));
    this.noteId(seq);
  }

  writeRow(row: Row): void {
    if (!this.#inserts.takes(row)) {
      this.#writeNew(row.seq);
      runUpdate(this.sql.write, row);
    }
    if (row.state === "running") this.#running.set(row.seq, row);
    else this.#running.delete(row.seq);
  }

  writeBehind({ seq, behind }: Row): void {
    this.#writeNew(seq);
    this.sql.writeBehind.run(behind, seq);
  }

  nextChange(seq: number): number {
    this.change++;
    this.#changed.push(seq);
    if (this.#changed.length === CHANGED_TOGETHER) this.#writeChanged();
    return this.change;
  }

  /** Counts a change of the queue that changes no task, and returns its number. */
  nextOtherChange(): number {
    this.#dirty = true;
    return ++this.change;
  }

  count(from: TaskState | undefined, to: TaskState | undefined): void {
    if (from !== undefined) this.counts[from]--;
    if (to !== undefined) this.counts[to]++;
    this.#dirty = true;
  }

  countQueued(row: Row): void {
    this.queuedCounts.add(row, 1);
    this.#countOwner(row, 1);
  }

  uncountQueued(row: Row): void {
    this.queuedCounts.add(row, -1);
    this.#countOwner(row, -1);
  }

  #countOwner({ owner }: Row, by: number): void {
    if (owner === null || !this.#queuedOf) return;
    this.#addToOwner(owner, by);
    this.#addedTo.set(owner, (this.#addedTo.get(owner) ?? 0) + by);
  }

  #addToOwner(owner: string, count: number): void {
    this.#queuedOf?.set(owner, (this.#queuedOf.get(owner) ?? 0) + count);
  }

  queuedOf(owner: string): number {
    if (!this.#queuedOf) {
      this.flush();
      const rows = this.sql.queuedOfOwners.all(this.generation);
      this.#queuedOfIsNew = true;
      this.#queuedOf = new Map(
        (rows as { owner: string; tasks: number }[]).map(({ owner, tasks }) => [owner, tasks]),
      );
    }
    return this.#queuedOf.get(owner) ?? 0;
  }

  /** Since when the oldest due task is due; `undefined` when none is. */
  oldestDueAt(): number | undefined {
    this.flush();
    const behind = this.sql.oldestBehind.get(this.generation, this.now);
    let oldest = (behind as { due_at: number } | undefined)?.due_at ?? Infinity;
    for (const head of this.scheduler.heads()) {
      // A head is a lower bound of what is due in its lane.
      if (head.until >= oldest || head.until > this.now) break;
      oldest = Math.min(oldest, this.nextDueAt(head));
    }
    return oldest > this.now ? undefined : oldest;
  }

  /** Something of the queue as a whole has changed besides its tasks. */
  touch(): void {
    this.#dirty = true;
  }

  /** The number of an id that is stored. */
  noteId(seq: number): void {
    this.last = Math.max(this.last, seq);
    this.#dirty = true;
  }

  /** The generation, or what goes with it, has changed. */
  generationChanged(): void {
    this.#generationDirty = true;
  }

  offer({ lane, priority, dueAt }: Row): void {
    this.scheduler.offer(lane, priority, dueAt);
  }

  expires(_row: Row, at: number): void {
    this.nextExpiry = Math.min(this.nextExpiry, at);
  }

  notify(change: TaskChange): void {
    this.changes.push(change);
  }

  keyHolder(row: Row): { seq: number; generation: number } | undefined {
    return this.sql.holder.get(keyName(row)) as { seq: number; generation: number } | undefined;
  }

  holdKey(row: Row): void {
    this.sql.setHolder.run(keyName(row), row.seq, this.generation);
  }

  dropKey(row: Row): boolean {
    return this.sql.dropHolder.run(keyName(row), row.seq).changes > 0;
  }

  nextOfKey({ key, owner }: Row): Row | undefined {
    this.flush();
    const found = this.sql.nextOfKey
      .get(key, owner, this.generation, this.now) as { seq: number } | undefined;
    return found && this.row(found.seq);
  }

  batch(seq: number): BatchRow | undefined {
    return this.batches.get(seq);
  }

  insertBatch(row: BatchRow, batch: NewBatch): void {
    this.batches.insert(row, batch);
    this.noteId(row.seq);
  }

  batchChanged(batch: BatchRow): void {
    this.batches.changed(batch);
  }

  isMarked(batch: BatchRow): boolean {
    return this.sweeping && batch.generation < this.generation;
  }

  /** The same for a row that was read in part. */
  isMarkedRow(row: { readonly state: number; readonly era: number }): boolean {
    return this.sweeping && row.state === STATE.queued && row.era < this.generation;
  }

  waitingOfBatch({ seq }: BatchRow, limit: number): Pick<Row, "seq" | "lane">[] {
    this.flush();
    const rows = this.sql.waitingOfBatch.all(seq, this.generation, limit);
    return (rows as { seq: number; lane: number }[])
      .map(({ seq, lane }) => ({ seq, lane: this.lanes.name(lane) }));
  }

  endedOfBatch({ seq }: BatchRow): EndedTask[] {
    return this.rowsOf(this.sql.batchRows, seq).map((row) => endedOf(this.#asMarked(row)));
  }

  report({ seq }: Row, { record, result, carry }: Settled): void {
    this.sql.report.run(seq, record ?? null, result ?? null, carry ?? null);
  }

  holdLane(lane: string, until: number, reason: string): void {
    this.lanes.hold(lane, until, reason);
  }

  policy({ seq }: Row) {
    this.#writeNew(seq);
    const body = this.sql.body.get(seq) as unknown as Body | undefined;
    if (!isIntact(body)) return undefined;
    const spec = JSON.parse(body.spec);
    return { retry: unpackRetry(spec), onUnknown: spec.onUnknown };
  }

  erase(row: Row): void {
    this.eraseContent(row);
    eraseWords(row);
    this.sql.eraseRow.run(row.error, row.seq);
    const stored = this.sql.attemptTexts.get(row.seq) as { attempts: string | null } | undefined;
    if (!stored?.attempts) return;
    const attempts: AttemptRecord[] = JSON.parse(`[${stored.attempts}]`);
    const texts = attempts.map((attempt) => JSON.stringify(erasedAttempt(attempt)));
    this.sql.writeAttempts.run(texts.join(","), row.seq);
  }

  /** Erases payload and result. */
  eraseContent({ seq }: Pick<Row, "seq">): void {
    this.#writeNew(seq);
    this.#shortened.delete(seq);
    const body = this.sql.spec.get(seq) as { spec: string } | undefined;
    if (body) this.sql.erasePayload.run(checksumOf(body.spec, null), seq);
    this.sql.eraseResult.run(seq);
  }

  record(row: Row, brief = false): TaskRecord {
    this.#writeNew(row.seq);
    return recordOf(this.sql, row, { shortened: this.#shortened, brief });
  }

  specOf(seq: number): string | undefined {
    this.#writeNew(seq);
    return (this.sql.spec.get(seq) as { spec: string } | undefined)?.spec;
  }

  followUps(seq: number): FollowUp[] {
    const row = this.sql.followUps.get(seq) as { followers: string } | undefined;
    return row ? JSON.parse(row.followers) : [];
  }

  dropFollowUps(batch: BatchRow): void {
    this.sql.dropFollowUps.run(batch.seq);
    this.batches.changed(batch);
  }

  due({ lane, priority, until }: Turn, limit: number): DueTask[] {
    const number = this.lanes.id(lane);
    const rows = this.sql.due
      .all(this.generation, number, priority, until, limit) as unknown as Values[];
    const stored = rows.map((values) => ({ row: this.#read(values), body: bodyFrom(values) }));
    const added = this.#inserts.due(number, priority, until);
    if (added.length === 0) return stored;
    const found = added.map(({ row, body }): DueTask => ({ row, body, isNew: true }));
    return [...stored, ...found].sort(byTurn).slice(0, limit);
  }

  nextDueAt({ lane, priority }: Pick<Turn, "lane" | "priority">): number {
    const number = this.lanes.id(lane);
    const head = this.sql.head.get(this.generation, number, priority);
    const stored = (head as { due_at: number } | undefined)?.due_at ?? Infinity;
    return Math.min(stored, this.#inserts.nextDueAt(number, priority));
  }

  handOver({ row, body, isNew }: DueTask): HandedOver | undefined {
    if (!body || (!isNew && !isIntact(body))) return undefined;
    const stored = row.listed > 0 ? this.sql.carry.get(row.seq) : undefined;
    return { row, body, carry: (stored as { carry: string | null } | undefined)?.carry ?? null };
  }

  recall({ scope, key, fingerprint }: Idempotency): Inserted | undefined {
    const known = this.sql.idempotency.get(scope, key) as
      | { fingerprint: string; id: string; expires_at: number }
      | undefined;
    if (!known || known.expires_at <= this.now) return undefined;
    return known.fingerprint === fingerprint
      ? { kind: "replayed", id: known.id }
      : { kind: "conflict" };
  }

  remember({ scope, key, fingerprint, expiresAt }: Idempotency, id: string): void {
    this.sql.setIdempotency.run(scope, key, fingerprint, id, expiresAt);
    this.sql.purgeIdempotency.run(this.now);
  }

  changeSchedule({ name, expects, record }: ScheduleChange): number | undefined {
    const row = this.sql.schedule.get(name) as { version: number } | undefined;
    if ((row?.version ?? 0) !== expects) return undefined;
    const version = this.nextOtherChange();
    if (record === undefined) this.sql.dropSchedule.run(name);
    else this.sql.setSchedule.run(name, version, JSON.stringify(record));
    return version;
  }

  writeDelivery({ id, hook, receivedAt, verdict, content }: StoredDelivery): void {
    const seq = sequenceOf(id);
    this.sql.setDelivery.run(seq, id, hook, receivedAt, JSON.stringify(verdict), content);
    this.noteId(seq);
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
    if (this.#dirty || this.#generationDirty) writeMeta(this.sql, this);
    this.#dirty = this.#generationDirty = false;
  }
}

/** The order in which tasks of a lane and priority are served. */
function byTurn({ row: a }: Due, { row: b }: Due): number {
  return a.dueAt - b.dueAt || a.seq - b.seq;
}
