/**
 * The rows that one transaction has locked and read.
 *
 * Locks are always taken in this order: lanes, keys, tasks, batches, tally.
 *
 * @module
 */

import type { Hosts } from "../../task/host_limits.ts";
import type { IdSource } from "../../lib/ids.ts";
import type { LaneHealth } from "../../task/lane_health.ts";
import { noCounts, TASK_STATES } from "../../task/state.ts";
import type { FollowUp } from "../../task/task.ts";
import type { ScheduleChange } from "../../task/trigger.ts";
import { keyName } from "../core/keys.ts";
import type { Pauses } from "../core/pauses.ts";
import type { BatchRow, Row } from "../core/row.ts";
import type { Due } from "../core/storage.ts";
import type { Idempotency, Inserted } from "../engine.ts";
import { LaneScheduler, type LaneTerms } from "../lanes/lane_scheduler.ts";
import { checksumOf, LANE_PLACE, type LaneNames, ROW_WIDTH, rowFrom } from "./database/columns.ts";
import type { Rows, Session } from "./database/connection.ts";
import { batchFrom, type StoredContent } from "./records.ts";
import type { Sql } from "./database/sql.ts";

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

/** A lane and priority from which to claim. */
export interface DueTurn {
  readonly lane: string;
  readonly priority: number;
  /** No task here is due before this time, in milliseconds since the epoch. */
  readonly head: number;
  /** How many more may run in the lane. */
  readonly room: number;
}

/** What was read, and how to read more. */
export class LoadedRows {
  readonly now: number;
  readonly scheduler = new RecordingScheduler();
  readonly counts = noCounts();
  readonly pauses: Pauses;
  /** What is known of the lanes that were read; `undefined` of a lane without faults. */
  readonly health = new Map<string, LaneHealth | undefined>();

  protected readonly context: UnitContext;
  protected readonly session: Session;
  protected readonly rows = new Map<number, Row>();
  protected readonly batches = new Map<number, BatchRow>();
  protected readonly holders = new Map<string, number | undefined>();
  protected readonly nextOfKeys = new Map<string, Row[]>();
  protected readonly waiting = new Map<number, Row[]>();
  protected readonly members = new Map<number, number[]>();
  protected readonly loadedFollowUps = new Map<number, FollowUp[]>();
  protected readonly contents = new Map<number, StoredContent>();
  protected readonly dueByPlace = new Map<string, Found[]>();
  protected readonly queuedByOwner = new Map<string, number>();
  protected readonly versions = new Map<string, number>();
  protected numbers: number[] = [];
  protected idempotency: Inserted | undefined;

  constructor(session: Session, context: UnitContext) {
    this.session = session;
    this.context = context;
    this.now = context.now;
    this.pauses = context.pauses;
    this.scheduler.limitHosts(context.hosts);
  }

  /**
   * Locks tasks, and reads all rows that ending, cancelling or reviving them may
   * need; with `lanes`, also the lanes of the tasks and those of that name.
   */
  async loadTasks(
    seqs: readonly number[],
    { lanes }: { lanes?: readonly string[] | undefined } = {},
  ): Promise<void> {
    if (seqs.length === 0) return;
    const { sql, lanes: table } = this.context;
    const more = (lanes ?? []).filter((name) => table.has(name));
    const ids = more.map((name) => table.id(name));
    const rows = await this.session.run(sql.lockTasks, seqs, lanes !== undefined, ids);
    await this.#takeRows(rows.map((values) => values.slice(0, ROW_WIDTH)));
    if (lanes) await this.loadLanes([...[...this.rows.values()].map(({ lane }) => lane), ...more]);
    await this.#loadNeighbours([...this.rows.values()]);
  }

  /** Locks the lanes that no other node is claiming from, reads their state, and returns their names. */
  async lockLanes(names: readonly string[]): Promise<string[]> {
    const { sql, lanes, node } = this.context;
    const rows = await this.session.run(sql.lockLanes, node, names.map((name) => lanes.id(name)));
    for (const values of rows) this.#seedLane(values);
    return rows.map(([id]) => lanes.name(id));
  }

  /**
   * Locks up to `limit` tasks that are due in these lanes, and reads all rows that claiming them
   * may need. Returns how many were locked.
   */
  async loadDue(turns: readonly DueTurn[], limit: number): Promise<number> {
    const { sql, lanes } = this.context;
    const rows = await this.session.run(
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
      const row = this.rows.get(values[0]) as Row;
      if (!isFree) {
        // Another transaction holds the lock of its key, and offers the key's next task itself.
        this.rows.delete(row.seq);
        continue;
      }
      found.push(row);
      const isIntact = spec !== null && checksumOf(spec, payload) === checksum;
      const place = `${row.priority} ${row.lane}`;
      const due = this.dueByPlace.get(place) ?? [];
      due.push({ row, spec, payload: payload ?? "", carry, isIntact });
      this.dueByPlace.set(place, due);
    }
    await this.#loadNeighbours(found);
    return found.length;
  }

  /** Locks running tasks whose node no longer exists, and returns their numbers. */
  async lockOrphans(limit: number): Promise<number[]> {
    const rows = await this.session.run(this.context.sql.orphans, limit);
    return rows.map(([seq]) => seq);
  }

  /** Locks the keys of new tasks, and reads which task holds each key. */
  async loadKeys(keys: readonly string[]): Promise<void> {
    if (keys.length === 0) return;
    const { sql } = this.context;
    await this.session.run(sql.lockKeys, keys);
    await this.#loadHolders(keys);
  }

  /** Locks and reads what a submission changes besides tasks. */
  async loadSubmission(
    { idempotency, schedule }: { idempotency?: Idempotency; schedule?: ScheduleChange },
  ): Promise<void> {
    const { sql } = this.context;
    if (idempotency) {
      const { scope, key, fingerprint } = idempotency;
      const [known] = await this.session.run(sql.lockIdempotency, scope, key);
      const [usedFor, id, expiresAt] = known ?? [];
      if (expiresAt > this.now) {
        this.idempotency = usedFor === fingerprint
          ? { kind: "replayed", id }
          : { kind: "conflict" };
      }
    }
    if (schedule) {
      await this.session.run(sql.lockKeys, [`schedule ${schedule.name}`]);
      const [row] = await this.session.run(sql.scheduleVersion, schedule.name);
      this.versions.set(schedule.name, row?.[0] ?? 0);
    }
  }

  /** Reads the pauses: a claim must not begin what another node has paused. */
  async loadPauses(): Promise<void> {
    const rows = await this.session.run(this.context.sql.pauses);
    this.pauses.set(rows.map(([record]) => JSON.parse(record)));
  }

  /** Reads how many tasks are in each state, and how many of each of these API keys are queued. */
  async loadCounts(owners: readonly string[] = []): Promise<void> {
    const { sql } = this.context;
    const [row] = owners.length === 0
      ? await this.session.run(sql.counts)
      : await this.session.run(sql.countsWithOwners, owners);
    TASK_STATES.forEach((state, at) => this.counts[state] = row?.[at] ?? 0);
    const queued: unknown[] = row?.[TASK_STATES.length] ?? [];
    owners.forEach((owner, at) => this.queuedByOwner.set(owner, Number(queued[at] ?? 0)));
  }

  /** Reads the stored content of tasks, for `policy` and `record`. */
  async loadContents(seqs: readonly number[]): Promise<void> {
    if (seqs.length === 0) return;
    const rows = await this.session.run(this.context.sql.contents, seqs);
    for (const [seq, spec, payload, checksum, attempts, result] of rows) {
      this.contents.set(seq, { spec, payload, checksum, attempts, result });
    }
  }

  async #takeRows(rows: Rows): Promise<void> {
    const { lanes } = this.context;
    await lanes.read(this.session, rows.map((values) => values[LANE_PLACE]));
    for (const values of rows) {
      if (!this.rows.has(values[0])) this.rows.set(values[0], rowFrom(values, lanes));
    }
  }

  /** Batches, keys and follow-ups of these rows. */
  async #loadNeighbours(rows: readonly Row[]): Promise<void> {
    const { sql } = this.context;
    const batches = unique(rows.map(({ batch }) => batch));
    const keys = unique(rows.map((row) => row.key === null ? null : keyName(row)));
    if (keys.length > 0) {
      await this.#loadHolders(keys);
      // One more than the rows that may end: the next of a key may be among these rows itself.
      const next = await this.session.run(sql.nextOfKeys, keys, this.now, rows.length + 1);
      await this.#takeRows(next);
      for (const [seq] of next) {
        const row = this.rows.get(seq) as Row;
        const name = keyName(row);
        this.nextOfKeys.set(name, [...this.nextOfKeys.get(name) ?? [], row]);
      }
    }
    if (batches.length > 0) await this.#loadBatches(batches, rows);
    const followed = rows.filter(({ follows }) => follows).map(({ seq }) => seq);
    const armed = [...this.batches.values()].filter(({ follows }) => follows).map(({ seq }) => seq);
    if (followed.length + armed.length === 0) return;
    await this.loadContents(followed);
    const followUps = await this.session.run(sql.followUps, [...followed, ...armed]);
    for (const [seq, text] of followUps) this.loadedFollowUps.set(seq, JSON.parse(text));
    const made = [...this.loadedFollowUps.values()].reduce((sum, { length }) => sum + length, 0);
    const [numbers] = await this.session.run(sql.reserve, rows.length * 2 + made);
    this.numbers = numbers?.[0].map(Number) ?? [];
  }

  async #loadHolders(keys: readonly string[]): Promise<void> {
    const { sql } = this.context;
    for (const key of keys) this.holders.set(key, undefined);
    for (const [key, seq] of await this.session.run(sql.holders, keys)) {
      this.holders.set(key, seq);
    }
  }

  async #loadBatches(seqs: readonly number[], rows: readonly Row[]): Promise<void> {
    const { sql } = this.context;
    for (const values of await this.session.run(sql.lockBatches, seqs)) {
      const batch = batchFrom(values);
      this.batches.set(batch.seq, batch);
    }
    const limited = [...this.batches.values()].filter(({ concurrency }) => concurrency !== null);
    if (limited.length > 0) {
      const waiting = await this.session.run(
        sql.waitingOfBatches,
        limited.map(({ seq }) => seq),
        32 + rows.length,
      );
      await this.#takeRows(waiting);
      for (const { seq } of limited) this.waiting.set(seq, []);
      for (const [seq] of waiting) {
        const row = this.rows.get(seq) as Row;
        this.waiting.get(row.batch as number)?.push(row);
      }
      await this.loadLanes(waiting.map(([seq]) => (this.rows.get(seq) as Row).lane));
    }
    for (const batch of this.batches.values()) {
      const { queued, running } = batch.counts;
      if (!batch.follows || queued + running > rows.length) continue;
      const members = await this.session.run(sql.membersOfBatch, batch.seq);
      await this.#takeRows(members);
      this.members.set(batch.seq, members.map(([seq]) => seq));
    }
  }

  /** Reads the state of lanes, for operations that release tasks or hold a lane. */
  async loadLanes(names: readonly string[]): Promise<void> {
    const { sql, lanes } = this.context;
    const ids = unique(names).map((name) => lanes.id(name));
    for (const values of await this.session.run(sql.lanes, ids)) this.#seedLane(values);
  }

  #seedLane(
    [id, own, adaptiveLimit, paidAt, heldUntil, reason, running, health]: readonly unknown[],
  ): void {
    const name = this.context.lanes.name(id as number);
    this.health.set(name, health === null ? undefined : JSON.parse(health as string));
    this.scheduler.seed(name, {
      ...(own === null ? {} : { limit: own as number }),
      ...(adaptiveLimit === null ? {} : { adaptiveLimit: adaptiveLimit as number }),
      ...(heldUntil ? { heldUntil: heldUntil as number, reason: reason as string } : {}),
    });
    this.scheduler.restore(name, { running: running as number, paidAt: paidAt as number });
  }
}

function unique<T>(values: readonly (T | null)[]): T[] {
  return [...new Set(values)].filter((value): value is NonNullable<typeof value> & T =>
    value !== null
  );
}
