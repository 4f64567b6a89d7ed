/**
 * The storage that the lifecycle uses within one transaction.
 *
 * The `load…` methods first lock and read all rows that an operation may need.
 * The lifecycle then runs on these rows, and `write` stores what it changed.
 *
 * Locks are always taken in this order: lanes, keys, tasks, batches, tally.
 *
 * @module
 */

import type { IdSource } from "../../lib/ids.ts";
import type { NewBatch } from "../../task/batch.ts";
import type { Hosts } from "../../task/host_limits.ts";
import type { EndedTask } from "../../task/event_data.ts";
import { type Counts, noCounts, TASK_STATES, type TaskState } from "../../task/state.ts";
import type { AttemptRecord, FollowUp, TaskRecord } from "../../task/task.ts";
import type { ScheduleChange, StoredDelivery } from "../../task/trigger.ts";
import { sequenceOf } from "../../lib/ids.ts";
import { compact } from "../../lib/compact.ts";
import {
  type BatchRow,
  type Content,
  endedOf,
  type Row,
  type Spec,
  summaryOf,
  unpackRetry,
} from "../core/row.ts";
import { erasedAttempt, eraseWords } from "../core/erase.ts";
import { keyName } from "../core/keys.ts";
import type { Pauses } from "../core/pauses.ts";
import type { Settled } from "../core/settled.ts";
import type { ClaimStorage, Due, Ended, SubmissionStorage } from "../core/storage.ts";
import { claimedOf } from "../core/row.ts";
import type { FailedTask, Idempotency, Inserted } from "../engine.ts";
import { type BreakerChange, type LaneHealth, learn } from "../../task/lane_health.ts";
import { LaneScheduler, type LaneTerms, type Turn } from "../lanes/lane_scheduler.ts";
import type { ClaimedTask } from "../../task/task.ts";
import {
  checksumOf,
  insertValues,
  LANE_PLACE,
  type LaneNames,
  type Report,
  ROW_WIDTH,
  rowFrom,
  updateValues,
} from "./columns.ts";
import type { Rows, Session } from "./connection.ts";
import type { Sql } from "./sql.ts";

/** Records what the lifecycle sets for lanes, so that `write` can store it. */
class RecordingScheduler extends LaneScheduler {
  readonly terms = new Map<string, LaneTerms>();

  override set(name: string, terms: LaneTerms): boolean {
    const isLonger = super.set(name, terms);
    this.terms.set(name, { ...this.terms.get(name), ...terms });
    return isLonger;
  }

  /** Sets terms that are stored already. */
  seed(name: string, terms: LaneTerms): void {
    super.set(name, terms);
  }
}

/** A task that is due, with the content that a claim returns. */
export interface Found extends Due {
  readonly spec: string;
  readonly payload: string;
  readonly carry: string | null;
  readonly isIntact: boolean;
}

/** What a unit needs of its engine. */
export interface UnitContext {
  readonly sql: Sql;
  readonly lanes: LaneNames & {
    has(name: string): boolean;
    read(session: Session, ids: readonly number[]): Promise<void>;
  };
  /** Stores the lanes of new tasks in a transaction of its own: `lanes` must not cache a lane that is rolled back. */
  readonly storeLanes: (names: readonly string[]) => Promise<void>;
  readonly now: number;
  readonly ids: IdSource;
  readonly node: number;
  readonly closed: boolean;
  /** The connection's row in the `tally` table. */
  readonly slot: number;
  /** The limits that the operator has set for hosts. */
  readonly hosts: Hosts;
  /** The pauses, as last read. */
  readonly pauses: Pauses;
}

/** What the engine must know once the transaction is committed. */
export interface Outcome {
  /** Queued tasks that may be claimed now or at their time. */
  readonly offers: readonly Row[];
  /** When the first of the changed tasks expires, in milliseconds since the epoch; infinity for none. */
  readonly nextExpiry: number;
  /** Whether any task changed. */
  readonly hasChanges: boolean;
  /** Tasks that have become final. */
  readonly final: readonly Row[];
  /** Tasks that failed without the settlement of an attempt. */
  readonly failed: readonly FailedTask[];
  /** Running tasks that are to be aborted. */
  readonly aborting: readonly Row[];
  /** Lanes in which fewer tasks run than before, or whose terms have changed. */
  readonly freed: ReadonlySet<string>;
  /** Breakers that have opened or closed. */
  readonly breakers: readonly BreakerChange[];
}

/** The rows of one transaction. */
export class Unit implements SubmissionStorage, ClaimStorage<Found, ClaimedTask> {
  readonly now: number;
  readonly generation = 0;
  readonly closed: boolean;
  readonly scheduler = new RecordingScheduler();
  readonly ids: IdSource;
  readonly ended: Ended[] = [];
  readonly failed: FailedTask[] = [];
  /** Always empty: `Tail` reads changes back in order and notifies the watchers. */
  readonly watched = new Set<string>();
  readonly counts = noCounts();

  readonly #context: UnitContext;
  readonly #session: Session;
  readonly #rows = new Map<number, Row>();
  readonly #batches = new Map<number, BatchRow>();
  readonly #holders = new Map<string, number | undefined>();
  readonly #nextOfKeys = new Map<string, Row[]>();
  readonly #waiting = new Map<number, Row[]>();
  readonly #members = new Map<number, number[]>();
  readonly #followUps = new Map<number, FollowUp[]>();
  readonly #contents = new Map<number, StoredContent>();
  readonly #due = new Map<string, Found[]>();
  #numbers: number[] = [];

  readonly #inserted: { row: Row; content: Content }[] = [];
  readonly #changed = new Set<Row>();
  readonly #behind = new Set<Row>();
  readonly #reports: Report[] = [];
  readonly #erased: number[] = [];
  readonly #newBatches: { row: BatchRow; batch: NewBatch }[] = [];
  readonly #changedBatches = new Set<BatchRow>();
  readonly #disarmed: number[] = [];
  readonly #changedHolders = new Map<string, number | undefined>();
  readonly #tally = noCounts();
  readonly #offers = new Set<Row>();
  readonly #freed = new Set<string>();
  readonly #extra: ((session: Session) => Promise<void>)[] = [];
  #idempotency: Inserted | undefined;
  readonly pauses: Pauses;
  readonly #queuedOf = new Map<string, number>();
  /** By how much the number of queued tasks of API keys has changed. */
  readonly #owners = new Map<string, number>();
  /** What is known of the lanes that were read; `undefined` of a lane without faults. */
  readonly health = new Map<string, LaneHealth | undefined>();
  readonly #changedHealth = new Set<string>();
  readonly #breakers: BreakerChange[] = [];
  readonly #claimedFrom = new Set<string>();
  readonly #versions = new Map<string, number>();
  #nextExpiry = Infinity;

  constructor(session: Session, context: UnitContext) {
    this.#session = session;
    this.#context = context;
    this.now = context.now;
    this.closed = context.closed;
    this.pauses = context.pauses;
    this.ids = context.ids;
    this.scheduler.limitHosts(context.hosts);
  }

  // Locking and reading.

  /**
   * Locks tasks, and reads all rows that ending, cancelling or reviving them may
   * need; with `lanes`, also the lanes of the tasks and those of that name.
   */
  async loadTasks(
    seqs: readonly number[],
    { lanes }: { lanes?: readonly string[] | undefined } = {},
  ): Promise<void> {
    if (seqs.length === 0) return;
    const { sql, lanes: table } = this.#context;
    const more = (lanes ?? []).filter((name) => table.has(name));
    const ids = more.map((name) => table.id(name));
    const rows = await this.#session.run(sql.lockTasks, seqs, lanes !== undefined, ids);
    await this.#takeRows(rows.map((values) => values.slice(0, ROW_WIDTH)));
    if (lanes) await this.loadLanes([...[...this.#rows.values()].map(({ lane }) => lane), ...more]);
    await this.#loadNeighbours([...this.#rows.values()]);
  }

  /** Locks the lanes that no other node is claiming from, reads their state, and returns their names. */
  async lockLanes(names: readonly string[]): Promise<string[]> {
    const { sql, lanes, node } = this.#context;
    const rows = await this.#session.run(sql.lockLanes, node, names.map((name) => lanes.id(name)));
    for (const values of rows) this.#seedLane(values);
    return rows.map(([id]) => lanes.name(id));
  }

  /** Locks the tasks that are due in these lanes, and reads all rows that claiming them may need. */
  async loadDue(turns: readonly DueTurn[], limit: number): Promise<void> {
    const { sql, lanes } = this.#context;
    const rows = await this.#session.run(
      sql.due,
      turns.map(({ lane }) => lanes.id(lane)),
      turns.map(({ priority }) => priority),
      turns.map(({ head }) => head),
      turns.map(({ room }) => Math.min(room, limit)),
      limit,
      this.now,
    );
    await this.#takeRows(rows);
    const found: Row[] = [];
    for (const values of rows) {
      const [spec, payload, checksum, carry, isFree] = values.slice(ROW_WIDTH);
      const row = this.#rows.get(values[0]) as Row;
      if (!isFree) {
        // Another transaction holds the lock of its key, and offers the key's next task itself.
        this.#rows.delete(row.seq);
        continue;
      }
      found.push(row);
      const isIntact = spec !== null && checksumOf(spec, payload) === checksum;
      const place = `${row.priority} ${row.lane}`;
      const due = this.#due.get(place) ?? [];
      due.push({ row, spec, payload: payload ?? "", carry, isIntact });
      this.#due.set(place, due);
    }
    await this.#loadNeighbours(found);
  }

  /** Locks running tasks whose node no longer exists, and returns their numbers. */
  async lockOrphans(limit: number): Promise<number[]> {
    const rows = await this.#session.run(this.#context.sql.orphans, limit);
    return rows.map(([seq]) => seq);
  }

  /** Locks the keys of new tasks, and reads which task holds each key. */
  async loadKeys(keys: readonly string[]): Promise<void> {
    if (keys.length === 0) return;
    const { sql } = this.#context;
    await this.#session.run(sql.lockKeys, keys);
    await this.#loadHolders(keys);
  }

  /** Locks and reads what a submission changes besides tasks. */
  async loadSubmission(
    { idempotency, schedule }: { idempotency?: Idempotency; schedule?: ScheduleChange },
  ): Promise<void> {
    const { sql } = this.#context;
    if (idempotency) {
      const { scope, key, fingerprint } = idempotency;
      const [known] = await this.#session.run(sql.lockIdempotency, scope, key);
      const [usedFor, id, expiresAt] = known ?? [];
      if (expiresAt > this.now) {
        this.#idempotency = usedFor === fingerprint
          ? { kind: "replayed", id }
          : { kind: "conflict" };
      }
    }
    if (schedule) {
      await this.#session.run(sql.lockKeys, [`schedule ${schedule.name}`]);
      const [row] = await this.#session.run(sql.scheduleVersion, schedule.name);
      this.#versions.set(schedule.name, row?.[0] ?? 0);
    }
  }

  /** Reads the pauses: a claim must not begin what another node has paused. */
  async loadPauses(): Promise<void> {
    const rows = await this.#session.run(this.#context.sql.pauses);
    this.pauses.set(rows.map(([record]) => JSON.parse(record)));
  }

  /** Reads how many tasks are in each state, and how many of each of these API keys are queued. */
  async loadCounts(owners: readonly string[] = []): Promise<void> {
    const { sql } = this.#context;
    const [row] = owners.length === 0
      ? await this.#session.run(sql.counts)
      : await this.#session.run(sql.countsWithOwners, owners);
    TASK_STATES.forEach((state, at) => this.counts[state] = row?.[at] ?? 0);
    const queued: unknown[] = row?.[TASK_STATES.length] ?? [];
    owners.forEach((owner, at) => this.#queuedOf.set(owner, Number(queued[at] ?? 0)));
  }

  /** Reads the stored content of tasks, for `policy` and `record`. */
  async loadContents(seqs: readonly number[]): Promise<void> {
    if (seqs.length === 0) return;
    const rows = await this.#session.run(this.#context.sql.contents, seqs);
    for (const [seq, spec, payload, checksum, attempts, result] of rows) {
      this.#contents.set(seq, { spec, payload, checksum, attempts, result });
    }
  }

  async #takeRows(rows: Rows): Promise<void> {
    const { lanes } = this.#context;
    await lanes.read(this.#session, rows.map((values) => values[LANE_PLACE]));
    for (const values of rows) {
      if (!this.#rows.has(values[0])) this.#rows.set(values[0], rowFrom(values, lanes));
    }
  }

  /** Batches, keys and follow-ups of these rows. */
  async #loadNeighbours(rows: readonly Row[]): Promise<void> {
    const { sql } = this.#context;
    const batches = unique(rows.map(({ batch }) => batch));
    const keys = unique(rows.map((row) => row.key === null ? null : keyName(row)));
    if (keys.length > 0) {
      await this.#loadHolders(keys);
      // One more than the rows that may end: the next of a key may be among these rows itself.
      const next = await this.#session.run(sql.nextOfKeys, keys, this.now, rows.length + 1);
      await this.#takeRows(next);
      for (const [seq] of next) {
        const row = this.#rows.get(seq) as Row;
        const name = keyName(row);
        this.#nextOfKeys.set(name, [...this.#nextOfKeys.get(name) ?? [], row]);
      }
    }
    if (batches.length > 0) await this.#loadBatches(batches, rows);
    const followed = rows.filter(({ follows }) => follows).map(({ seq }) => seq);
    const armed = [...this.#batches.values()].filter(({ follows }) => follows).map(({ seq }) =>
      seq
    );
    if (followed.length + armed.length === 0) return;
    await this.loadContents(followed);
    const followUps = await this.#session.run(sql.followUps, [...followed, ...armed]);
    for (const [seq, text] of followUps) this.#followUps.set(seq, JSON.parse(text));
    const made = [...this.#followUps.values()].reduce((sum, { length }) => sum + length, 0);
    const [numbers] = await this.#session.run(sql.reserve, rows.length * 2 + made);
    this.#numbers = numbers?.[0].map(Number) ?? [];
  }

  async #loadHolders(keys: readonly string[]): Promise<void> {
    const { sql } = this.#context;
    for (const key of keys) this.#holders.set(key, undefined);
    for (const [key, seq] of await this.#session.run(sql.holders, keys)) {
      this.#holders.set(key, seq);
    }
  }

  async #loadBatches(seqs: readonly number[], rows: readonly Row[]): Promise<void> {
    const { sql } = this.#context;
    for (const values of await this.#session.run(sql.lockBatches, seqs)) {
      const batch = batchFrom(values);
      this.#batches.set(batch.seq, batch);
    }
    const limited = [...this.#batches.values()].filter(({ concurrency }) => concurrency !== null);
    if (limited.length > 0) {
      const waiting = await this.#session.run(
        sql.waitingOfBatches,
        limited.map(({ seq }) => seq),
        32 + rows.length,
      );
      await this.#takeRows(waiting);
      for (const { seq } of limited) this.#waiting.set(seq, []);
      for (const [seq] of waiting) {
        const row = this.#rows.get(seq) as Row;
        this.#waiting.get(row.batch as number)?.push(row);
      }
      await this.loadLanes(waiting.map(([seq]) => (this.#rows.get(seq) as Row).lane));
    }
    for (const batch of this.#batches.values()) {
      const { queued, running } = batch.counts;
      if (!batch.follows || queued + running > rows.length) continue;
      const members = await this.#session.run(sql.membersOfBatch, batch.seq);
      await this.#takeRows(members);
      this.#members.set(batch.seq, members.map(([seq]) => seq));
    }
  }

  /** Reads the state of lanes, for operations that release tasks or hold a lane. */
  async loadLanes(names: readonly string[]): Promise<void> {
    const { sql, lanes } = this.#context;
    const ids = unique(names).map((name) => lanes.id(name));
    for (const values of await this.#session.run(sql.lanes, ids)) this.#seedLane(values);
  }

  #seedLane(
    [id, own, adaptiveLimit, paidAt, heldUntil, reason, running, health]: readonly unknown[],
  ): void {
    const name = this.#context.lanes.name(id as number);
    this.health.set(name, health === null ? undefined : JSON.parse(health as string));
    this.scheduler.seed(name, {
      ...(own === null ? {} : { limit: own as number }),
      ...(adaptiveLimit === null ? {} : { adaptiveLimit: adaptiveLimit as number }),
      ...(heldUntil ? { heldUntil: heldUntil as number, reason: reason as string } : {}),
    });
    this.scheduler.restore(name, { running: running as number, paidAt: paidAt as number });
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
      this.#changedHealth.add(evidence.lane);
      if (step.breaker) this.#breakers.push(step.breaker);
      if (step.hold && !(hold && hold.until > step.hold.until)) ({ hold } = step);
      adaptiveLimit = step.adaptiveLimit ?? adaptiveLimit;
    }
    return { ...settled, ...compact({ hold, adaptiveLimit }) };
  }

  // The storage that the lifecycle uses.

  row(seq: number): Row | undefined {
    return this.#rows.get(seq);
  }

  insertRow(row: Row, content: Content): void {
    if (this.closed) {
      row.state = "cancelled";
      row.reason = "shutdown";
      row.delivery = "not_delivered";
      row.finishedAt = this.now;
    }
    this.#rows.set(row.seq, row);
    this.#inserted.push({ row, content });
  }

  writeRow(row: Row): void {
    this.#changed.add(row);
  }

  writeBehind(row: Row): void {
    this.#behind.add(row);
  }

  nextChange(): number {
    return this.#numbers.shift() ?? 0;
  }

  count(from: TaskState | undefined, to: TaskState): void {
    if (from !== undefined) {
      this.#tally[from]--;
      this.counts[from]--;
    }
    this.#tally[to]++;
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
    this.#owners.set(owner, (this.#owners.get(owner) ?? 0) + by);
    const queued = this.#queuedOf.get(owner);
    if (queued !== undefined) this.#queuedOf.set(owner, queued + by);
  }

  queuedOf(owner: string): number {
    return this.#queuedOf.get(owner) ?? 0;
  }

  offer(row: Row): void {
    this.#offers.add(row);
  }

  expires(_row: Row, at: number): void {
    this.#nextExpiry = Math.min(this.#nextExpiry, at);
  }

  notify(): void {}

  keyHolder(row: Row): { seq: number; generation: number } | undefined {
    const seq = this.#holders.get(keyName(row));
    return seq === undefined ? undefined : { seq, generation: 0 };
  }

  holdKey(row: Row): void {
    this.#holders.set(keyName(row), row.seq);
    this.#changedHolders.set(keyName(row), row.seq);
  }

  dropKey(row: Row): boolean {
    const name = keyName(row);
    if (this.#holders.get(name) !== row.seq) return false;
    this.#holders.set(name, undefined);
    this.#changedHolders.set(name, undefined);
    return true;
  }

  nextOfKey(row: Row): Row | undefined {
    return this.#nextOfKeys.get(keyName(row))?.find(({ state }) => state === "queued");
  }

  batch(seq: number): BatchRow | undefined {
    return this.#batches.get(seq);
  }

  insertBatch(row: BatchRow, batch: NewBatch): void {
    this.#batches.set(row.seq, row);
    this.#newBatches.push({ row, batch });
  }

  batchChanged(batch: BatchRow): void {
    this.#changedBatches.add(batch);
  }

  isMarked(): boolean {
    return false;
  }

  waitingOfBatch({ seq }: BatchRow, limit: number): readonly Row[] {
    const waiting = this.#waiting.get(seq) ?? [];
    return waiting.filter(({ state, behind }) => state === "queued" && behind === 2).slice(
      0,
      limit,
    );
  }

  endedOfBatch({ seq }: BatchRow): EndedTask[] {
    return (this.#members.get(seq) ?? []).map((member) => endedOf(this.#rows.get(member) as Row));
  }

  report({ seq }: Row, { record, result, carry }: Settled): void {
    this.#reports.push({ seq, record, result, carry });
    const stored = this.#contents.get(seq);
    if (!stored) return;
    if (record !== undefined) {
      stored.attempts = stored.attempts ? `${stored.attempts},${record}` : record;
    }
    stored.result = result ?? null;
  }

  holdLane(): void {}

  policy({ seq }: Row) {
    const stored = this.#contents.get(seq);
    if (!stored || !isIntact(stored)) return undefined;
    const spec: Spec = JSON.parse(stored.spec);
    return { retry: unpackRetry(spec), onUnknown: spec.onUnknown };
  }

  erase(row: Row): void {
    this.#erased.push(row.seq);
    eraseWords(row);
    this.#changed.add(row);
  }

  record(row: Row): TaskRecord {
    return recordOf(row, this.#contents.get(row.seq));
  }

  followUps(seq: number): FollowUp[] {
    return this.#followUps.get(seq) ?? [];
  }

  dropFollowUps(batch: BatchRow): void {
    this.#disarmed.push(batch.seq);
    this.#changedBatches.add(batch);
  }

  *due({ lane, priority, until }: Turn, limit: number): Iterable<Found> {
    const due = this.#due.get(`${priority} ${lane}`) ?? [];
    for (let left = limit; left > 0; left--) {
      const first = due[0];
      if (!first || first.row.dueAt > until) return;
      due.shift();
      yield first;
    }
  }

  nextDueAt({ lane, priority }: Turn): number {
    return this.#due.get(`${priority} ${lane}`)?.[0]?.row.dueAt ?? Infinity;
  }

  handOver({ row, spec, payload, carry, isIntact }: Found): ClaimedTask | undefined {
    this.#claimedFrom.add(row.lane);
    return isIntact ? claimedOf(row, spec, payload, carry) : undefined;
  }

  recall(): Inserted | undefined {
    return this.#idempotency;
  }

  remember({ scope, key, fingerprint, expiresAt }: Idempotency, id: string): void {
    const { sql } = this.#context;
    this.#extra.push(async (session) => {
      await session.run(sql.setIdempotency, scope, key, fingerprint, id, expiresAt);
    });
  }

  changeSchedule({ name, expects, record }: ScheduleChange): number | undefined {
    if (this.#versions.get(name) !== expects) return undefined;
    const { sql } = this.#context;
    // A unique number, drawn before the write because the caller needs it at once.
    const version = this.#context.ids("tsk");
    const number = sequenceOf(version);
    this.#extra.push(async (session) => {
      if (record === undefined) await session.run(sql.dropSchedule, name);
      else await session.run(sql.setSchedule, name, number, JSON.stringify(record));
    });
    return number;
  }

  writeDelivery({ id, hook, receivedAt, verdict, content }: StoredDelivery): void {
    const { sql } = this.#context;
    const values = [sequenceOf(id), id, hook, receivedAt, JSON.stringify(verdict), content];
    this.#extra.push(async (session) => void await session.run(sql.setDelivery, ...values));
  }

  // Writing.

  /** Whether `write` is a single statement, and so needs no transaction around it. */
  get isOneStatement(): boolean {
    return this.#changed.size + this.#changedHolders.size + this.#newBatches.length === 0 &&
      this.#extra.length === 0 &&
      this.#inserted.every(({ content }) =>
        !content.tags?.length && content.followUps === undefined
      );
  }

  /** Stores what was changed. */
  async write(): Promise<Outcome> {
    const { sql, lanes, slot, node } = this.#context;
    const session = this.#session;
    const terms = [...this.scheduler.terms];
    for (const [name, { adaptiveLimit, heldUntil, reason, limit }] of terms) {
      const id = lanes.id(name);
      await session.run(
        sql.setLane,
        id,
        limit ?? null,
        adaptiveLimit === undefined ? null : Math.min(adaptiveLimit, MAX_INT),
        heldUntil ?? null,
        reason ?? null,
      );
    }
    for (const { row, batch } of this.#newBatches) {
      await session.run(
        sql.insertBatch,
        row.seq,
        row.id,
        row.createdAt,
        row.owner,
        row.total,
        JSON.stringify(Object.values(row.counts)),
        row.follows,
        row.concurrency,
      );
      if (row.follows) {
        await session.run(sql.insertFollowUps, [row.seq], [JSON.stringify(batch.followUps)]);
      }
      this.#changedBatches.delete(row);
    }
    const inserted = this.#inserted;
    await this.#context.storeLanes(inserted.map(({ row }) => row.lane));
    await this.#writeHealth();
    const owners = [...this.#owners].filter(([, by]) => by !== 0);
    const tallies = [
      TASK_STATES.map((state) => this.#tally[state]),
      owners.map(([owner]) => owner),
      owners.map(([, by]) => by),
    ];
    const none = [TASK_STATES.map(() => 0), [], []];
    if (inserted.length > 0) {
      const tasks = inserted.map(({ row, content }) => ({ row, ...content }));
      const changedToo = this.#changed.size > 0;
      await session.run(
        sql.insertTasks,
        slot,
        ...changedToo ? none : tallies,
        ...insertValues(tasks, lanes),
      );
      await this.#writeTags();
    }
    // New tasks that changed again after their insert are updated as well.
    if (this.#changed.size > 0) {
      const rows = [...this.#changed];
      await session.run(
        sql.updateTasks,
        slot,
        ...tallies,
        node,
        ...updateValues(rows, this.#reports, lanes),
      );
    }
    const isNew = new Set(inserted.map(({ row }) => row));
    const behind = [...this.#behind].filter((row) => !this.#changed.has(row) && !isNew.has(row));
    if (behind.length > 0) {
      await session.run(
        sql.setBehind,
        behind.map(({ seq }) => seq),
        behind.map((row) => row.behind),
      );
    }
    await this.#writeKeys();
    if (this.#claimedFrom.size > 0) {
      const paid = [...this.#claimedFrom].filter((name) => this.scheduler.paidAt(name) > 0);
      if (paid.length > 0) {
        await session.run(
          sql.setPaid,
          paid.map((name) => lanes.id(name)),
          paid.map((name) => this.scheduler.paidAt(name)),
        );
      }
    }
    for (const batch of this.#changedBatches) {
      const { seq, bytes, follows } = batch;
      await session.run(
        sql.writeBatch,
        seq,
        JSON.stringify(Object.values(batch.counts)),
        bytes,
        follows,
      );
    }
    if (this.#disarmed.length > 0) await session.run(sql.dropFollowUps, this.#disarmed);
    if (this.#erased.length > 0) await this.#writeErased();
    for (const write of this.#extra) await write(session);
    return this.#outcome();
  }

  async #writeHealth(): Promise<void> {
    const { sql, lanes } = this.#context;
    const names = [...this.#changedHealth];
    if (names.length === 0) return;
    const texts = names.map((name) => {
      const health = this.health.get(name);
      return health ? JSON.stringify(health) : null;
    });
    await this.#session.run(sql.setHealth, names.map((name) => lanes.id(name)), texts);
  }

  async #writeTags(): Promise<void> {
    const { sql } = this.#context;
    const tags: string[] = [];
    const tagged: number[] = [];
    const followed: number[] = [];
    const followUps: string[] = [];
    for (const { row, content } of this.#inserted) {
      for (const tag of content.tags ?? []) {
        tags.push(tag);
        tagged.push(row.seq);
      }
      if (content.followUps === undefined) continue;
      followed.push(row.seq);
      followUps.push(content.followUps);
    }
    if (tags.length > 0) await this.#session.run(sql.insertTags, tags, tagged);
    if (followed.length > 0) await this.#session.run(sql.insertFollowUps, followed, followUps);
  }

  async #writeKeys(): Promise<void> {
    const { sql } = this.#context;
    const held = [...this.#changedHolders].filter(([, seq]) => seq !== undefined);
    const free = [...this.#changedHolders].filter(([, seq]) => seq === undefined);
    if (free.length > 0) await this.#session.run(sql.dropHolders, free.map(([key]) => key));
    if (held.length > 0) {
      await this.#session.run(sql.setHolders, held.map(([key]) => key), held.map(([, seq]) => seq));
    }
  }

  async #writeErased(): Promise<void> {
    const { sql } = this.#context;
    const erased = this.#erased;
    const rows = await this.#session.run(sql.contents, erased);
    const checksums = new Map(rows.map(([seq, spec]) => [seq, checksumOf(spec, null)]));
    for (const [seq, , , , attempts] of rows) {
      if (!attempts) continue;
      const left = (JSON.parse(`[${attempts}]`) as AttemptRecord[]).map(erasedAttempt);
      const text = left.map((attempt) => JSON.stringify(attempt)).join(",");
      await this.#session.run(sql.writeAttempts, seq, text);
    }
    await this.#session.run(sql.erase, erased, erased.map((seq) => checksums.get(seq) ?? 0));
  }

  #outcome(): Outcome {
    const changed = [...this.#changed];
    for (const { row } of this.ended) this.#freed.add(row.lane);
    for (const row of changed) if (row.state !== "running") this.#freed.add(row.lane);
    for (const name of this.scheduler.terms.keys()) this.#freed.add(name);
    return {
      offers: [...this.#offers].filter(({ state, behind }) => state === "queued" && behind === 0),
      nextExpiry: this.#nextExpiry,
      hasChanges: changed.length + this.#inserted.length > 0,
      final: changed.filter(({ state }) => state !== "queued" && state !== "running"),
      failed: this.failed,
      aborting: changed.filter(({ state, aborting }) => state === "running" && aborting !== null),
      freed: this.#freed,
      breakers: this.#breakers,
    };
  }
}

/** The largest value of a column of the type `int`. */
const MAX_INT = 2 ** 31 - 1;

/** A lane and priority from which to claim. */
export interface DueTurn {
  readonly lane: string;
  readonly priority: number;
  /** No task here is due before this time, in milliseconds since the epoch. */
  readonly head: number;
  /** How many more may run in the lane. */
  readonly room: number;
}

/** The stored content of a task, besides its row. */
export interface StoredContent {
  spec: string;
  payload: string | null;
  checksum: number;
  attempts: string | null;
  result: string | null;
}

function isIntact({ spec, payload, checksum }: StoredContent): boolean {
  return checksumOf(spec, payload) === checksum;
}

/** Makes the task's full record; leaves out a damaged payload. */
export function recordOf(row: Row, stored: StoredContent | undefined): TaskRecord {
  return {
    ...summaryOf(row, stored?.spec),
    ...(stored && stored.payload !== null && isIntact(stored) ? { payload: stored.payload } : {}),
    attempts: JSON.parse(`[${stored?.attempts ?? ""}]`),
    ...(stored?.result ? { result: JSON.parse(stored.result) } : {}),
  };
}

/** Parses the `counts` column of a batch. */
export function batchCountsFrom(text: string): Counts {
  const numbers: number[] = JSON.parse(text);
  return Object.fromEntries(TASK_STATES.map((state, at) => [state, numbers[at] ?? 0])) as Counts;
}

/** Makes a batch of the columns that `Sql.lockBatches` selects. */
export function batchFrom(values: readonly unknown[]): BatchRow {
  const [seq, id, createdAt, owner, total, counts, bytes, follows, concurrency] = values;
  return {
    seq: seq as number,
    id: id as string,
    createdAt: createdAt as number,
    owner: owner as string | null,
    generation: 0,
    total: total as number,
    counts: batchCountsFrom(counts as string),
    bytes: bytes as number,
    follows: follows as boolean,
    concurrency: concurrency as number | null,
  };
}

function unique<T>(values: readonly (T | null)[]): T[] {
  return [...new Set(values)].filter((value): value is NonNullable<typeof value> & T =>
    value !== null
  );
}
