/**
 * The storage that the lifecycle uses within one transaction.
 *
 * The `load…` methods first lock and read all rows that an operation may need.
 * The lifecycle then runs on these rows, and `write` stores what it changed.
 *
 * @module
 */

import type { IdSource } from "../../lib/ids.ts";
import { sequenceOf } from "../../lib/ids.ts";
import { compact } from "../../lib/compact.ts";
import type { NewBatch } from "../../task/batch.ts";
import type { EndedTask } from "../../task/event_data.ts";
import { learn } from "../../task/lane_health.ts";
import type { TaskState } from "../../task/state.ts";
import type { ClaimedTask, FollowUp, TaskRecord } from "../../task/task.ts";
import type { ScheduleChange, StoredDelivery } from "../../task/trigger.ts";
import { eraseWords } from "../core/erase.ts";
import { keyName } from "../core/keys.ts";
import {
  type BatchRow,
  claimedOf,
  type Content,
  endedOf,
  type Row,
  type Spec,
  unpackRetry,
} from "../core/row.ts";
import type { Settled } from "../core/settled.ts";
import type { ClaimStorage, SubmissionStorage } from "../core/storage.ts";
import type { Idempotency, Inserted } from "../engine.ts";
import type { Turn } from "../lanes/lane_scheduler.ts";
import { ChangedRows } from "./changed_rows.ts";
import type { Session } from "./database/connection.ts";
import type { Found, UnitContext } from "./loaded_rows.ts";
import { isIntact, recordOf } from "./records.ts";

/** The rows of one transaction. */
export class Unit extends ChangedRows
  implements SubmissionStorage, ClaimStorage<Found, ClaimedTask> {
  readonly generation = 0;
  readonly closed: boolean;
  readonly ids: IdSource;
  /** Always empty: `Tail` reads changes back in order and notifies the watchers. */
  readonly watched = new Set<string>();

  constructor(session: Session, context: UnitContext) {
    super(session, context);
    this.closed = context.closed;
    this.ids = context.ids;
  }

  /** Draws the conclusions of a settlement's evidence for its lanes, which have been read. */
  learn(lane: string, settled: Settled): Settled {
    let { hold, adaptiveLimit } = settled;
    for (const evidence of settled.evidence ?? []) {
      // A redirect may lead to a host that no task has named.
      if (!this.health.has(evidence.lane)) continue;
      const step = learn(this.health.get(evidence.lane), evidence, {
        at: this.now,
        running: () => this.scheduler.statusOf(lane, this.now).running,
      });
      this.health.set(evidence.lane, step.health);
      this.changedHealth.add(evidence.lane);
      if (step.breaker) this.breakers.push(step.breaker);
      if (step.hold && !(hold && hold.until > step.hold.until)) ({ hold } = step);
      adaptiveLimit = step.adaptiveLimit ?? adaptiveLimit;
    }
    return { ...settled, ...compact({ hold, adaptiveLimit }) };
  }

  row(seq: number): Row | undefined {
    return this.rows.get(seq);
  }

  insertRow(row: Row, content: Content): void {
    this.rows.set(row.seq, row);
    this.inserted.push({ row, content });
  }

  writeRow(row: Row): void {
    this.changed.add(row);
  }

  writeBehind(row: Row): void {
    this.changedBehind.add(row);
  }

  nextChange(): number {
    return this.numbers.shift() ?? 0;
  }

  count(from: TaskState | undefined, to: TaskState): void {
    if (from !== undefined) {
      this.tally[from]--;
      this.counts[from]--;
    }
    this.tally[to]++;
    this.counts[to]++;
  }

  countQueued(row: Row): void {
    this.#countOwner(row, 1);
  }

  uncountQueued(row: Row): void {
    this.#countOwner(row, -1);
  }

  #countOwner({ owner }: Row, by: number): void {
    if (owner === null) return;
    this.owners.set(owner, (this.owners.get(owner) ?? 0) + by);
    const queued = this.queuedByOwner.get(owner);
    if (queued !== undefined) this.queuedByOwner.set(owner, queued + by);
  }

  queuedOf(owner: string): number {
    return this.queuedByOwner.get(owner) ?? 0;
  }

  offer(row: Row): void {
    this.offers.add(row);
  }

  expires(_row: Row, at: number): void {
    this.nextExpiry = Math.min(this.nextExpiry, at);
  }

  notify(): void {}

  keyHolder(row: Row): { seq: number; generation: number } | undefined {
    const seq = this.holders.get(keyName(row));
    return seq === undefined ? undefined : { seq, generation: 0 };
  }

  holdKey(row: Row): void {
    this.holders.set(keyName(row), row.seq);
    this.changedHolders.set(keyName(row), row.seq);
  }

  dropKey(row: Row): boolean {
    const name = keyName(row);
    if (this.holders.get(name) !== row.seq) return false;
    this.holders.set(name, undefined);
    this.changedHolders.set(name, undefined);
    return true;
  }

  nextOfKey(row: Row): Row | undefined {
    return this.nextOfKeys.get(keyName(row))?.find(({ state }) => state === "queued");
  }

  batch(seq: number): BatchRow | undefined {
    return this.batches.get(seq);
  }

  insertBatch(row: BatchRow, batch: NewBatch): void {
    this.batches.set(row.seq, row);
    this.newBatches.push({ row, batch });
  }

  batchChanged(batch: BatchRow): void {
    this.changedBatches.add(batch);
  }

  isMarked(): boolean {
    return false;
  }

  waitingOfBatch({ seq }: BatchRow, limit: number): readonly Row[] {
    const waiting = this.waiting.get(seq) ?? [];
    return waiting.filter(({ state, behind }) => state === "queued" && behind === 2).slice(
      0,
      limit,
    );
  }

  endedOfBatch({ seq }: BatchRow): EndedTask[] {
    return (this.members.get(seq) ?? []).map((member) => endedOf(this.rows.get(member) as Row));
  }

  report({ seq }: Row, { record, result, carry }: Settled): void {
    this.reports.push({ seq, record, result, carry });
    const stored = this.contents.get(seq);
    if (!stored) return;
    if (record !== undefined) {
      stored.attempts = stored.attempts ? `${stored.attempts},${record}` : record;
    }
    stored.result = result ?? null;
  }

  holdLane(): void {}

  policy({ seq }: Row) {
    const stored = this.contents.get(seq);
    if (!stored || !isIntact(stored)) return undefined;
    const spec: Spec = JSON.parse(stored.spec);
    return { retry: unpackRetry(spec), onUnknown: spec.onUnknown };
  }

  erase(row: Row): void {
    this.erased.push(row.seq);
    eraseWords(row);
    this.changed.add(row);
  }

  record(row: Row): TaskRecord {
    return recordOf(row, this.contents.get(row.seq));
  }

  followUps(seq: number): FollowUp[] {
    return this.loadedFollowUps.get(seq) ?? [];
  }

  dropFollowUps(batch: BatchRow): void {
    this.disarmed.push(batch.seq);
    this.changedBatches.add(batch);
  }

  *due({ lane, priority, until }: Turn, limit: number): Iterable<Found> {
    const due = this.dueByPlace.get(`${priority} ${lane}`) ?? [];
    for (let left = limit; left > 0; left--) {
      const first = due[0];
      if (!first || first.row.dueAt > until) return;
      due.shift();
      yield first;
    }
  }

  nextDueAt({ lane, priority }: Turn): number {
    return this.dueByPlace.get(`${priority} ${lane}`)?.[0]?.row.dueAt ?? Infinity;
  }

  handOver({ row, spec, payload, carry, isIntact }: Found): ClaimedTask | undefined {
    this.claimedFrom.add(row.lane);
    return isIntact ? claimedOf(row, spec, payload, carry) : undefined;
  }

  recall(): Inserted | undefined {
    return this.idempotency;
  }

  remember({ scope, key, fingerprint, expiresAt }: Idempotency, id: string): void {
    const { sql } = this.context;
    this.extra.push(async (session) => {
      await session.run(sql.setIdempotency, scope, key, fingerprint, id, expiresAt);
    });
  }

  changeSchedule({ name, expects, record }: ScheduleChange): number | undefined {
    if (this.versions.get(name) !== expects) return undefined;
    const { sql } = this.context;
    // A unique number, drawn before the write because the caller needs it at once.
    const version = this.context.ids("tsk");
    const number = sequenceOf(version);
    this.extra.push(async (session) => {
      if (record === undefined) await session.run(sql.dropSchedule, name);
      else await session.run(sql.setSchedule, name, number, JSON.stringify(record));
    });
    return number;
  }

  writeDelivery({ id, hook, receivedAt, verdict, content }: StoredDelivery): void {
    const { sql } = this.context;
    const values = [sequenceOf(id), id, hook, receivedAt, JSON.stringify(verdict), content];
    this.extra.push(async (session) => void await session.run(sql.setDelivery, ...values));
  }
}
