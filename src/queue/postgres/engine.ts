/**
 * The engine that keeps tasks in PostgreSQL, for one node or several.
 *
 * A transaction locks and reads rows, runs the lifecycle on them, and stores
 * what changed. This file joins the parts: it passes on what a commit brought to
 * those who wait for it, here and on other nodes.
 *
 * `database/` has the connections, the tables and the SQL; `nodes/` what nodes
 * know of each other.
 *
 * @module
 */

import type { Clock } from "../../lib/clock.ts";
import { type IdSource, type IdTurn, isId, openIds, sequenceOf } from "../../lib/ids.ts";
import type { Rate } from "../../lib/rate_text.ts";
import type { Taken } from "../../lib/token_bucket.ts";
import type { BreakerChange, LaneHealth } from "../../task/lane_health.ts";
import type { Settlement } from "../../task/outcome.ts";
import type { ClaimedTask } from "../../task/task.ts";
import { DEFAULT_MAX_QUEUED, MAX_WAIT_MS } from "../core/rules.ts";
import { Watchers } from "../core/watchers.ts";
import {
  type Durability,
  EngineError,
  type Inserted,
  type QueueEngine,
  type Submission,
  type TaskChange,
  type Watched,
} from "../engine.ts";
import type { Announcement, Cluster, MarkedFolder, NodeStatus } from "../cluster.ts";
import { SharedBuckets } from "./buckets.ts";
import { Announcements } from "./nodes/announcements.ts";
import { Background } from "./background.ts";
import { Changes } from "./changes.ts";
import { ClaimRounds } from "./claim_rounds.ts";
import { Claimer } from "./claimer.ts";
import { type CommitNewsParts, passOn } from "./commit_news.ts";
import { type ConnectionOptions, engineErrorOf, sqlStateOf } from "./database/connection.ts";
import { Expiry } from "./expiry.ts";
import { agreeOnFolder } from "./nodes/folder.ts";
import { Hints } from "./hints.ts";
import { Inserts } from "./inserts.ts";
import { Node } from "./nodes/node.ts";
import { type Notice, Notices } from "./nodes/notices.ts";
import type { PostgresOptions } from "./options.ts";
import { OwnAttempts } from "./nodes/own_attempts.ts";
import { Pool } from "./database/pool.ts";
import { Settlements } from "./settlements.ts";
import type { Sql } from "./database/sql.ts";
import { Tail } from "./tail.ts";
import { Transactions } from "./transactions.ts";
import { Upkeep } from "./nodes/upkeep.ts";

/** Connections that write, and connections that read. */
const WRITERS = 5;
const READERS = 3;
/** How often a node rescans the queue for changes without a notice, in milliseconds. */
const RESCAN_MS = 2_000;
/** The same when notifications are switched off. */
const POLL_MS = 100;

/** What was found out before the engine is opened. */
export interface FoundParts {
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
  readonly #attempts = new OwnAttempts();
  readonly #rounds: ClaimRounds;
  readonly #claimer: Claimer;
  readonly #inserts: Inserts;
  readonly #settlements: Settlements;
  readonly #upkeep: Upkeep;
  readonly #expiry: Expiry;
  readonly #buckets: SharedBuckets;
  readonly #announcements: Announcements;
  readonly #notices: Notices;
  readonly #tail: Tail;
  /** Watchers of changes on any node. */
  readonly #watchers: Watchers;
  /** Watchers of ends and aborts, which are notified only on the node where they happen. */
  readonly #ownWatchers = new Watchers();
  readonly #background: Background;
  /** Who waits for what a commit brings. */
  readonly #waiting: CommitNewsParts;
  #claims!: Pool;
  #node!: Node;
  #ids!: IdSource;
  #last = 0;
  #recovered = 0;
  #announced: (what: Announcement) => void = () => {};
  #breakerChanged: (change: BreakerChange) => void = () => {};
  #isOpen = false;
  #undoRescan: () => void = () => {};
  #undoPauses: () => void = () => {};
  #closed: Promise<void> | undefined;

  constructor(options: PostgresOptions, { sql, connection, durability }: FoundParts) {
    const { url, listenUrl, clock, random, maxQueued = DEFAULT_MAX_QUEUED } = options;
    const readers = new Pool(connection, sql, Array.from({ length: READERS }, (_, at) => at));
    super(
      new Transactions({
        sql,
        schema: url.schema,
        readers,
        now: () => this.#now(),
        node: () => this.#node.id,
        ids: () => this.#ids,
        follow: (outcome) => passOn(outcome, this.#waiting),
      }),
    );
    const { db } = this;
    const node = () => this.#node;
    this.#background = new Background((error) => {
      if (!this.#closed) options.onFatal?.(error);
    });
    const inBackground = this.#background.run;
    this.#options = options;
    this.#clock = clock;
    this.#connection = connection;
    this.durability = durability;
    this.#watchers = new Watchers((_, isWatched) => this.#tail.watched(isWatched));
    this.#tail = new Tail(readers, db, (change) => this.#watchers.notify(change));
    this.#rounds = new ClaimRounds({
      db,
      hints: this.#hints,
      attempts: this.#attempts,
      // A test's clock may jump over several heartbeats.
      hasLostContact: () => !options.ownTime && this.#node.hasLostContact,
      claims: () => this.#claims,
      registerAgain: () => this.#upkeep.registerAgain(),
    });
    this.#claimer = new Claimer({
      clock,
      hints: this.#hints,
      now: db.now,
      random,
      round: (places, limit) => this.#rounds.run(places, limit),
    });
    this.#notices = new Notices({
      connection: {
        ...connection,
        url: listenUrl ?? url,
        applicationName: `${connection.applicationName} (listens)`,
      },
      schema: url.schema,
      clock,
      node: () => this.#node.id,
      onNotice: (notice) => this.#onNotice(notice),
      inBackground,
    });
    this.#announcements = new Announcements(db);
    this.#buckets = new SharedBuckets(readers, sql);
    this.#inserts = new Inserts(db, maxQueued);
    this.#settlements = new Settlements({ db, attempts: this.#attempts, random });
    this.#expiry = new Expiry({ db, clock, inBackground });
    this.#upkeep = new Upkeep({
      db,
      clock,
      claimer: this.#claimer,
      attempts: this.#attempts,
      node,
      notify: (change) => this.#ownWatchers.notify(change),
      reconnect: () => this.#reconnect(),
      lead: () => this.#expiry.endExpired(),
      inBackground,
    });
    this.#waiting = {
      lanes: db.lanes,
      rounds: this.#rounds,
      hints: this.#hints,
      claimer: this.#claimer,
      expiry: this.#expiry,
      notices: this.#notices,
      tail: this.#tail,
      ownWatchers: this.#ownWatchers,
      onBreaker: (change) => this.#breakerChanged(change),
      onFailed: (task) => options.onFailed?.(task),
    };
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

  /** Joins the other nodes. */
  async open(): Promise<void> {
    const { url, name, report } = this.#options;
    const { db } = this;
    if (url.wake === "listen") await this.#notices.connect();
    const bootstrap = new Pool(this.#connection, db.sql, [0]);
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
    db.writers = new Pool(this.#connection, db.sql, slots(0, WRITERS));
    this.#claims = new Pool(this.#connection, db.sql, slots(WRITERS, 1));
    await bootstrap.close();
    this.#isOpen = true;
    await db.readers.use((session) => this.#node.beat(session));
    const [row] = await db.read(db.sql.last);
    this.#last = row?.[0] ?? 0;
    this.#ids = openIds(
      db.now,
      crypto.getRandomValues.bind(crypto),
      this.#last,
      { stride: 128, own: () => this.#node.slot * 2 + 1 },
    );
    this.#recovered = await this.#upkeep.recoverOrphans();
    await this.#notices.listen();
    await this.rescan();
    await this.#expiry.find();
    this.#upkeep.start();
    this.#rescanLater();
  }

  // Tasks.

  async insert(submission: Submission): Promise<Inserted> {
    this.db.mustBeOpen();
    if (this.db.isShutDown) {
      throw new EngineError("Cannot insert tasks: the shutdown has cancelled all queued tasks");
    }
    const { tasks, batch, schedule, delivery } = submission;
    try {
      const inserted = await this.#inserts.insert(submission);
      if (schedule && inserted.kind === "stored") this.announce("schedules");
      for (const { id } of tasks) this.#last = Math.max(this.#last, sequenceOf(id));
      if (batch) this.#last = Math.max(this.#last, sequenceOf(batch.id));
      if (delivery) this.#last = Math.max(this.#last, sequenceOf(delivery.id));
      return inserted;
    } catch (error) {
      if (sqlStateOf(error) === "53100") return { kind: "refused", code: "storage_full" };
      throw engineErrorOf(error);
    }
  }

  claim(limit: number, signal: AbortSignal): Promise<ClaimedTask[]> {
    if (this.#closed) return Promise.reject(new EngineError("The queue is closed"));
    return this.#claimer.claim(limit, signal);
  }

  async settle(settlement: Settlement): Promise<boolean> {
    this.db.mustBeOpen();
    return isId("tsk", settlement.id) && await this.#settlements.settle(settlement);
  }

  watch(what: Watched, listener: (change: TaskChange) => void): () => void {
    const isOwn = what === "running" || what === "final";
    return (isOwn ? this.#ownWatchers : this.#watchers).add(what, listener);
  }

  // The nodes.

  get cluster(): Cluster {
    return this;
  }

  get idTurn(): IdTurn {
    return { stride: 128, own: () => this.#node.slot * 2 };
  }

  get isLeader(): boolean {
    return this.#node.isLeader;
  }

  nodes(): Promise<NodeStatus[]> {
    return this.db.readers.use((session) => this.#node.list(session));
  }

  announce(what: Announcement): void {
    this.#background.run(
      this.#announcements.add(what).then(() => this.#notices.sendNow({ announced: true })),
    );
  }

  onAnnouncement(listener: (what: Announcement) => void): void {
    this.#announced = listener;
  }

  settleWithin(ms: number): void {
    this.#settlements.dropAfter(ms);
  }

  healthOf(lane: string): LaneHealth | undefined {
    return this.db.health.get(lane);
  }

  onBreaker(listener: (change: BreakerChange) => void): void {
    this.#breakerChanged = listener;
  }

  takeToken(name: string, rate: Rate): Promise<Taken> {
    this.db.mustBeOpen();
    return this.#buckets.take(name, rate);
  }

  agreeOnFolder(folder: MarkedFolder): Promise<boolean> {
    this.db.mustBeOpen();
    return agreeOnFolder(this.db.readers, this.db.schema, this.#node.id, folder);
  }

  // What a commit brings about.

  #onNotice({ due, changed, abort, freed, paused, announced }: Notice): void {
    for (const [lane, priority, dueAt] of due ?? []) this.#rounds.offer(lane, priority, dueAt);
    for (const lane of freed ?? []) this.#hints.reopen(lane);
    if (due === null) this.#background.run(this.rescan());
    if (due || freed) this.#claimer.kick();
    if (changed) this.#tail.kick();
    if (abort) this.#background.run(this.#upkeep.lookForAborts());
    if (paused) this.#background.run(this.rescan());
    if (announced) this.#background.run(this.#hear());
  }

  /** Passes on what other nodes have announced. */
  async #hear(): Promise<void> {
    for (const what of await this.#announcements.read()) this.#announced(what);
  }

  protected override claimsIdle(): Promise<void> {
    return this.#claimer.idle();
  }

  protected override pausesEndAt(at: number): void {
    this.#undoPauses();
    if (at === Infinity || this.#closed) return;
    const delayMs = Math.min(Math.max(0, at - this.#now()), MAX_WAIT_MS);
    this.#undoPauses = this.#clock.after(delayMs, () => this.#background.run(this.rescan()));
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

  protected override reopenAll(): void {
    this.#hints.reopenAll();
    this.#claimer.kick();
  }

  /** Finds all lanes and priorities with queued tasks. */
  protected override async rescan(): Promise<void> {
    await this.readPauses();
    await this.#hear();
    const over = this.db.pauses.list().filter(({ until = Infinity }) => until <= this.#now());
    if (over.length > 0) await this.endPauses(over);
    const rows = await this.db.read(this.db.sql.places);
    for (const [lane, priority, head] of rows) this.#rounds.offer(lane, priority, head);
    this.#tail.kick();
    this.#claimer.kick();
  }

  #rescanLater(): void {
    if (this.#closed) return;
    const everyMs = this.#options.url.wake === "poll" ? POLL_MS : RESCAN_MS;
    this.#undoRescan = this.#clock.after(everyMs, () => {
      this.#background.run(this.rescan().catch(() => {}).finally(() => this.#rescanLater()));
    });
  }

  async #reconnect(): Promise<void> {
    if (this.#options.url.wake !== "listen" || this.#notices.isConnected) return;
    await this.#notices.connect();
    await this.#notices.listen();
    await this.rescan();
  }

  #now(): number {
    const now = this.#clock.now();
    return this.#options.ownTime || !this.#node ? now : Math.round(now + this.#node.offsetMs);
  }

  /** Resolves once no background work is running; for tests. */
  async idle(): Promise<void> {
    for (;;) {
      await this.#claimer.idle();
      await this.#background.ended();
      await this.#tail.idle();
      if (this.#background.isIdle) return;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#closed ??= this.#close();
  }

  async #close(): Promise<void> {
    const { db } = this;
    db.isClosed = true;
    this.#settlements.close();
    this.#upkeep.stop();
    this.#expiry.stop();
    this.#undoRescan();
    this.#undoPauses();
    await this.#claimer.close();
    await this.#background.ended();
    await this.#tail.close();
    if (this.#isOpen) {
      await db.writers.use((session) => this.#node.leave(session)).catch(() => {});
    }
    await Promise.all([
      db.writers?.close(),
      this.#claims?.close(),
      db.readers.close(),
      this.#notices.close(),
    ]);
  }
}
