/**
 * The engine that keeps tasks in PostgreSQL, for one node or several.
 *
 * Inserts and settlements that arrive while a transaction is running share the
 * next one. A transaction locks and reads rows, runs the lifecycle on them, and
 * stores what changed; plain inserts are one statement.
 *
 * @module
 */

import { type Clock, sleep, systemClock } from "../../lib/clock.ts";
import { type IdSource, type IdTurn, isId, openIds, sequenceOf } from "../../lib/ids.ts";
import type { Rate } from "../../lib/rate_text.ts";
import type { Taken } from "../../lib/token_bucket.ts";
import type { BreakerChange, LaneHealth } from "../../task/lane_health.ts";
import type { Settlement } from "../../task/outcome.ts";
import type { ClaimedTask, NewTask } from "../../task/task.ts";
import { claim as claimDue } from "../core/claims.ts";
import { makeFollowUps } from "../core/follow_ups.ts";
import { keyName } from "../core/keys.ts";
import { expire, recover, settle } from "../core/lifecycle.ts";
import { changeOf, contentOf, newRow, type Row } from "../core/row.ts";
import { DEFAULT_MAX_QUEUED } from "../core/rules.ts";
import { type Settled, settledOf } from "../core/settled.ts";
import { insertSubmission } from "../core/submissions.ts";
import { Watchers } from "../core/watchers.ts";
import {
  type Durability,
  EngineAwayError,
  EngineError,
  type FailedTask,
  type Inserted,
  type QueueEngine,
  type Submission,
  type TaskChange,
  type Watched,
} from "../engine.ts";
import type { Announcement, Cluster, MarkedFolder, NodeReport, NodeStatus } from "../cluster.ts";
import { Claimer } from "./claimer.ts";
import { rowFrom } from "./columns.ts";
import { Connection, type ConnectionOptions, type Session, sqlStateOf } from "./connection.ts";
import { agreeOnFolder } from "./folder.ts";
import { Grouped } from "./group.ts";
import { Hints, type Place } from "./hints.ts";
import { LaneTable } from "./lane_names.ts";
import { HEARTBEAT_MS, Node } from "./node.ts";
import { type Notice, Notices } from "./notices.ts";
import { CHANGED_AT_ONCE, Changes } from "./changes.ts";
import { Pool, type PooledSession } from "./pool.ts";
import { migrate, refuseMoved } from "./schema.ts";
import { SharedBuckets } from "./buckets.ts";
import { type Sql, statementsOf } from "./sql.ts";
import { Tail } from "./tail.ts";
import type { Outcome } from "./changed_rows.ts";
import { Unit } from "./unit.ts";
import type { PostgresUrl } from "./url.ts";

/** What an engine on PostgreSQL needs. */
export interface PostgresOptions {
  /** The database. */
  readonly url: PostgresUrl;
  /** Wakes claims; the times that are written are the server's. */
  readonly clock: Clock;
  /** How many tasks may be queued; more are refused. */
  readonly maxQueued?: number;
  /** The name of this node. A node that restarts under its name recovers its tasks at once. */
  readonly name: string;
  /** The status that this node publishes to others. */
  readonly report: () => NodeReport;
  /** Returns a number in [0, 1), to spread retries over time. */
  readonly random: () => number;
  /** Whether to migrate an older schema, or only to check it. */
  readonly migrate?: "auto" | "check";
  /** A direct URL to the same database for `LISTEN`, when `url` leads to a pooler. */
  readonly listenUrl?: PostgresUrl | undefined;
  /** PEM certificates to trust in addition to the system's. */
  readonly ca?: string | undefined;
  /** Whether to open a queue that was moved elsewhere. */
  readonly force?: boolean;
  /** Called for each task that failed without the settlement of an attempt, also while this opens. */
  readonly onFailed?: (task: FailedTask) => void;
  /** Called for a fatal error; an unavailable database is not one. */
  readonly onFatal?: (error: Error) => void;
  /** Takes all times from `clock` instead of the server; for tests with a fake clock. */
  readonly ownTime?: boolean;
}

/** Connections that write, and connections that read. */
const WRITERS = 5;
const READERS = 3;
/** Tasks inserted, and attempts settled, in one transaction. */
const INSERTED_AT_ONCE = 32;
const SETTLED_AT_ONCE = 256;
/** Wait before a settlement is retried, in milliseconds; doubled up to the maximum. */
const RETRY_MS = 200;
const MAX_RETRY_MS = 5_000;
/** How often a node rescans the queue for changes without a notice, in milliseconds. */
const RESCAN_MS = 2_000;
/** The same when notifications are switched off. */
const POLL_MS = 100;
/** How long to skip a lane that another node is claiming from, in milliseconds. */
const BUSY_MS = 5;
/** How long to skip a full lane at most, in milliseconds. */
const FULL_MS = 250;

/** Opens the queue, and creates its schema when there is none. */
export async function openPostgresEngine(options: PostgresOptions): Promise<PostgresEngine> {
  const { url, ca, name } = options;
  const sql = statementsOf(url.schema);
  const connection = { url, ca, random: options.random, applicationName: `postrider ${name}` };
  const first = await Connection.open({ ...connection, isLong: true });
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

/** Reads from the server's settings how durable a commit is. */
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

/** The engine, which also reports on the nodes of the cluster. */
export class PostgresEngine extends Changes implements QueueEngine, Cluster {
  readonly name = "postgres";
  readonly durability: Durability;
  readonly #options: PostgresOptions;
  readonly #clock: Clock;
  readonly #connection: ConnectionOptions;
  readonly #hints = new Hints();
  readonly #claimer: Claimer;
  readonly #tail: Tail;
  /** Watchers of changes on any node. */
  readonly #watchers: Watchers;
  /** Watchers of ends and aborts, which are notified only on the node where they happen. */
  readonly #ownWatchers = new Watchers();
  readonly #inserts: Grouped<Submission, Inserted>;
  readonly #settlements: Grouped<Settled, boolean>;
  /** The attempts that this node runs, by the number of their task. */
  readonly #live = new Map<number, { readonly id: string; readonly attempt: number }>();
  /** Attempts that others recover, because this node was given up; they are not settled here. */
  readonly #lost = new Set<string>();
  /** Aborts when settlements are not retried any more. */
  readonly #dropping = new AbortController();
  #undoDropping: () => void = () => {};
  /** Background work that is running. */
  readonly #background = new Set<Promise<unknown>>();
  #claims!: Pool;
  #node!: Node;
  readonly #notices: Notices;
  #ids!: IdSource;
  #last = 0;
  #recovered = 0;
  #announced: (what: Announcement) => void = () => {};
  #breakerChanged: (change: BreakerChange) => void = () => {};
  /** What is known of lanes that had faults. */
  readonly #health = new Map<string, LaneHealth>();
  readonly #buckets: SharedBuckets;
  #isOpen = false;
  #nextExpiry = Infinity;
  #undoBeat: () => void = () => {};
  #undoRescan: () => void = () => {};
  #undoExpiry: () => void = () => {};
  #undoPauses: () => void = () => {};
  #closed: Promise<void> | undefined;

  constructor(options: PostgresOptions, { sql, connection, durability }: Parts) {
    const lanes = new LaneTable(sql);
    super({
      sql,
      lanes,
      schema: options.url.schema,
      readers: new Pool(connection, sql, Array.from({ length: READERS }, (_, at) => at)),
    });
    this.#options = options;
    this.#clock = options.clock;
    this.#connection = connection;
    this.durability = durability;
    this.#watchers = new Watchers((_, isWatched) => this.#tail.watched(isWatched));
    this.#tail = new Tail(this.readers, { sql, lanes }, (change) => {
      this.#watchers.notify(change);
    });
    this.#claimer = new Claimer({
      clock: options.clock,
      hints: this.#hints,
      now: () => this.now(),
      random: options.random,
      round: (places, limit) => this.#round(places, limit),
    });
    const { url, listenUrl } = options;
    this.#notices = new Notices({
      connection: {
        ...connection,
        url: listenUrl ?? url,
        applicationName: `${connection.applicationName} (listens)`,
      },
      schema: url.schema,
      clock: options.clock,
      node: () => this.#node.id,
      onNotice: (notice) => this.#onNotice(notice),
      inBackground: (work) => this.#inBackground(work),
    });
    this.#buckets = new SharedBuckets(this.readers, sql);
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
    this.#notices.sendNow({ announced: what });
  }

  onAnnouncement(listener: (what: Announcement) => void): void {
    this.#announced = listener;
  }

  settleWithin(ms: number): void {
    this.#undoDropping = systemClock.after(ms, () => this.#dropping.abort());
  }

  healthOf(lane: string): LaneHealth | undefined {
    return this.#health.get(lane);
  }

  onBreaker(listener: (change: BreakerChange) => void): void {
    this.#breakerChanged = listener;
  }

  takeToken(name: string, rate: Rate): Promise<Taken> {
    this.mustBeOpen();
    return this.#buckets.take(name, rate);
  }

  agreeOnFolder(folder: MarkedFolder): Promise<boolean> {
    this.mustBeOpen();
    return agreeOnFolder(this.readers, this.schema, this.#node.id, folder);
  }

  protected override claimsIdle(): Promise<void> {
    return this.#claimer.idle();
  }

  protected override pausesEndAt(at: number): void {
    this.#undoPauses();
    if (at === Infinity || this.#closed) return;
    const delayMs = Math.min(Math.max(0, at - this.now()), MAX_TIMER_MS);
    this.#undoPauses = this.#clock.after(delayMs, () => this.#inBackground(this.rescan()));
  }

  protected override pausesChanged(): void {
    this.#notices.sendNow({ paused: true });
  }

  protected override changesCommitted(): void {
    this.#tail.kick();
  }

  protected override ready(): Promise<void> {
    return this.#tail.ready();
  }

  /** Joins the other nodes. */
  async open(): Promise<void> {
    const { url, name, report } = this.#options;
    if (url.wake === "listen") await this.#notices.connect();
    const bootstrap = new Pool(this.#connection, this.sql, [0]);
    this.#node = new Node({
      schema: url.schema,
      clock: this.#clock,
      name: await this.#notices.reserve(name),
      report,
    });
    await this.#node.register(bootstrap);
    const first = this.#node.slot * 16;
    const slots = (from: number, count: number) =>
      Array.from({ length: count }, (_, at) => first + from + at);
    this.writers = new Pool(this.#connection, this.sql, slots(0, WRITERS));
    this.#claims = new Pool(this.#connection, this.sql, slots(WRITERS, 1));
    await bootstrap.close();
    this.#isOpen = true;
    await this.readers.use((session) => this.#node.beat(session));
    const [row] = await this.read(this.sql.last);
    this.#last = row?.[0] ?? 0;
    this.#ids = openIds(
      () => this.now(),
      crypto.getRandomValues.bind(crypto),
      this.#last,
      { stride: 128, own: () => this.#node.slot * 2 + 1 },
    );
    this.#recovered = await this.#recoverOrphans();
    await this.#notices.listen();
    await this.rescan();
    await this.#findExpiry();
    this.#beatLater();
    this.#rescanLater();
  }

  // Methods of `QueueEngine`.

  async insert(submission: Submission): Promise<Inserted> {
    this.mustBeOpen();
    if (this.isShutDown) {
      throw new EngineError("Cannot insert tasks: the shutdown has cancelled all queued tasks");
    }
    const { tasks, batch, idempotency, schedule, delivery } = submission;
    const isPlain = batch === undefined && idempotency === undefined && schedule === undefined &&
      delivery === undefined && tasks.every(({ key }) => key === undefined);
    try {
      const inserted = isPlain
        ? await this.#inserts.add(submission)
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

  /** Retries while the database is unavailable. */
  async settle(settlement: Settlement): Promise<boolean> {
    this.mustBeOpen();
    if (!isId("tsk", settlement.id)) return false;
    if (this.#lost.delete(`${settlement.id} ${settlement.attempt}`)) return false;
    const settled = settledOf(settlement);
    for (let waitMs = RETRY_MS;; waitMs = Math.min(MAX_RETRY_MS, waitMs * 2)) {
      try {
        const isSettled = await this.#settlements.add(settled);
        this.#live.delete(sequenceOf(settlement.id));
        return isSettled;
      } catch (error) {
        if (!isTemporary(error) || this.#closed) throw asEngineError(error);
        if (this.#dropping.signal.aborted) return false;
        const delayMs = waitMs * (0.5 + this.#options.random());
        await sleep(systemClock, delayMs, this.#dropping.signal).catch(() => {});
      }
    }
  }

  watch(what: Watched, listener: (change: TaskChange) => void): () => void {
    const isOwn = what === "running" || what === "final";
    return (isOwn ? this.#ownWatchers : this.#watchers).add(what, listener);
  }

  /** All live nodes, by name. */
  nodes(): Promise<NodeStatus[]> {
    return this.readers.use((session) => this.#node.list(session));
  }

  /** Resolves once no background work is running; for tests. */
  async idle(): Promise<void> {
    for (;;) {
      await this.#claimer.idle();
      await Promise.all(this.#background);
      await this.#tail.idle();
      if (this.#background.size === 0) return;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#closed ??= this.#close();
  }

  async #close(): Promise<void> {
    this.#undoDropping();
    this.#dropping.abort();
    for (const undo of [this.#undoBeat, this.#undoRescan, this.#undoExpiry, this.#undoPauses]) {
      undo();
    }
    await this.#claimer.close();
    await Promise.allSettled(this.#background);
    await this.#tail.close();
    if (this.#isOpen) {
      await this.writers.use((session) => this.#node.leave(session)).catch(() => {});
    }
    await Promise.all([
      this.writers?.close(),
      this.#claims?.close(),
      this.readers.close(),
      this.#notices.close(),
    ]);
  }

  // Inserting.

  /** Inserts submissions that contain only tasks, with one statement. */
  async #insertPlain(
    group: Submission[],
  ): Promise<readonly (Inserted | Promise<Inserted>)[]> {
    try {
      return await this.#insertTogether(group);
    } catch (error) {
      // One submission may have caused the error, so each is tried alone.
      if (group.length === 1 || error instanceof EngineAwayError) throw error;
      return group.map((one) => this.#insertTogether([one]).then(([answer]) => answer as Inserted));
    }
  }

  async #insertTogether(group: Submission[]): Promise<Inserted[]> {
    const submissions = group.map(({ tasks, ...rest }) => ({ ...rest, tasks: rowsOf(tasks) }));
    const owners = unique(group.flatMap(({ quota }) => quota ? [quota.owner] : []));
    const { maxQueued = DEFAULT_MAX_QUEUED } = this.#options;
    let answers: Inserted[] = [];
    const outcome = await this.writers.use(async (session) => {
      const unit = this.unit(session);
      await unit.loadCounts(owners);
      answers = submissions.map((one) => insertSubmission(unit, one, maxQueued));
      if (answers.every(({ kind }) => kind !== "stored")) return undefined;
      return unit.isOneStatement ? await unit.write() : await this.#inTransaction(session, unit);
    });
    if (outcome) this.follow(outcome);
    return answers;
  }

  async #inTransaction(session: PooledSession, unit: Unit): Promise<Outcome> {
    await session.run(this.sql.begin);
    try {
      const outcome = await unit.write();
      await session.run(this.sql.commit);
      return outcome;
    } catch (error) {
      if (!(error instanceof EngineAwayError)) await session.run(this.sql.rollback);
      throw error;
    }
  }

  async #insertAlone(submission: Submission): Promise<Inserted> {
    const { maxQueued = DEFAULT_MAX_QUEUED } = this.#options;
    const tasks = rowsOf(submission.tasks);
    const keys = tasks.flatMap(({ row }) => row.key === null ? [] : [keyName(row)]);
    let answer: Inserted = { kind: "stored" };
    const outcome = await this.write(
      async (unit) => {
        await unit.loadKeys([...new Set(keys)]);
        await unit.loadSubmission(submission);
        await unit.loadCounts(submission.quota ? [submission.quota.owner] : []);
        answer = insertSubmission(unit, { ...submission, tasks }, maxQueued);
        return answer.kind === "stored";
      },
    );
    if (outcome) this.follow(outcome);
    return answer;
  }

  // Claiming and settling.

  async #round(places: readonly Place[], limit: number): Promise<ClaimedTask[]> {
    if (this.#node.hasLostContact) {
      throw new EngineAwayError(
        "Cannot claim tasks: the last contact with the database is too old",
      );
    }
    let claimed: ClaimedTask[] = [];
    let locked: string[] = [];
    const closedUntil = new Map<string, number>();
    let outcome: Outcome | undefined;
    // Offers that arrive during the round are newer than what it finds.
    const late: [number, number, number][] = [];
    this.#late = late;
    try {
      outcome = await this.#claims.transaction(async (session) => {
        const unit = this.unit(session);
        await unit.loadPauses();
        const names = [...new Set(places.map(({ lane }) => lane))];
        await this.laneTable.read(session, names);
        locked = await unit.lockLanes(names.map((id) => this.laneTable.name(id)));
        this.#noteHealth(unit);
        const now = unit.now;
        const turns = places
          .filter(({ lane }) => locked.includes(this.laneTable.name(lane)))
          .map(({ lane, priority, head }) => {
            const name = this.laneTable.name(lane);
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
      if (sqlStateOf(error) === "PR001") await this.#registerAgain();
      throw error;
    } finally {
      this.#late = undefined;
    }
    for (const { id, attempt } of claimed) this.#live.set(sequenceOf(id), { id, attempt });
    await this.#correctHints(places, locked, closedUntil, late);
    if (outcome) this.follow(outcome);
    return claimed;
  }

  #late: [number, number, number][] | undefined;

  async #correctHints(
    places: readonly Place[],
    locked: readonly string[],
    closedUntil: ReadonlyMap<string, number>,
    late: readonly [number, number, number][],
  ): Promise<void> {
    const now = this.now();
    const looked = places.filter(({ lane }) => locked.includes(this.laneTable.name(lane)));
    for (const { lane } of places) {
      const name = this.laneTable.name(lane);
      if (!locked.includes(name)) this.#hints.close(lane, now + BUSY_MS);
      const until = closedUntil.get(name);
      if (until !== undefined) this.#hints.close(lane, until);
    }
    if (looked.length > 0) {
      const rows = await this.#claims.use((session) =>
        session.run(
          this.sql.heads,
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
    const evidence = group.flatMap(({ evidence = [] }) => evidence);
    const changesLanes = evidence.length > 0 ||
      group.some(({ hold, adaptiveLimit }) => hold !== undefined || adaptiveLimit !== undefined);
    const lanes = changesLanes ? unique(evidence.map(({ lane }) => lane)) : undefined;
    let answers: boolean[] = [];
    const outcome = await this.write(async (unit) => {
      await unit.loadTasks(group.map(({ id }) => sequenceOf(id)), { lanes });
      answers = group.map((one) => {
        const row = unit.row(sequenceOf(one.id));
        if (row?.id !== one.id || row.state !== "running" || row.attempt !== one.attempt) {
          return false;
        }
        return settle(unit, row, unit.learn(row.lane, this.#onServerTime(one, unit.now)));
      });
      this.#noteHealth(unit);
      makeFollowUps(unit);
      return true;
    });
    if (outcome) this.follow(outcome);
    return answers;
  }

  /** Remembers what is known of the lanes that were read. */
  #noteHealth({ health }: Unit): void {
    for (const [lane, known] of health) {
      if (known) this.#health.set(lane, known);
      else this.#health.delete(lane);
    }
  }

  /** Converts times to the server's clock, so that a wrong clock on this machine changes no wait. */
  #onServerTime(settled: Settled, now: number): Settled {
    const { at, dueAt, hold } = settled;
    return {
      ...settled,
      at: now,
      ...(dueAt === undefined ? {} : { dueAt: now + (dueAt - at) }),
      ...(hold ? { hold: { ...hold, until: now + (hold.until - at) } } : {}),
    };
  }

  protected override unit(session: PooledSession): Unit {
    return new Unit(session, {
      sql: this.sql,
      lanes: this.laneTable,
      storeLanes: (names) => this.storeLanes(names),
      now: this.now(),
      ids: this.#ids,
      node: this.#node.id,
      closed: this.isShutDown,
      slot: session.slot,
      hosts: this.hosts,
      pauses: this.activePauses,
    });
  }

  /** Informs claims, timers, watchers and other nodes of a committed transaction. */
  protected override follow(
    { offers, nextExpiry, hasChanges, final, failed, aborting, freed, breakers }: Outcome,
  ): void {
    for (const row of offers) {
      this.#offer(this.laneTable.id(row.lane), row.priority, row.dueAt, true);
    }
    for (const lane of freed) {
      const id = this.laneTable.id(lane);
      this.#hints.reopen(id);
      this.#notices.freed(id);
    }
    if (nextExpiry < this.#nextExpiry) this.#expireAt(nextExpiry);
    for (const change of breakers) this.#breakerChanged(change);
    for (const row of final) this.#ownWatchers.notify(changeOf(row, undefined));
    for (const task of failed) this.#options.onFailed?.(task);
    for (const row of aborting) {
      this.#ownWatchers.notify({ ...changeOf(row, undefined), abort: row.aborting ?? "request" });
      this.#notices.sendNow({ abort: row.id });
    }
    if (hasChanges) {
      this.#tail.kick();
      this.#notices.changed();
    }
    this.#claimer.kick();
  }

  #offer(lane: number, priority: number, dueAt: number, isOurs: boolean): void {
    this.#hints.offer(lane, priority, dueAt);
    this.#late?.push([lane, priority, dueAt]);
    if (isOurs) this.#notices.due(lane, priority, dueAt);
  }

  protected override reopenAll(): void {
    this.#hints.reopenAll();
    this.#claimer.kick();
  }

  // Other nodes.

  #onNotice({ due, changed, abort, freed, paused, announced }: Notice): void {
    for (const [lane, priority, dueAt] of due ?? []) this.#offer(lane, priority, dueAt, false);
    for (const lane of freed ?? []) this.#hints.reopen(lane);
    if (due === null) this.#inBackground(this.rescan());
    if (due || freed) this.#claimer.kick();
    if (changed) this.#tail.kick();
    if (abort) this.#inBackground(this.#lookForAborts());
    if (paused) this.#inBackground(this.rescan());
    if (announced) this.#announced(announced);
  }

  #beatLater(): void {
    if (this.#closed) return;
    this.#undoBeat = this.#clock.after(HEARTBEAT_MS, () => this.#inBackground(this.#beat()));
  }

  async #beat(): Promise<void> {
    try {
      const isAlive = await this.readers.use((session) => this.#node.beat(session));
      if (!isAlive) await this.#registerAgain();
      if (this.#options.url.wake === "listen" && !this.#notices.isConnected) {
        await this.#notices.connect();
        await this.#notices.listen();
        await this.rescan();
      }
      await this.#lookForAborts();
      await this.#claimer.between(() => this.#releaseLostClaims());
      const given = await this.readers.use((session) => this.#node.giveUpOthers(session));
      if (given > 0 || !isAlive || this.#node.isLeader) await this.#recoverOrphans();
      if (this.#node.isLeader) await this.#expireDue();
    } catch (error) {
      if (!isTemporary(error) && !this.#closed) throw error;
    } finally {
      this.#beatLater();
    }
  }

  /** Another node gave this one up and recovers its attempts: aborts them here, and registers again. */
  async #registerAgain(): Promise<void> {
    const lost = [...this.#live.values()];
    this.#live.clear();
    for (const { id, attempt } of lost) this.#lost.add(`${id} ${attempt}`);
    for (const { id } of lost) this.#ownWatchers.notify(lostChange(id, this.now()));
    await this.#node.register(this.writers);
  }

  /** Finds aborts that were requested on other nodes. */
  async #lookForAborts(): Promise<void> {
    const rows = await this.readWithLanes(this.sql.aborting, this.#node.id);
    for (const values of rows) {
      const row = rowFrom(values, this.laneTable);
      this.#ownWatchers.notify({ ...changeOf(row, undefined), abort: row.aborting ?? "request" });
    }
  }

  /** Releases tasks that the database assigns to this node but whose claim got no reply. */
  async #releaseLostClaims(): Promise<void> {
    const rows = await this.read(this.sql.heldBy, this.#node.id, [...this.#live.keys()]);
    await this.changeSome(rows.map(([seq]) => seq), (unit, row) => {
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

  /** Recovers the attempts of nodes that no longer exist, and returns how many. */
  async #recoverOrphans(): Promise<number> {
    let recovered = 0;
    for (;;) {
      let found = 0;
      const outcome = await this.write(async (unit) => {
        const seqs = await unit.lockOrphans(CHANGED_AT_ONCE);
        found = seqs.length;
        if (found === 0) return false;
        await unit.loadTasks(seqs);
        await unit.loadContents(seqs);
        for (const seq of seqs) recover(unit, unit.row(seq) as Row);
        makeFollowUps(unit);
        return true;
      });
      if (outcome) this.follow(outcome);
      recovered += found;
      if (found < CHANGED_AT_ONCE) return recovered;
    }
  }

  // Time.

  protected override now(): number {
    const now = this.#clock.now();
    return this.#options.ownTime || !this.#node ? now : Math.round(now + this.#node.offsetMs);
  }

  #rescanLater(): void {
    if (this.#closed) return;
    const everyMs = this.#options.url.wake === "poll" ? POLL_MS : RESCAN_MS;
    this.#undoRescan = this.#clock.after(everyMs, () => {
      this.#inBackground(this.rescan().catch(() => {}).finally(() => this.#rescanLater()));
    });
  }

  /** Finds all lanes and priorities with queued tasks. */
  protected override async rescan(): Promise<void> {
    await this.readPauses();
    const over = this.activePauses.list().filter(({ until = Infinity }) => until <= this.now());
    if (over.length > 0) await this.endPauses(over);
    const rows = await this.read(this.sql.places);
    for (const [lane, priority, head] of rows) this.#offer(lane, priority, head, false);
    this.#tail.kick();
    this.#claimer.kick();
  }

  async #findExpiry(): Promise<void> {
    const [row] = await this.read(this.sql.nextExpiry);
    this.#nextExpiry = Infinity;
    this.#expireAt(row?.[0] ?? Infinity);
  }

  #expireAt(at: number): void {
    this.#nextExpiry = at;
    this.#undoExpiry();
    if (at === Infinity || this.#closed) return;
    const delayMs = Math.min(at - this.now(), MAX_TIMER_MS);
    const expire = () => this.#inBackground(this.#expireDue());
    if (delayMs > 0) this.#undoExpiry = this.#clock.after(delayMs, expire);
    else expire();
  }

  /** Ends the tasks that have expired. */
  async #expireDue(): Promise<void> {
    if (this.isShutDown) return;
    for (;;) {
      const rows = await this.read(this.sql.expiring, this.now(), CHANGED_AT_ONCE);
      await this.changeSome(rows.map(([seq]) => seq), (unit, row) => {
        if (row.state !== "queued" || row.expiresAt === null) return;
        if (row.expiresAt <= unit.now) expire(unit, row);
      });
      if (rows.length < CHANGED_AT_ONCE) break;
    }
    await this.#findExpiry();
  }

  #inBackground(work: Promise<unknown>): void {
    const tracked = work.catch((error) => {
      if (!this.#closed && !isTemporary(error)) this.#options.onFatal?.(asEngineError(error));
    }).finally(() => this.#background.delete(tracked));
    this.#background.add(tracked);
  }

  protected override mustBeOpen(): void {
    if (this.#closed) throw new EngineError("The queue is closed");
  }
}

/** The longest timer, in milliseconds, so that a clock that was set forward is noticed. */
const MAX_TIMER_MS = 5 * 60_000;

function lostChange(id: string, at: number): TaskChange {
  return { id, type: "fetch", state: "running", attempt: 0, at, change: 0, abort: "request" };
}

/** Whether a retry may succeed: the database is unavailable, or lacks disk, memory or connections. */
function isTemporary(error: unknown): boolean {
  return error instanceof EngineAwayError || sqlStateOf(error)?.startsWith("53") === true;
}

function asEngineError(error: unknown): Error {
  if (error instanceof EngineError) return error;
  if (!(error instanceof Error)) return new EngineError(String(error));
  if (sqlStateOf(error) === undefined) return error;
  return new EngineError(`The database rejected the statement: ${error.message}`, { cause: error });
}

function rowsOf(tasks: readonly NewTask[]) {
  return tasks.map((task) => ({ row: newRow(task), content: contentOf(task) }));
}

function unique<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}
