/**
 * The engine that keeps tasks in PostgreSQL, for one node or several.
 *
 * What is asked for while a transaction is under way goes into the next one.
 * A transaction locks and reads rows, runs the lifecycle on them, and stores
 * what changed; plain inserts are one statement.
 *
 * @module
 */

import { type Clock, sleep, systemClock } from "../../lib/clock.ts";
import { type IdSource, type IdTurn, isId, openIds, sequenceOf } from "../../lib/ids.ts";
import type { Hosts } from "../../task/host_limits.ts";
import type { CancelReason, Settlement } from "../../task/outcome.ts";
import { type Counts, noCounts, TASK_STATES } from "../../task/state.ts";
import type { ClaimedTask, TaskRecord } from "../../task/task.ts";
import type { StoredDelivery, StoredSchedule } from "../../task/trigger.ts";
import { claim as claimDue } from "../core/claims.ts";
import { makeFollowUps } from "../core/follow_ups.ts";
import { keyName } from "../core/keys.ts";
import { cancel, erase, expire, recover, revive, runNow, settle } from "../core/lifecycle.ts";
import { Pauses, pauseTask, resumeTask } from "../core/pauses.ts";
import { batchRecordOf, changeOf, contentOf, newRow, type Row, summaryOf } from "../core/row.ts";
import { allowing, DEFAULT_MAX_QUEUED, isUnused, keepsExpiry } from "../core/rules.ts";
import { type Settled, settledOf } from "../core/settled.ts";
import { insertSubmission } from "../core/submissions.ts";
import { Watchers } from "../core/watchers.ts";
import { formatCursor, parseCursor } from "../cursor.ts";
import {
  type BatchPage,
  type BatchTask,
  type Cancelled,
  type Changed,
  type DeliveryPage,
  type Durability,
  EngineAwayError,
  EngineError,
  type Erased,
  type Inserted,
  type LaneStatus,
  type Page,
  type Pause,
  type Purged,
  type QueuedKinds,
  type QueueEngine,
  type Revived,
  type Submission,
  type TaskChange,
  type TaskFilter,
  type Watched,
} from "../engine.ts";
import type { Announcement, Cluster, NodeReport, NodeStatus } from "../cluster.ts";
import { laneIsOfHost } from "../host.ts";
import type { LaneScheduler } from "../lanes/lane_scheduler.ts";
import { Claimer } from "./claimer.ts";
import { checksumOf, LANE_PLACE, ROW_WIDTH, rowFrom } from "./columns.ts";
import { Connection, type ConnectionOptions, type Session, sqlStateOf } from "./connection.ts";
import { Grouped } from "./group.ts";
import { Hints, type Place } from "./hints.ts";
import { LaneTable } from "./lane_names.ts";
import { type Matching, matching } from "./lists.ts";
import { HEARTBEAT_MS, Node } from "./node.ts";
import { type Line, Pool } from "./pool.ts";
import { migrate, refuseMoved } from "./schema.ts";
import { type Sql, statementsOf } from "./sql.ts";
import { readChanges, Tail } from "./tail.ts";
import { batchFrom, type Outcome, recordOf, type StoredContent, Unit } from "./unit.ts";
import type { PostgresUrl } from "./url.ts";

/** What an engine on PostgreSQL needs. */
export interface PostgresOptions {
  /** The database. */
  readonly url: PostgresUrl;
  /** Wakes claims; the time of what is written is the server's. */
  readonly clock: Clock;
  /** How many tasks may wait; more are refused. */
  readonly maxQueued?: number;
  /** The name of this node; one that returns under its name has its former tasks at once. */
  readonly name: string;
  /** What other nodes may know of this one. */
  readonly report: () => NodeReport;
  /** In [0, 1): spreads tries over time. */
  readonly random: () => number;
  /** Whether an older schema is brought up to date. */
  readonly migrate?: "auto" | "check";
  /** Another way to the same database, for `LISTEN` behind a pooler. */
  readonly listenUrl?: PostgresUrl | undefined;
  /** PEM certificates to trust beside the system's. */
  readonly ca?: string | undefined;
  /** Whether a queue is opened although it was moved. */
  readonly force?: boolean;
  /** Called when the engine cannot go on, and not because the database is away. */
  readonly onFatal?: (error: Error) => void;
  /** Takes the time from `clock`: only a test whose clock stands still needs it. */
  readonly ownTime?: boolean;
}

/** Connections that write, and as many that read. */
const WRITERS = 5;
const READERS = 3;
/** Tasks inserted, and attempts settled, in one transaction. */
const INSERTED_AT_ONCE = 32;
const SETTLED_AT_ONCE = 256;
/** Tasks cancelled, revived, expired or recovered in one transaction. */
const CHANGED_AT_ONCE = 500;
/** How long to wait before a settlement is tried again. */
const AGAIN_MS = 200;
const MAX_AGAIN_MS = 5_000;
/** How often a node looks round for what no notification has said. */
const LOOK_MS = 2_000;
/** The same without notifications. */
const POLL_MS = 100;
/** A lane that another node is claiming from is left alone for so long. */
const BUSY_MS = 5;
/** A full lane is looked at again at the latest then. */
const FULL_MS = 250;
/** A purge looks at so many tasks in one transaction. */
const PURGE_WINDOW = 20_000;

/** Opens the queue, and creates its schema when there is none. */
export async function openPostgresEngine(options: PostgresOptions): Promise<PostgresEngine> {
  const { url, ca, name } = options;
  const sql = statementsOf(url.schema);
  const connection = { url, ca, random: options.random, applicationName: `postrider ${name}` };
  const first = await Connection.open(connection);
  let durability: Durability;
  try {
    await migrate(first, url.schema, options.migrate ?? "auto");
    await refuseMoved(first, url.schema, options.force ?? false);
    durability = await readDurability(first);
  } finally {
    await first.close();
  }
  const engine = new PostgresEngine(options, { sql, connection, durability });
  try {
    await engine.open();
  } catch (error) {
    await engine[Symbol.asyncDispose]();
    throw error;
  }
  return engine;
}

/** Reads from the server what a commit is worth. */
async function readDurability(session: Session): Promise<Durability> {
  const [row] = await session.run({
    name: "",
    text: `SELECT current_setting('fsync'), current_setting('full_page_writes'),
                  current_setting('synchronous_commit'), current_setting('synchronous_standby_names')`,
  });
  const [fsync, fullPages, commit, standbys] = row ?? [];
  if (fsync !== "on" || fullPages !== "on" || commit === "off") return "memory";
  return standbys !== "" && commit !== "local" ? "replicated" : "disk";
}

interface Parts {
  readonly sql: Sql;
  readonly connection: ConnectionOptions;
  readonly durability: Durability;
}

/** The engine; beyond the seam it says how its nodes are. */
export class PostgresEngine implements QueueEngine, Cluster {
  readonly name = "postgres";
  readonly durability: Durability;
  readonly #options: PostgresOptions;
  readonly #clock: Clock;
  readonly #sql: Sql;
  readonly #connection: ConnectionOptions;
  readonly #lanes: LaneTable;
  readonly #hints = new Hints();
  readonly #claimer: Claimer;
  readonly #tail: Tail;
  /** Of changes on any node. */
  readonly #watchers: Watchers;
  /** Of ends and aborts, which are told of where they happen. */
  readonly #ownWatchers = new Watchers();
  readonly #inserts: Grouped<Submission, Inserted>;
  readonly #settlements: Grouped<Settled, boolean>;
  /** Ids of the tasks that this node runs, by number. */
  readonly #live = new Map<number, string>();
  readonly #ending = new AbortController();
  /** Work of the engine's own that is under way. */
  readonly #chores = new Set<Promise<unknown>>();
  #writers!: Pool;
  #readers!: Pool;
  #claims!: Pool;
  #node!: Node;
  #listening: Connection | undefined;
  #ids!: IdSource;
  #hosts: Hosts = new Map();
  readonly #pauses = new Pauses();
  #last = 0;
  #recovered = 0;
  #announced: (what: Announcement) => void = () => {};
  #isShutDown = false;
  #isOpen = false;
  #purgedTo = 0;
  #forgottenTo = 0;
  #nextExpiry = Infinity;
  #undoBeat: () => void = () => {};
  #undoLook: () => void = () => {};
  #undoExpiry: () => void = () => {};
  #undoTell: () => void = () => {};
  #told = { due: new Map<string, number>(), isChanged: false, freed: new Set<number>() };
  #closed: Promise<void> | undefined;

  constructor(options: PostgresOptions, { sql, connection, durability }: Parts) {
    this.#options = options;
    this.#clock = options.clock;
    this.#sql = sql;
    this.#connection = connection;
    this.durability = durability;
    this.#lanes = new LaneTable(sql);
    this.#readers = new Pool(connection, sql, Array.from({ length: READERS }, (_, at) => at));
    this.#watchers = new Watchers((_, isWatched) => this.#tail.watched(isWatched));
    this.#tail = new Tail(this.#readers, { sql, lanes: this.#lanes }, (change) => {
      this.#watchers.notify(change);
    });
    this.#claimer = new Claimer({
      clock: options.clock,
      hints: this.#hints,
      now: () => this.#now(),
      random: options.random,
      round: (places, limit) => this.#round(places, limit),
    });
    this.#inserts = new Grouped((group) => this.#insertPlain(group), {
      maxItems: INSERTED_AT_ONCE,
      maxGroups: 2,
    });
    this.#settlements = new Grouped((group) => this.#settleGroup(group), {
      maxItems: SETTLED_AT_ONCE,
      maxGroups: 2,
    });
  }

  get durable(): boolean {
    return this.durability !== "memory";
  }

  get lastSequence(): number {
    return this.#last;
  }

  get recovered(): number {
    return this.#recovered;
  }

  get cluster(): Cluster {
    return this;
  }

  get idTurn(): IdTurn {
    return { stride: 128, own: () => this.#node.slot * 2 };
  }

  get isLeader(): boolean {
    return this.#node.isLeader;
  }

  announce(what: Announcement): void {
    this.#chore(this.#notify(JSON.stringify({ from: this.#node.id, announced: what })));
  }

  onAnnouncement(listener: (what: Announcement) => void): void {
    this.#announced = listener;
  }

  /** Joins the other nodes. */
  async open(): Promise<void> {
    const { url, name, report, listenUrl } = this.#options;
    const listens = url.wake === "listen";
    if (listens) {
      this.#listening = await Connection.open({
        ...this.#connection,
        url: listenUrl ?? url,
        applicationName: `${this.#connection.applicationName} (listens)`,
      });
    }
    const taken = await this.#reserveName(name);
    const bootstrap = new Pool(this.#connection, this.#sql, [0]);
    this.#node = new Node({
      schema: url.schema,
      clock: this.#clock,
      name: taken.name,
      report,
      isNameOurs: taken.isOurs,
    });
    await this.#node.register(bootstrap);
    const first = this.#node.slot * 16;
    const slots = (from: number, count: number) =>
      Array.from({ length: count }, (_, at) => first + from + at);
    this.#writers = new Pool(this.#connection, this.#sql, slots(0, WRITERS));
    this.#claims = new Pool(this.#connection, this.#sql, slots(WRITERS, 1));
    await bootstrap.close();
    this.#isOpen = true;
    await this.#readers.use((session) => this.#node.beat(session));
    const [row] = await this.#read(this.#sql.last);
    this.#last = row?.[0] ?? 0;
    this.#ids = openIds(
      () => this.#now(),
      crypto.getRandomValues.bind(crypto),
      this.#last,
      { stride: 128, own: () => this.#node.slot * 2 + 1 },
    );
    this.#recovered = await this.#recoverOrphans();
    if (this.#listening) await this.#listen(this.#listening);
    await this.#lookRound();
    await this.#findExpiry();
    this.#beatLater();
    this.#lookLater();
  }

  // The seam.

  async insert(submission: Submission): Promise<Inserted> {
    this.#mustBeOpen();
    if (this.#isShutDown) {
      throw new EngineError("Cannot insert tasks: a shutdown has cancelled what waits");
    }
    const { tasks, batch, idempotency, schedule, delivery } = submission;
    const isPlain = submission.quota === undefined && batch === undefined &&
      idempotency === undefined && schedule === undefined &&
      delivery === undefined && tasks.every(({ key }) => key === undefined);
    try {
      const inserted = isPlain
        ? await this.#inserts.ask(submission)
        : await this.#insertAlone(submission);
      if (schedule && inserted.kind === "stored") this.announce("schedules");
      for (const { id } of tasks) this.#last = Math.max(this.#last, sequenceOf(id));
      if (batch) this.#last = Math.max(this.#last, sequenceOf(batch.id));
      if (delivery) this.#last = Math.max(this.#last, sequenceOf(delivery.id));
      return inserted;
    } catch (error) {
      if (sqlStateOf(error) === "53100") return { kind: "refused", code: "storage_full" };
      throw asEngineError(error);
    }
  }

  claim(limit: number, signal: AbortSignal): Promise<ClaimedTask[]> {
    if (this.#closed) return Promise.reject(new EngineError("The queue is closed"));
    return this.#claimer.claim(limit, signal);
  }

  /** Tried again for as long as the database is away. */
  async settle(settlement: Settlement): Promise<boolean> {
    this.#mustBeOpen();
    if (!isId("tsk", settlement.id)) return false;
    const settled = settledOf(settlement);
    for (let waitMs = AGAIN_MS;; waitMs = Math.min(MAX_AGAIN_MS, waitMs * 2)) {
      try {
        const isSettled = await this.#settlements.ask(settled);
        this.#live.delete(sequenceOf(settlement.id));
        return isSettled;
      } catch (error) {
        if (!isPassing(error) || this.#closed) throw asEngineError(error);
        const delayMs = waitMs * (0.5 + this.#options.random());
        await sleep(systemClock, delayMs, this.#ending.signal).catch(() => {});
      }
    }
  }

  async cancel(id: string, reason: CancelReason, by?: string): Promise<Cancelled> {
    return await this.#changeOne(id, (unit, row) => cancel(unit, row, reason, by)) ?? "not_found";
  }

  async cancelAll(filter: TaskFilter, reason: CancelReason, by?: string) {
    let cancelled = 0;
    let aborting = 0;
    await this.#changeAll(allowing(filter, "cancel"), (unit, row) => {
      const became = cancel(unit, row, reason, by);
      if (became === "cancelled") cancelled++;
      if (became === "aborting") aborting++;
    });
    return { cancelled, aborting };
  }

  /** Rewrites all that waits in one transaction: only the last node is asked to. */
  async cancelWaiting(): Promise<number> {
    this.#mustBeOpen();
    this.#isShutDown = true;
    await this.#claimer.idle();
    const waited = await this.#writers.transaction(async (session) => {
      const [row] = await session.run(this.#sql.cancelWaiting, session.slot, this.#now());
      const batches = (row?.[2] ?? []).map((one: string) => one.split(":").map(Number));
      for (const [seq, count] of batches as [number, number][]) {
        const [values] = await session.run(this.#sql.lockBatches, [seq]);
        if (!values) continue;
        const { counts, bytes, follows } = batchFrom(values);
        counts.queued -= count;
        counts.cancelled += count;
        const text = JSON.stringify(Object.values(counts));
        await session.run(this.#sql.writeBatch, seq, text, bytes, follows);
      }
      return row?.[0] as number;
    });
    await this.#eraseCancelled();
    this.#tail.kick();
    return waited ?? 0;
  }

  /** Erases what was not to be kept of the tasks that the shutdown has just cancelled. */
  async #eraseCancelled(): Promise<void> {
    for (;;) {
      const rows = await this.#read(this.#sql.erasable, CHANGED_AT_ONCE);
      if (rows.length === 0) return;
      const seqs = rows.map(([seq]) => seq);
      await this.#writers.use((session) =>
        session.run(
          this.#sql.erase,
          seqs,
          rows.map(([, spec]) => checksumOf(spec, null)),
        )
      );
    }
  }

  async revive(id: string): Promise<Revived> {
    return await this.#changeOne(id, (unit, row) => revive(unit, row)) ?? "not_found";
  }

  async reviveAll(filter: TaskFilter): Promise<{ retried: number; expired: number }> {
    const expiring = keepsExpiry(filter);
    const sums = { retried: 0, expired: 0 };
    await this.#changeAll(allowing(filter, "revive"), (unit, row) => {
      const became = revive(unit, row, expiring);
      if (became === "changed") sums.retried++;
      if (became === "expired") sums.expired++;
    });
    return sums;
  }

  async erase(id: string): Promise<Erased> {
    return await this.#changeOne(id, (unit, row) => erase(unit, row)) ?? "not_found";
  }

  async queued(): Promise<QueuedKinds> {
    const [row] = await this.#read(this.#sql.queued, this.#now());
    const [queued = 0, paused = 0, scheduled = 0, retrying = 0, oldestDueAt = null] = row ?? [];
    await this.#readPauses();
    if (this.#pauses.all) return { due: 0, scheduled: 0, retrying: 0, paused: queued };
    const due = queued - paused - scheduled - retrying;
    return { due, scheduled, retrying, paused, ...(oldestDueAt === null ? {} : { oldestDueAt }) };
  }

  async pause(pause: Pause): Promise<void> {
    this.#mustBeOpen();
    await this.#writers.use((session) =>
      session.run(this.#sql.insertPause, sequenceOf(pause.id), JSON.stringify(pause))
    );
    await this.#readPauses();
    if (!pause.all) await this.#applyPauses(false);
  }

  async pauses(): Promise<Pause[]> {
    await this.#readPauses();
    return [...this.#pauses.list()];
  }

  async resume(id: string): Promise<boolean> {
    await this.#readPauses();
    const found = this.#pauses.list().find((pause) => pause.id === id);
    if (found) await this.#endPauses([found]);
    return found !== undefined;
  }

  async releaseHolds(host: string): Promise<string[]> {
    const rows = await this.#read(this.#sql.allLanes);
    const ids = rows.filter(([, name]) => laneIsOfHost(name, host)).map(([id]) => id);
    const names = new Map<number, string>(rows.map(([id, name]) => [id, name]));
    const released = await this.#writers.use((session) =>
      session.run(this.#sql.releaseLanes, ids, this.#now())
    );
    this.#reopenAll();
    return released.map(([id]) => names.get(id) as string);
  }

  async moveLanes(
    prefixes: readonly string[],
    used: readonly string[],
    to: string,
  ): Promise<number> {
    const rows = await this.#read(this.#sql.allLanes);
    const from = rows.filter(([, name]) => isUnused(name, prefixes, used)).map(([id]) => id);
    if (from.length === 0) return 0;
    await this.#storeLanes([to]);
    const [row] = await this.#writers.use(async (session) => {
      await session.run(this.#sql.releaseLanes, from, 0);
      return await session.run(this.#sql.moveLanes, from, this.#lanes.id(to));
    });
    this.#reopenAll();
    await this.#lookRound();
    return row?.[0] ?? 0;
  }

  async #readPauses(): Promise<void> {
    const rows = await this.#read(this.#sql.pauses);
    this.#pauses.set(rows.map(([record]) => JSON.parse(record)));
  }

  /** Sets the bits of tasks that are queued already, or clears those of pauses that have ended. */
  async #applyPauses(isEnd: boolean): Promise<void> {
    for (let after: number | undefined = 0; after !== undefined;) {
      const rows = await this.#read(this.#sql.queuedAfter, after, isEnd);
      const seqs: number[] = rows.map(([seq]) => seq);
      await this.#changeSome(seqs, (unit, row) => {
        if (isEnd) resumeTask(unit, row);
        else if (unit.pauses.cover(row)) pauseTask(unit, row);
      });
      after = seqs.at(-1);
    }
  }

  async #endPauses(ended: readonly Pause[]): Promise<void> {
    for (const { id } of ended) {
      await this.#writers.use((session) => session.run(this.#sql.dropPause, sequenceOf(id)));
    }
    await this.#readPauses();
    if (ended.some(({ all }) => !all)) await this.#applyPauses(true);
    this.#reopenAll();
  }

  async runNow(id: string): Promise<Changed> {
    return await this.#changeOne(id, runNow) ?? "not_found";
  }

  async find(id: string): Promise<TaskRecord | undefined> {
    if (!isId("tsk", id)) return undefined;
    const [values] = await this.#readWithLanes(this.#sql.find, sequenceOf(id));
    if (!values || values[1] !== id) return undefined;
    const [spec, payload, checksum, attempts, result] = values.slice(ROW_WIDTH);
    const stored: StoredContent | undefined = spec === null
      ? undefined
      : { spec, payload, checksum, attempts, result };
    return recordOf(rowFrom(values, this.#lanes), stored);
  }

  async list(filter: TaskFilter, limit: number, cursor?: string): Promise<Page> {
    const before = parseCursor(cursor);
    const { seqs, next } = await this.#matching(filter, limit, before);
    const rows = await this.#readWithLanes(this.#sql.summaries, seqs);
    const tasks = rows.map((values) => {
      const { retry: _, ...summary } = summaryOf(rowFrom(values, this.#lanes), values[ROW_WIDTH]);
      return summary;
    });
    return next === undefined ? { tasks } : { tasks, nextCursor: formatCursor(next) };
  }

  async findBatch(id: string) {
    if (!isId("bat", id)) return undefined;
    const [values] = await this.#read(this.#sql.batch, sequenceOf(id));
    const batch = values && batchFrom(values);
    return batch?.id === id ? batchRecordOf(batch, false) : undefined;
  }

  async listBatches(limit: number, cursor?: string, owner?: string): Promise<BatchPage> {
    const rows = await this.#read(
      this.#sql.batches,
      parseCursor(cursor),
      limit + 1,
      owner ?? null,
    );
    const batches = rows.slice(0, limit).map((values) => batchRecordOf(batchFrom(values), false));
    const last = rows.length > limit ? rows[limit - 1] : undefined;
    return last ? { batches, nextCursor: formatCursor(last[0]) } : { batches };
  }

  async batchTasks(id: string): Promise<BatchTask[]> {
    if (!isId("bat", id)) return [];
    const rows = await this.#read(this.#sql.batchTasks, sequenceOf(id));
    return rows.map(([id, state, change]) => ({ id, state: TASK_STATES[state]!, change }));
  }

  async lastChange(): Promise<number> {
    const [row] = await this.#read(this.#sql.lastChange);
    return row?.[0] ?? 0;
  }

  async changesAfter(change: number, limit: number): Promise<TaskChange[]> {
    const changes: TaskChange[] = [];
    await this.#readers.use(async (session) => {
      const parts = { sql: this.#sql, lanes: this.#lanes };
      for (let after: number | undefined = change; after !== undefined;) {
        const part = await readChanges(session, parts, after);
        // A transaction's tasks may have changed before `change` alone.
        changes.push(...part.changes.filter((one) => one.change > change));
        after = part.isFull && changes.length < limit ? part.last : undefined;
      }
    });
    return changes.slice(0, limit).map(({ abort: _, batchDone: _done, ...rest }) => rest);
  }

  async counts(): Promise<Counts> {
    const [row] = await this.#read(this.#sql.counts);
    const counts = noCounts();
    TASK_STATES.forEach((state, at) => counts[state] = row?.[at] ?? 0);
    return counts;
  }

  async lanes(limit: number): Promise<LaneStatus[]> {
    const now = this.#now();
    return await this.#readers.use(async (session) => {
      const ids = (await session.run(this.#sql.busyLanes, now, limit * 2)).map(([id]) => id);
      await this.#lanes.read(session, ids);
      const scheduler = await this.#scheduler(session, ids);
      return scheduler.status(now, limit);
    });
  }

  async lane(lane: string): Promise<LaneStatus> {
    return await this.#readers.use(async (session) => {
      await this.#lanes.readAll(session);
      const known = this.#lanes.has(lane) ? [this.#lanes.id(lane)] : [];
      return (await this.#scheduler(session, known)).statusOf(lane, this.#now());
    });
  }

  async schedules(): Promise<StoredSchedule[]> {
    const rows = await this.#read(this.#sql.schedules);
    return rows.map(([name, version, record]) => ({ name, version, record: JSON.parse(record) }));
  }

  async deliveries(hook: string, limit: number, cursor?: string): Promise<DeliveryPage> {
    const rows = await this.#read(this.#sql.deliveries, hook, parseCursor(cursor), limit + 1);
    const deliveries = rows.slice(0, limit).map((values) => deliverySummary(values));
    const last = rows.length > limit ? rows[limit - 1] : undefined;
    return last ? { deliveries, nextCursor: formatCursor(last[0]) } : { deliveries };
  }

  async findDelivery(id: string): Promise<StoredDelivery | undefined> {
    if (!isId("hkd", id)) return undefined;
    const [values] = await this.#read(this.#sql.delivery, sequenceOf(id));
    return values?.[1] === id ? { ...deliverySummary(values), content: values[5] } : undefined;
  }

  async limitLane(lane: string, limit: number): Promise<void> {
    await this.#storeLanes([lane]);
    await this.#writers.use(async (session) => {
      await session.run(this.#sql.setLane, this.#lanes.id(lane), limit, null, null, null);
    });
    this.#reopenAll();
  }

  limitHosts(hosts: Hosts): Promise<void> {
    this.#mustBeOpen();
    this.#hosts = hosts;
    this.#reopenAll();
    return Promise.resolve();
  }

  async purge(finishedBefore: number, limit: number): Promise<Purged> {
    if (!this.#node.isLeader) return { deleted: 0, isOver: true };
    const purged = await this.#writers.transaction(async (session) => {
      await session.run(this.#sql.purgeIdempotency, this.#now());
      const deliveries = await session.run(this.#sql.purgeDeliveries, finishedBefore, limit);
      const [row] = await session.run(
        this.#sql.purge,
        this.#purgedTo,
        PURGE_WINDOW,
        finishedBefore,
        limit,
      );
      const [seqs, states, batches, lookedTo, looked] = row ?? [[], [], [], null, 0];
      await this.#deleteTasks(session, seqs.map(Number), states, batches);
      return { deleted: seqs.length, looked, lookedTo, deliveries: deliveries.length };
    });
    if (!purged) return { deleted: 0, isOver: true };
    const { deleted, looked, lookedTo, deliveries } = purged;
    await this.#forgetChanges();
    const hasMore = deleted === limit || deliveries === limit;
    const isAtEnd = !hasMore && looked < PURGE_WINDOW;
    if (!hasMore) this.#purgedTo = isAtEnd ? 0 : lookedTo;
    return { deleted, isOver: isAtEnd };
  }

  /** Forgets the next transactions all of whose tasks have changed since, or are gone. */
  async #forgetChanges(): Promise<void> {
    const [row] = await this.#writers.use((session) =>
      session.run(this.#sql.forgetChanges, this.#forgottenTo, PURGE_WINDOW)
    );
    this.#forgottenTo = row?.[0] ?? 0;
  }

  watch(what: Watched, listener: (change: TaskChange) => void): () => void {
    const isOwn = what === "running" || what === "final";
    return (isOwn ? this.#ownWatchers : this.#watchers).add(what, listener);
  }

  /** All live nodes, by name. */
  nodes(): Promise<NodeStatus[]> {
    return this.#readers.use((session) => this.#node.list(session));
  }

  /** Resolves once nothing of the engine's own is under way: for tests. */
  async idle(): Promise<void> {
    for (;;) {
      await this.#claimer.idle();
      await Promise.all(this.#chores);
      await this.#tail.idle();
      if (this.#chores.size === 0) return;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#closed ??= this.#close();
  }

  async #close(): Promise<void> {
    this.#ending.abort();
    for (const undo of [this.#undoBeat, this.#undoLook, this.#undoExpiry, this.#undoTell]) undo();
    await this.#claimer.close();
    await Promise.allSettled(this.#chores);
    await this.#tail.close();
    if (this.#isOpen) {
      await this.#writers.use((session) => this.#node.leave(session)).catch(() => {});
    }
    await Promise.all([
      this.#writers?.close(),
      this.#claims?.close(),
      this.#readers.close(),
      this.#listening?.close(),
    ]);
  }

  // Inserting.

  /** A group of submissions that are tasks and nothing else: one statement. */
  async #insertPlain(
    group: Submission[],
  ): Promise<readonly (Inserted | Promise<Inserted>)[]> {
    try {
      return await this.#insertTogether(group);
    } catch (error) {
      // One of them may be at fault: each stands for itself.
      if (group.length === 1 || error instanceof EngineAwayError) throw error;
      return group.map((one) => this.#insertTogether([one]).then(([answer]) => answer as Inserted));
    }
  }

  async #insertTogether(group: Submission[]): Promise<Inserted[]> {
    const tasks = group.flatMap((one) => one.tasks).map((task) => ({
      row: newRow(task),
      content: contentOf(task),
    }));
    const { maxQueued = DEFAULT_MAX_QUEUED } = this.#options;
    const outcome = await this.#writers.use(async (session) => {
      const unit = this.#unit(session);
      await unit.loadCounts();
      if (unit.counts.queued + tasks.length > maxQueued) return undefined;
      insertSubmission(unit, { tasks }, maxQueued);
      return unit.isOneStatement ? await unit.write() : await this.#inTransaction(session, unit);
    });
    if (outcome) {
      this.#follow(outcome);
      return group.map(() => ({ kind: "stored" }));
    }
    if (group.length > 1) {
      const each: Inserted[] = [];
      for (const one of group) each.push(...await this.#insertTogether([one]));
      return each;
    }
    return [{ kind: "refused", code: "queue_full" }];
  }

  async #inTransaction(session: Line, unit: Unit): Promise<Outcome> {
    await session.run(this.#sql.begin);
    try {
      const outcome = await unit.write();
      await session.run(this.#sql.commit);
      return outcome;
    } catch (error) {
      if (!(error instanceof EngineAwayError)) await session.run(this.#sql.rollback);
      throw error;
    }
  }

  async #insertAlone(submission: Submission): Promise<Inserted> {
    const { maxQueued = DEFAULT_MAX_QUEUED } = this.#options;
    const tasks = submission.tasks.map((task) => ({ row: newRow(task), content: contentOf(task) }));
    const keys = tasks.flatMap(({ row }) => row.key === null ? [] : [keyName(row)]);
    let answer: Inserted = { kind: "stored" };
    const outcome = await this.#write(
      async (unit) => {
        await unit.loadKeys([...new Set(keys)]);
        await unit.loadSubmission(submission);
        await unit.loadCounts();
        if (submission.quota) await unit.loadQueuedOf(submission.quota.owner);
        answer = insertSubmission(unit, { ...submission, tasks }, maxQueued);
        return answer.kind === "stored";
      },
    );
    if (outcome) this.#follow(outcome);
    return answer;
  }

  // Claiming and settling.

  async #round(places: readonly Place[], limit: number): Promise<ClaimedTask[]> {
    if (this.#node.isOutOfTouch) {
      throw new EngineAwayError("The database was not heard of for too long");
    }
    let claimed: ClaimedTask[] = [];
    let locked: string[] = [];
    const closedUntil = new Map<string, number>();
    let outcome: Outcome | undefined;
    // What is offered while the round is under way is newer than what it finds.
    const late: [number, number, number][] = [];
    this.#late = late;
    try {
      outcome = await this.#claims.transaction(async (session) => {
        const unit = this.#unit(session);
        await unit.loadPauses();
        const names = [...new Set(places.map(({ lane }) => lane))];
        await this.#lanes.read(session, names);
        locked = await unit.lockLanes(names.map((id) => this.#lanes.name(id)));
        const now = unit.now;
        const turns = places
          .filter(({ lane }) => locked.includes(this.#lanes.name(lane)))
          .map(({ lane, priority, head }) => {
            const name = this.#lanes.name(lane);
            return { lane: name, priority, head, room: unit.scheduler.roomOf(name, now) };
          });
        for (const { lane, priority, head, room } of turns) {
          if (room > 0) unit.scheduler.offer(lane, priority, head);
          else closedUntil.set(lane, unit.scheduler.opensAt(lane, now) ?? now + FULL_MS);
        }
        const open = turns.filter(({ room }) => room > 0);
        if (unit.pauses.all) {
          for (const { lane } of open) closedUntil.set(lane, now + FULL_MS);
          return undefined;
        }
        if (open.length === 0) return undefined;
        await unit.loadDue(open, limit);
        claimed = claimDue(unit, limit);
        makeFollowUps(unit);
        return await unit.write();
      });
    } catch (error) {
      if (sqlStateOf(error) === "PR001") await this.#registerAnew();
      throw error;
    } finally {
      this.#late = undefined;
    }
    for (const { id } of claimed) this.#live.set(sequenceOf(id), id);
    await this.#correctHints(places, locked, closedUntil, late);
    if (outcome) this.#follow(outcome);
    return claimed;
  }

  #late: [number, number, number][] | undefined;

  async #correctHints(
    places: readonly Place[],
    locked: readonly string[],
    closedUntil: ReadonlyMap<string, number>,
    late: readonly [number, number, number][],
  ): Promise<void> {
    const now = this.#now();
    const looked = places.filter(({ lane }) => locked.includes(this.#lanes.name(lane)));
    for (const { lane } of places) {
      const name = this.#lanes.name(lane);
      if (!locked.includes(name)) this.#hints.close(lane, now + BUSY_MS);
      const until = closedUntil.get(name);
      if (until !== undefined) this.#hints.close(lane, until);
    }
    if (looked.length > 0) {
      const rows = await this.#claims.use((session) =>
        session.run(
          this.#sql.heads,
          looked.map(({ lane }) => lane),
          looked.map(({ priority }) => priority),
          looked.map(({ head }) => head),
        )
      );
      for (const [lane, priority, head] of rows) this.#hints.found(lane, priority, head);
    }
    for (const [lane, priority, dueAt] of late) this.#hints.offer(lane, priority, dueAt);
  }

  async #settleGroup(group: Settled[]): Promise<boolean[]> {
    const holds = group.some(({ hold, adaptiveLimit }) =>
      hold !== undefined || adaptiveLimit !== undefined
    );
    let answers: boolean[] = [];
    const outcome = await this.#write(async (unit) => {
      await unit.loadTasks(group.map(({ id }) => sequenceOf(id)), { holds });
      answers = group.map((one) => {
        const row = unit.row(sequenceOf(one.id));
        return settle(
          unit,
          row?.id === one.id ? row : undefined,
          this.#onServerTime(one, unit.now),
        );
      });
      makeFollowUps(unit);
      return true;
    });
    if (outcome) this.#follow(outcome);
    return answers;
  }

  /** Waits are as long as they were meant to be, whatever this machine's clock says. */
  #onServerTime(settled: Settled, now: number): Settled {
    const { at, dueAt, hold } = settled;
    return {
      ...settled,
      at: now,
      ...(dueAt === undefined ? {} : { dueAt: now + (dueAt - at) }),
      ...(hold ? { hold: { ...hold, until: now + (hold.until - at) } } : {}),
    };
  }

  // Changing what is stored.

  async #changeOne<Answer>(
    id: string,
    change: (unit: Unit, row: Row) => Answer,
  ): Promise<Answer | undefined> {
    this.#mustBeOpen();
    if (!isId("tsk", id)) return undefined;
    let answer: Answer | undefined;
    const outcome = await this.#write(async (unit) => {
      await unit.loadTasks([sequenceOf(id)]);
      const row = unit.row(sequenceOf(id));
      if (row?.id !== id) return false;
      answer = change(unit, row);
      makeFollowUps(unit);
      return true;
    });
    if (outcome) this.#follow(outcome);
    return answer;
  }

  async #changeAll(filter: TaskFilter, change: (unit: Unit, row: Row) => void): Promise<void> {
    this.#mustBeOpen();
    for (let before: number | undefined = parseCursor(undefined); before !== undefined;) {
      const part: Matching = await this.#matching(filter, CHANGED_AT_ONCE, before);
      await this.#changeSome(part.seqs, change);
      before = part.next;
    }
  }

  async #changeSome(
    seqs: readonly number[],
    change: (unit: Unit, row: Row) => void,
    before: (unit: Unit) => Promise<void> = () => Promise.resolve(),
  ): Promise<void> {
    if (seqs.length === 0) return;
    const outcome = await this.#write(async (unit) => {
      await unit.loadTasks(seqs);
      await before(unit);
      for (const seq of seqs) {
        const row = unit.row(seq);
        if (row) change(unit, row);
      }
      makeFollowUps(unit);
      return true;
    });
    if (outcome) this.#follow(outcome);
  }

  async #deleteTasks(
    session: Line,
    seqs: readonly number[],
    states: readonly number[],
    batches: readonly (string | null)[],
  ): Promise<void> {
    if (seqs.length === 0) return;
    const tally = TASK_STATES.map((_, at) => -states.filter((state) => state === at).length);
    const ofBatch = new Map<number, number[]>();
    batches.forEach((batch, at) => {
      if (batch === null) return;
      const known = ofBatch.get(Number(batch)) ?? [];
      ofBatch.set(Number(batch), [...known, states[at] as number]);
    });
    const gone: number[] = [];
    for (const [seq, left] of [...ofBatch].sort(([a], [b]) => a - b)) {
      const [values] = await session.run(this.#sql.lockBatches, [seq]);
      if (!values) continue;
      const batch = batchFrom(values);
      for (const state of left) batch.counts[TASK_STATES[state]!]--;
      const counts = Object.values(batch.counts);
      if (counts.every((count) => count <= 0)) gone.push(seq);
      else {
        const text = JSON.stringify(counts);
        await session.run(this.#sql.writeBatch, seq, text, batch.bytes, batch.follows);
      }
    }
    if (gone.length > 0) {
      await session.run(this.#sql.dropBatches, gone);
      await session.run(this.#sql.dropFollowUps, gone);
    }
    await session.run(this.#sql.deleteTasks, session.slot, tally, seqs);
  }

  /** One transaction of the lifecycle; `false` rolls it back. */
  async #write(work: (unit: Unit) => Promise<boolean>): Promise<Outcome | undefined> {
    return await this.#writers.transaction(async (session) => {
      const unit = this.#unit(session);
      return await work(unit) ? await unit.write() : undefined;
    });
  }

  #unit(session: Line): Unit {
    return new Unit(session, {
      sql: this.#sql,
      lanes: this.#lanes,
      storeLanes: (names) => this.#storeLanes(names),
      now: this.#now(),
      ids: this.#ids,
      node: this.#node.id,
      closed: this.#isShutDown,
      slot: session.slot,
      hosts: this.#hosts,
      pauses: this.#pauses,
    });
  }

  async #storeLanes(names: readonly string[]): Promise<void> {
    if (names.every((name) => this.#lanes.has(name))) return;
    await this.#readers.use((session) => this.#lanes.store(session, names));
  }

  /** What a committed transaction means for this node's claims, timers and watchers, and for others. */
  #follow({ offers, nextExpiry, hasChanges, final, aborting, freed }: Outcome): void {
    for (const row of offers) this.#offer(this.#lanes.id(row.lane), row.priority, row.dueAt, true);
    for (const lane of freed) {
      const id = this.#lanes.id(lane);
      this.#hints.reopen(id);
      this.#told.freed.add(id);
    }
    if (nextExpiry < this.#nextExpiry) this.#expireAt(nextExpiry);
    for (const row of final) this.#ownWatchers.notify(changeOf(row, undefined));
    for (const row of aborting) {
      this.#ownWatchers.notify({ ...changeOf(row, undefined), abort: row.aborting ?? "request" });
      this.#tellNow("abort", row.id);
    }
    if (hasChanges) {
      this.#told.isChanged = true;
      this.#tail.kick();
      this.#tellLater();
    }
    this.#claimer.kick();
  }

  #offer(lane: number, priority: number, dueAt: number, isOurs: boolean): void {
    this.#hints.offer(lane, priority, dueAt);
    this.#late?.push([lane, priority, dueAt]);
    if (!isOurs) return;
    const name = `${lane}:${priority}`;
    this.#told.due.set(name, Math.min(dueAt, this.#told.due.get(name) ?? Infinity));
  }

  #reopenAll(): void {
    this.#hints.reopenAll();
    this.#claimer.kick();
  }

  // Other nodes.

  /** Reserves the name for as long as the connection lives, if there is one for it. */
  async #reserveName(name: string): Promise<{ name: string; isOurs: boolean }> {
    if (!this.#listening) return { name, isOurs: true };
    for (let number = 1;; number++) {
      const numbered = number === 1 ? name : `${name}-${number}`;
      const [row] = await this.#listening.run(
        {
          name: "",
          text:
            `SELECT pg_try_advisory_lock(hashtextextended($1, 0) & ((1::bigint << 55) - 1) | (10::bigint << 56))`,
        },
        `${this.#options.url.schema} ${numbered}`,
      );
      if (row?.[0]) return { name: numbered, isOurs: true };
    }
  }

  async #listen(connection: Connection): Promise<void> {
    const { schema } = this.#options.url;
    connection.onNotification((_, payload) => this.#heard(payload));
    connection.onLost(() => this.#listening = undefined);
    await connection.run({ name: "", text: `LISTEN "${schema}_queue"` });
    await connection.run({
      name: "",
      text: `SELECT set_config('synchronous_commit', 'off', false)`,
    });
  }

  #heard(payload: string): void {
    const { from, due, changed, abort, freed, announced } = JSON.parse(payload) as Notification;
    if (from === this.#node.id) return;
    for (const [lane, priority, dueAt] of due ?? []) this.#offer(lane, priority, dueAt, false);
    for (const lane of freed ?? []) this.#hints.reopen(lane);
    if (due === null) this.#chore(this.#lookRound());
    if (due || freed) this.#claimer.kick();
    if (changed) this.#tail.kick();
    if (abort) this.#chore(this.#lookForAborts());
    if (announced) this.#announced(announced);
  }

  /** Tells others after the commit: a notification inside would make commits wait for one another. */
  #tellLater(): void {
    this.#undoTell();
    if (!this.#listening || this.#closed) return void this.#clearTold();
    this.#undoTell = this.#clock.after(TELL_MS, () => this.#chore(this.#tellOthers()));
  }

  #clearTold(): void {
    this.#told = { due: new Map(), isChanged: false, freed: new Set() };
  }

  async #tellOthers(): Promise<void> {
    const { due, isChanged, freed } = this.#told;
    this.#clearTold();
    const places = [...due].map(([place, dueAt]) => [...place.split(":").map(Number), dueAt]);
    const notification = {
      from: this.#node.id,
      changed: isChanged,
      freed: [...freed],
      due: places,
    };
    const text = JSON.stringify(notification);
    // A notification of more than 8,000 bytes is refused: the others look round instead.
    const short = { from: this.#node.id, changed: isChanged, due: null };
    await this.#notify(text.length < 7_900 ? text : JSON.stringify(short));
  }

  #tellNow(what: "abort", id: string): void {
    this.#chore(this.#notify(JSON.stringify({ from: this.#node.id, [what]: id })));
  }

  async #notify(payload: string): Promise<void> {
    const channel = `${this.#options.url.schema}_queue`;
    // Others look round by themselves: a hint that is lost delays, and loses nothing.
    await this.#listening?.run(
      { name: "notify", text: `SELECT pg_notify($1, $2)` },
      channel,
      payload,
    ).catch(() => {});
  }

  #beatLater(): void {
    if (this.#closed) return;
    this.#undoBeat = this.#clock.after(HEARTBEAT_MS, () => this.#chore(this.#beat()));
  }

  async #beat(): Promise<void> {
    try {
      const isAlive = await this.#readers.use((session) => this.#node.beat(session));
      if (!isAlive) await this.#registerAnew();
      if (this.#options.url.wake === "listen" && !this.#listening) await this.#listenAgain();
      await this.#lookForAborts();
      await this.#claimer.between(() => this.#handBack());
      const given = await this.#readers.use((session) => this.#node.giveUpOthers(session));
      if (given > 0 || this.#node.isLeader) await this.#recoverOrphans();
      if (this.#node.isLeader) await this.#expireDue();
    } catch (error) {
      if (!isPassing(error) && !this.#closed) throw error;
    } finally {
      this.#beatLater();
    }
  }

  async #listenAgain(): Promise<void> {
    const { url, listenUrl } = this.#options;
    this.#listening = await Connection.open({
      ...this.#connection,
      url: listenUrl ?? url,
      applicationName: `${this.#connection.applicationName} (listens)`,
    });
    await this.#listen(this.#listening);
    await this.#lookRound();
    this.#tail.kick();
  }

  /** Given up by another node: its attempts go on elsewhere. */
  async #registerAnew(): Promise<void> {
    for (const id of this.#live.values()) this.#ownWatchers.notify(lostChange(id, this.#now()));
    this.#live.clear();
    await this.#node.register(this.#writers);
  }

  /** Aborts that were asked for on other nodes. */
  async #lookForAborts(): Promise<void> {
    const rows = await this.#readWithLanes(this.#sql.aborting, this.#node.id);
    for (const values of rows) {
      const row = rowFrom(values, this.#lanes);
      this.#ownWatchers.notify({ ...changeOf(row, undefined), abort: row.aborting ?? "request" });
    }
  }

  /** Tasks that this node runs without knowing: the answer to their claim was lost. */
  async #handBack(): Promise<void> {
    const rows = await this.#read(this.#sql.heldBy, this.#node.id, [...this.#live.keys()]);
    await this.#changeSome(rows.map(([seq]) => seq), (unit, row) => {
      if (row.state !== "running" || this.#live.has(row.seq)) return;
      settle(unit, row, {
        id: row.id,
        attempt: row.attempt,
        event: "release",
        at: unit.now,
        dueAt: unit.now,
        record: undefined,
        error: undefined,
        result: undefined,
        carry: undefined,
        bytes: 0,
      });
    });
  }

  /** Settles attempts of nodes that are no more; how many. */
  async #recoverOrphans(): Promise<number> {
    let recovered = 0;
    for (;;) {
      let found = 0;
      const outcome = await this.#write(async (unit) => {
        const seqs = await unit.lockOrphans(CHANGED_AT_ONCE);
        found = seqs.length;
        if (found === 0) return false;
        await unit.loadTasks(seqs);
        await unit.loadContents(seqs);
        for (const seq of seqs) recover(unit, unit.row(seq) as Row);
        makeFollowUps(unit);
        return true;
      });
      if (outcome) this.#follow(outcome);
      recovered += found;
      if (found < CHANGED_AT_ONCE) return recovered;
    }
  }

  // Time.

  #now(): number {
    const now = this.#clock.now();
    return this.#options.ownTime || !this.#node ? now : Math.round(now + this.#node.offsetMs);
  }

  #lookLater(): void {
    if (this.#closed) return;
    const everyMs = this.#options.url.wake === "poll" ? POLL_MS : LOOK_MS;
    this.#undoLook = this.#clock.after(everyMs, () => {
      this.#chore(this.#lookRound().catch(() => {}).finally(() => this.#lookLater()));
    });
  }

  /** Finds every place in which something waits. */
  async #lookRound(): Promise<void> {
    await this.#readPauses();
    const over = this.#pauses.list().filter(({ until = Infinity }) => until <= this.#now());
    if (over.length > 0) await this.#endPauses(over);
    const rows = await this.#read(this.#sql.places);
    for (const [lane, priority, head] of rows) this.#offer(lane, priority, head, false);
    this.#tail.kick();
    this.#claimer.kick();
  }

  async #findExpiry(): Promise<void> {
    const [row] = await this.#read(this.#sql.nextExpiry);
    this.#nextExpiry = Infinity;
    this.#expireAt(row?.[0] ?? Infinity);
  }

  #expireAt(at: number): void {
    this.#nextExpiry = at;
    this.#undoExpiry();
    if (at === Infinity || this.#closed) return;
    const delayMs = Math.min(at - this.#now(), MAX_LOOK_AHEAD_MS);
    const expire = () => this.#chore(this.#expireDue());
    if (delayMs > 0) this.#undoExpiry = this.#clock.after(delayMs, expire);
    else expire();
  }

  /** Ends what has expired. */
  async #expireDue(): Promise<void> {
    if (this.#isShutDown) return;
    for (;;) {
      const rows = await this.#read(this.#sql.expiring, this.#now(), CHANGED_AT_ONCE);
      await this.#changeSome(rows.map(([seq]) => seq), (unit, row) => {
        if (row.state !== "queued" || row.expiresAt === null) return;
        if (row.expiresAt <= unit.now) expire(unit, row);
      });
      if (rows.length < CHANGED_AT_ONCE) break;
    }
    await this.#findExpiry();
  }

  // Reading.

  #read(statement: Sql[keyof Sql], ...values: readonly unknown[]) {
    this.#mustBeOpen();
    return this.#readers.use((session) => session.run(statement, ...values));
  }

  async #readWithLanes(statement: Sql[keyof Sql], ...values: readonly unknown[]) {
    this.#mustBeOpen();
    await this.#tail.ready();
    return await this.#readers.use(async (session) => {
      const rows = await session.run(statement, ...values);
      await this.#lanes.read(session, rows.map((row) => row[LANE_PLACE]));
      return rows;
    });
  }

  #matching(filter: TaskFilter, limit: number, before: number): Promise<Matching> {
    this.#mustBeOpen();
    return this.#readers.use((session) => {
      const parts = {
        schema: this.#options.url.schema,
        lanes: () => this.#lanes.readAll(session),
        laneId: (name: string) => this.#lanes.id(name),
      };
      return matching(session, parts, filter, limit, before);
    });
  }

  /** How lanes stand, as one that schedules them would see it. */
  async #scheduler(session: Session, ids: readonly number[]): Promise<LaneScheduler> {
    const unit = this.#unit({ ...session, slot: 0, run: session.run.bind(session) });
    await unit.loadLanes(ids.map((id) => this.#lanes.name(id)));
    return unit.scheduler;
  }

  #chore(work: Promise<unknown>): void {
    const chore = work.catch((error) => {
      if (!this.#closed && !isPassing(error)) this.#options.onFatal?.(asEngineError(error));
    }).finally(() => this.#chores.delete(chore));
    this.#chores.add(chore);
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new EngineError("The queue is closed");
  }
}

/** How soon others are told of what was committed. */
const TELL_MS = 5;
/** A wait is cut here, so that a clock set forward is noticed. */
const MAX_LOOK_AHEAD_MS = 5 * 60_000;

/** What nodes tell each other; each is a hint, and found out without it. */
interface Notification {
  readonly from: number;
  /** Lane, priority and due time of what waits; `null` for too many to list. */
  readonly due?: readonly [number, number, number][] | null;
  readonly changed?: boolean;
  readonly abort?: string;
  /** Lanes in which something may begin again. */
  readonly freed?: readonly number[];
  readonly announced?: Announcement;
}

function lostChange(id: string, at: number): TaskChange {
  return { id, type: "fetch", state: "running", attempt: 0, at, change: 0, abort: "request" };
}

function deliverySummary([_, id, hook, receivedAt, verdict]: readonly unknown[]) {
  return {
    id: id as string,
    hook: hook as string,
    receivedAt: receivedAt as number,
    verdict: JSON.parse(verdict as string),
  };
}

/** Whether the same will succeed later: the database is away, or lacks disk, memory or connections. */
function isPassing(error: unknown): boolean {
  return error instanceof EngineAwayError || sqlStateOf(error)?.startsWith("53") === true;
}

function asEngineError(error: unknown): Error {
  if (error instanceof EngineError) return error;
  if (!(error instanceof Error)) return new EngineError(String(error));
  if (sqlStateOf(error) === undefined) return error;
  return new EngineError(`The database refused: ${error.message}`, { cause: error });
}
