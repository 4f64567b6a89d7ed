/**
 * Tasks in memory as the storage of the lifecycle. What it holds ends with the process.
 *
 * @module
 */

import { readJsonText, textOfJson } from "../../lib/json/held_text.ts";
import type { JsonText } from "../../lib/json.ts";
import { Heap } from "../../lib/heap.ts";
import { type IdSource, openIds, sequenceOf } from "../../lib/ids.ts";
import type { NewBatch } from "../../task/batch.ts";
import type { HistoryPart } from "../../task/history.ts";
import type { EndedTask } from "../../task/event_data.ts";
import { type Counts, noCounts, type TaskState } from "../../task/state.ts";
import type { AttemptRecord, ClaimedTask, FollowUp, TaskRecord } from "../../task/task.ts";
import type { ScheduleChange, StoredDelivery, StoredSchedule } from "../../task/trigger.ts";
import {
  type BatchRow,
  BEHIND,
  claimedOf,
  type Content,
  endedOf,
  MAX_BRIEF,
  type Row,
  summaryOf,
  unpackRetry,
} from "../core/row.ts";
import { erasedAttempt, eraseWords } from "../core/erase.ts";
import { keyName } from "../core/keys.ts";
import { Pauses } from "../core/pauses.ts";
import type { Settled } from "../core/settled.ts";
import type { ClaimStorage, Due, Ended, SubmissionStorage } from "../core/storage.ts";
import {
  EngineError,
  type FailedTask,
  type Idempotency,
  type Inserted,
  type Purged,
  type TaskChange,
} from "../engine.ts";
import { LaneScheduler, type Turn } from "../lanes/lane_scheduler.ts";

/** What is stored of a task besides its row. */
export interface Body {
  readonly spec: string;
  payload: JsonText | undefined;
  readonly tags: readonly string[];
  readonly followUps: string | undefined;
  readonly attempts: AttemptRecord[];
  result: string | undefined;
  carry: string | undefined;
}

/** A batch and its tasks, in the order of submission. */
interface StoredBatch {
  readonly row: BatchRow;
  readonly tasks: Set<Row>;
  readonly followUps: NewBatch["followUps"];
}

interface Place {
  readonly row: Row;
  readonly dueAt: number;
}

/** All that the engine holds. */
export class MemoryStorage implements ClaimStorage<Due, ClaimedTask>, SubmissionStorage {
  /** Shutdowns rewrite what waits at once, so there is one generation. */
  readonly generation = 0;
  closed = false;
  readonly scheduler = new LaneScheduler();
  readonly ids: IdSource;
  readonly ended: Ended[] = [];
  /** Always empty: no payload in memory is damaged, and none outlives a crash. */
  readonly failed: FailedTask[] = [];
  readonly watched: { readonly size: number; has(word: string): boolean };
  readonly counts: Counts = noCounts();
  readonly pauses = new Pauses();
  /** In the order of acceptance. */
  readonly rows = new Map<number, Row>();
  /** By sequence number. */
  readonly bodies = new Map<number, Body>();
  /** By sequence number. */
  readonly batches = new Map<number, StoredBatch>();
  /** By name. */
  readonly schedules = new Map<string, StoredSchedule>();
  /** By sequence number. */
  readonly deliveries = new Map<number, StoredDelivery>();
  /** By step, start and process. */
  readonly history = new Map<string, HistoryPart>();
  /** The end of each session that was signed out. */
  readonly endedSessions = new Map<string, number>();
  /** By scope and key. */
  readonly idempotency = new Map<string, Idempotency & { readonly id: string }>();
  /** The latest change's number. */
  change = 0;
  /** The highest sequence number ever stored. */
  last = 0;
  readonly notify: (change: TaskChange) => void;
  readonly #now: () => number;
  /** What waits, by lane and priority, in the order in which it is served; entries may be out of date. */
  readonly #places = new Map<string, Heap<Place>>();
  /** Tasks of each key that are not final. */
  readonly #ofKey = new Map<string, Set<Row>>();
  readonly #holders = new Map<string, Row>();
  readonly #expiring = new Heap<{ row: Row; at: number }>((a, b) => a.at < b.at);

  constructor(
    now: () => number,
    watched: MemoryStorage["watched"],
    notify: (change: TaskChange) => void,
  ) {
    this.#now = now;
    this.watched = watched;
    this.notify = notify;
    this.ids = openIds(now, crypto.getRandomValues.bind(crypto), 0, "odd");
  }

  get now(): number {
    return this.#now();
  }

  row(seq: number): Row | undefined {
    return this.rows.get(seq);
  }

  insertRow(row: Row, { spec, payload, tags = [], followUps }: Content): void {
    const { seq } = row;
    const stored = { attempts: [], result: undefined, carry: undefined };
    this.rows.set(seq, row);
    const text = followUps === undefined ? undefined : textOfJson(followUps);
    this.bodies.set(seq, { spec, payload, tags, followUps: text, ...stored });
    this.last = Math.max(this.last, seq);
    if (row.batch !== null) this.batches.get(row.batch)?.tasks.add(row);
    this.writeRow(row);
  }

  /** Rows are changed in place; what is stored besides is which tasks of a key are not final. */
  writeRow(row: Row): void {
    if (row.key === null) return;
    const { state } = row;
    const name = keyName(row);
    const others = this.#ofKey.get(name);
    if (state === "queued" || state === "running") {
      if (others) others.add(row);
      else this.#ofKey.set(name, new Set([row]));
    } else if (others?.delete(row) && others.size === 0) this.#ofKey.delete(name);
  }

  writeBehind(): void {}

  nextChange(): number {
    return ++this.change;
  }

  count(from: TaskState | undefined, to: TaskState): void {
    if (from !== undefined) this.counts[from]--;
    this.counts[to]++;
  }

  countQueued(): void {}

  uncountQueued(): void {}

  queuedOf(owner: string): number {
    let count = 0;
    for (const row of this.rows.values()) {
      if (row.state === "queued" && row.owner === owner) count++;
    }
    return count;
  }

  offer(row: Row): void {
    const { lane, priority, dueAt } = row;
    this.#placesOf({ lane, priority }).push({ row, dueAt });
    this.scheduler.offer(lane, priority, dueAt);
  }

  expires(row: Row, at: number): void {
    this.#expiring.push({ row, at });
  }

  /** The first whose time is over. */
  firstExpired(): Row | undefined {
    return this.nextExpiry() <= this.now ? this.#expiring.peek()?.row : undefined;
  }

  /** When the next queued task expires, in milliseconds since the epoch; infinity for never. */
  nextExpiry(): number {
    for (let entry = this.#expiring.peek(); entry; entry = this.#expiring.peek()) {
      if (entry.row.state === "queued" && entry.row.expiresAt === entry.at) return entry.at;
      this.#expiring.pop();
    }
    return Infinity;
  }

  keyHolder(row: Row): Row | undefined {
    return this.#holders.get(keyName(row));
  }

  holdKey(row: Row): void {
    this.#holders.set(keyName(row), row);
  }

  dropKey(row: Row): boolean {
    const name = keyName(row);
    return this.#holders.get(name) === row && this.#holders.delete(name);
  }

  nextOfKey(left: Row): Row | undefined {
    let first: Row | undefined;
    for (const row of this.#ofKey.get(keyName(left)) ?? []) {
      if (row.state !== "queued") continue;
      if (!(row.behind & BEHIND.key) && row.dueAt > this.now) continue;
      if (first === undefined || row.seq < first.seq) first = row;
    }
    return first;
  }

  batch(seq: number): BatchRow | undefined {
    return this.batches.get(seq)?.row;
  }

  insertBatch(row: BatchRow, { followUps }: NewBatch): void {
    this.batches.set(row.seq, { row, tasks: new Set(), followUps });
    this.last = Math.max(this.last, row.seq);
  }

  batchChanged(): void {}

  isMarked(): boolean {
    return false;
  }

  waitingOfBatch({ seq }: BatchRow, limit: number): Row[] {
    const waits = ({ state, behind }: Row) => state === "queued" && behind === BEHIND.batch;
    return [...this.batches.get(seq)?.tasks.values().filter(waits).take(limit) ?? []];
  }

  endedOfBatch({ seq }: BatchRow): EndedTask[] {
    return [...this.batches.get(seq)?.tasks ?? []].map(endedOf);
  }

  report({ seq }: Row, { record, result, carry }: Settled): void {
    const body = this.bodies.get(seq) as Body;
    if (record !== undefined) body.attempts.push(JSON.parse(record));
    body.result = result;
    if (carry !== undefined) body.carry = carry;
  }

  holdLane(): void {}

  policy({ seq }: Row) {
    const spec = JSON.parse(this.bodies.get(seq)?.spec as string);
    return { retry: unpackRetry(spec), onUnknown: spec.onUnknown };
  }

  erase(row: Row): void {
    const body = this.bodies.get(row.seq);
    if (body) {
      body.payload = body.result = body.carry = undefined;
      body.attempts.splice(0, Infinity, ...body.attempts.map(erasedAttempt));
    }
    eraseWords(row);
  }

  record(row: Row, brief = false): TaskRecord {
    const { spec, payload, attempts, result } = this.bodies.get(row.seq) as Body;
    const text = payload === undefined ? undefined : readJsonText(payload).text;
    return {
      ...summaryOf(row, spec),
      attempts: [...attempts],
      ...(text === undefined
        ? {}
        : brief && text.length > MAX_BRIEF
        ? { payloadBytes: text.length }
        : { payload: text }),
      ...(result === undefined ? {} : { result: JSON.parse(result) }),
    };
  }

  specOf(seq: number): string | undefined {
    return this.bodies.get(seq)?.spec;
  }

  followUps(seq: number): FollowUp[] {
    const ofTask = this.bodies.get(seq)?.followUps;
    if (ofTask !== undefined) return JSON.parse(ofTask);
    return [...this.batches.get(seq)?.followUps ?? []];
  }

  dropFollowUps(): void {}

  *due(turn: Turn, limit: number): Iterable<Due> {
    for (let left = limit; left > 0; left--) {
      const row = this.#first(turn);
      if (!row || row.dueAt > turn.until) return;
      yield { row };
    }
  }

  nextDueAt(turn: Turn): number {
    return this.#first(turn)?.dueAt ?? Infinity;
  }

  handOver({ row }: Due): ClaimedTask {
    const { spec, payload = "", carry = null } = this.bodies.get(row.seq) as Body;
    // The bytes are handed on to another thread, and are needed again by the next attempt.
    const own = typeof payload === "string" ? payload : payload.slice();
    return claimedOf(row, spec, own, carry);
  }

  /** The first that waits in a lane at a priority. */
  #first(turn: Turn): Row | undefined {
    const places = this.#placesOf(turn);
    for (let place = places.peek(); place; place = places.peek()) {
      const { row, dueAt } = place;
      const isHere = row.lane === turn.lane && row.dueAt === dueAt;
      if (isHere && row.state === "queued" && row.behind === 0) return row;
      places.pop();
    }
    this.#places.delete(nameOf(turn));
    return undefined;
  }

  #placesOf(slot: Pick<Turn, "lane" | "priority">): Heap<Place> {
    const name = nameOf(slot);
    let places = this.#places.get(name);
    if (!places) {
      places = new Heap((a, b) =>
        a.dueAt < b.dueAt || (a.dueAt === b.dueAt && a.row.seq < b.row.seq)
      );
      this.#places.set(name, places);
    }
    return places;
  }

  /** Throws when a task of a submission is stored already: unlike a file, memory cannot be rolled back. */
  checkNew(rows: readonly { readonly row: Row }[]): void {
    for (const { row } of rows) {
      if (this.rows.has(row.seq)) throw new EngineError(`Cannot insert task "${row.id}" twice`);
    }
  }

  recall(idempotency: Idempotency): Inserted | undefined {
    const known = this.idempotency.get(idempotencyName(idempotency));
    if (!known || known.expiresAt <= this.now) return undefined;
    if (known.fingerprint !== idempotency.fingerprint) return { kind: "conflict" };
    return { kind: "replayed", id: known.id };
  }

  remember(idempotency: Idempotency, id: string): void {
    this.idempotency.set(idempotencyName(idempotency), { ...idempotency, id });
  }

  changeSchedule({ name, expects, record }: ScheduleChange): number | undefined {
    if ((this.schedules.get(name)?.version ?? 0) !== expects) return undefined;
    const version = ++this.change;
    if (record === undefined) this.schedules.delete(name);
    else this.schedules.set(name, { name, version, record: structuredClone(record) });
    return version;
  }

  writeDelivery(delivery: StoredDelivery): void {
    const seq = sequenceOf(delivery.id);
    this.deliveries.set(seq, structuredClone(delivery));
    this.last = Math.max(this.last, seq);
  }

  /** Forgets up to `limit` tasks that became final before then, up to as many older deliveries, and used keys. */
  purge(finishedBefore: number, limit: number): Purged {
    const { deliveries, idempotency, now } = this;
    for (const [name, { expiresAt }] of idempotency) if (expiresAt <= now) idempotency.delete(name);
    const received = [...deliveries].filter(([, { receivedAt }]) => receivedAt < finishedBefore)
      .slice(0, limit);
    for (const [seq] of received) deliveries.delete(seq);
    const old = this.rows.values()
      .filter(({ finishedAt }) => finishedAt !== null && finishedAt < finishedBefore)
      .take(limit).toArray();
    for (const row of old) this.#drop(row);
    return { deleted: old.length, isOver: old.length < limit && received.length < limit };
  }

  /** Forgets a final task; a batch goes with its last. */
  #drop(row: Row): void {
    this.rows.delete(row.seq);
    this.bodies.delete(row.seq);
    this.counts[row.state]--;
    const batch = row.batch === null ? undefined : this.batches.get(row.batch);
    if (!batch) return;
    batch.row.counts[row.state]--;
    batch.tasks.delete(row);
    if (batch.tasks.size === 0) this.batches.delete(batch.row.seq);
  }
}

function nameOf({ lane, priority }: Pick<Turn, "lane" | "priority">): string {
  return `${priority} ${lane}`;
}

function idempotencyName({ scope, key }: Idempotency): string {
  return JSON.stringify([scope, key]);
}
