/**
 * The changes that callers and operators request of the PostgreSQL engine:
 * cancel, retry, pause, erase, purge.
 *
 * Each change is one transaction of the lifecycle. A change of many tasks takes
 * several transactions.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import { isId, sequenceOf } from "../../lib/ids.ts";
import { forgottenBefore, type HistoryPart } from "../../task/history.ts";
import type { Hosts } from "../../task/host_limits.ts";
import type { CancelReason } from "../../task/outcome.ts";
import { TASK_STATES } from "../../task/state.ts";
import { makeFollowUps } from "../core/follow_ups.ts";
import { cancel, erase, revive, runNow } from "../core/lifecycle.ts";
import { Pauses, pauseTask, resumeTask } from "../core/pauses.ts";
import type { Row } from "../core/row.ts";
import { allowing, isUnused, keepsExpiry } from "../core/rules.ts";
import { parseCursor } from "../cursor.ts";
import type {
  Cancelled,
  Changed,
  Erased,
  OnPart,
  Purged,
  QueuedKinds,
  Revived,
  Room,
  TaskFilter,
} from "../engine.ts";
import { laneIsOfHost } from "../host.ts";
import type { Pause } from "../pause.ts";
import { checksumOf } from "./columns.ts";
import type { Matching } from "./lists.ts";
import type { Pool, PooledSession } from "./pool.ts";
import { Reads } from "./reads.ts";
import type { Outcome } from "./changed_rows.ts";
import { batchFrom } from "./records.ts";
import type { Unit } from "./unit.ts";

/** Tasks cancelled, retried, expired or recovered in one transaction. */
export const CHANGED_AT_ONCE = 500;
/** Tasks that a single statement rewrites: a call has a deadline. */
const PORTION = 10_000;
/** Tasks that a purge examines in one transaction. */
const PURGE_WINDOW = 20_000;

/** The changing half of the engine. */
export abstract class Changes extends Reads {
  protected writers!: Pool;
  /** The limits that the operator has set for hosts. */
  protected hosts: Hosts = new Map();
  /** The pauses as last read. */
  protected readonly activePauses = new Pauses();
  /** Whether a shutdown of this node has cancelled the queued tasks. */
  protected isShutDown = false;
  #purgedTo = 0;
  #forgottenTo = 0;

  /** Whether this node does the work that only one node may do. */
  abstract readonly isLeader: boolean;
  /** Resolves when no claim is being served. */
  protected abstract claimsIdle(): Promise<void>;
  /** Notifies watchers of what was committed. */
  protected abstract changesCommitted(): void;
  /** Informs claims, timers, watchers and other nodes of a committed transaction. */
  protected abstract follow(outcome: Outcome): void;
  /** Schedules the end of pauses, in milliseconds since the epoch; infinity for never. */
  protected abstract pausesEndAt(at: number): void;
  /** Notifies other nodes that pauses have begun or ended. */
  protected abstract pausesChanged(): void;
  /** Allows claims from every lane again. */
  protected abstract reopenAll(): void;
  /** Finds all lanes and priorities with queued tasks. */
  protected abstract rescan(): Promise<void>;

  async cancel(id: string, reason: CancelReason, by?: string): Promise<Cancelled> {
    return await this.changeOne(id, (unit, row) => cancel(unit, row, reason, by)) ?? "not_found";
  }

  async cancelAll(filter: TaskFilter, reason: CancelReason, by?: string, onPart?: OnPart) {
    let cancelled = 0;
    let aborting = 0;
    await this.changeAll(allowing(filter, "cancel"), (unit, row) => {
      const became = cancel(unit, row, reason, by);
      if (became === "cancelled") cancelled++;
      if (became === "aborting") aborting++;
    }, { onPart: () => onPart?.(cancelled + aborting) });
    return { cancelled, aborting };
  }

  /** Cancels all queued tasks, in portions; only the last running node calls it. */
  async cancelWaiting(): Promise<number> {
    this.mustBeOpen();
    this.isShutDown = true;
    await this.claimsIdle();
    let cancelled = 0;
    for (let portion = PORTION; portion === PORTION;) {
      portion = await this.#cancelPortion();
      cancelled += portion;
    }
    await this.#eraseCancelled();
    this.changesCommitted();
    return cancelled;
  }

  async #cancelPortion(): Promise<number> {
    const cancelled = await this.writers.transaction(async (session) => {
      const [row] = await session.run(this.sql.cancelWaiting, session.slot, this.now(), PORTION);
      const batches = (row?.[2] ?? []).map((one: string) => one.split(":").map(Number));
      for (const [seq, count] of batches as [number, number][]) {
        const [values] = await session.run(this.sql.lockBatches, [seq]);
        if (!values) continue;
        const { counts, bytes, follows } = batchFrom(values);
        counts.queued -= count;
        counts.cancelled += count;
        const text = JSON.stringify(Object.values(counts));
        await session.run(this.sql.writeBatch, seq, text, bytes, follows);
      }
      return row?.[0] as number;
    });
    return cancelled ?? 0;
  }

  /** Erases the payloads of tasks with `retain: none` that the shutdown has just cancelled. */
  async #eraseCancelled(): Promise<void> {
    for (;;) {
      const rows = await this.read(this.sql.erasable, CHANGED_AT_ONCE);
      if (rows.length === 0) return;
      const seqs = rows.map(([seq]) => seq);
      await this.writers.use((session) =>
        session.run(
          this.sql.erase,
          seqs,
          rows.map(([, spec]) => checksumOf(spec, null)),
        )
      );
    }
  }

  async revive(id: string, room?: Room): Promise<Revived> {
    const options = compact({ room });
    return await this.changeOne(
      id,
      (unit, row) => revive(unit, row, options),
      (unit) => loadRoom(unit, room),
    ) ?? "not_found";
  }

  async reviveAll(filter: TaskFilter, room?: Room, onPart?: OnPart) {
    const options = compact({ expiring: keepsExpiry(filter), room });
    const sums = { retried: 0, expired: 0, full: 0 };
    await this.changeAll(
      allowing(filter, "revive"),
      (unit, row) => {
        const became = revive(unit, row, options);
        if (became === "changed") sums.retried++;
        if (became === "expired" || became === "full") sums[became]++;
      },
      {
        load: (unit) => loadRoom(unit, room),
        onPart: () => onPart?.(sums.retried + sums.expired + sums.full),
      },
    );
    return sums;
  }

  async erase(id: string): Promise<Erased> {
    return await this.changeOne(id, (unit, row) => erase(unit, row)) ?? "not_found";
  }

  async queued(): Promise<QueuedKinds> {
    const [row] = await this.read(this.sql.queued, this.now());
    const [queued = 0, paused = 0, scheduled = 0, retrying = 0, oldestDueAt = null] = row ?? [];
    await this.readPauses();
    if (this.activePauses.all) return { due: 0, scheduled: 0, retrying: 0, paused: queued };
    const due = queued - paused - scheduled - retrying;
    return { due, scheduled, retrying, paused, ...(oldestDueAt === null ? {} : { oldestDueAt }) };
  }

  async pause(pause: Pause): Promise<void> {
    this.mustBeOpen();
    await this.writers.use((session) =>
      session.run(this.sql.insertPause, sequenceOf(pause.id), JSON.stringify(pause))
    );
    await this.readPauses();
    this.pausesChanged();
    if (!pause.all) await this.#applyPauses(false);
  }

  async pauses(): Promise<Pause[]> {
    await this.readPauses();
    return [...this.activePauses.list()];
  }

  async resume(id: string): Promise<boolean> {
    await this.readPauses();
    const found = this.activePauses.list().find((pause) => pause.id === id);
    if (found) await this.endPauses([found]);
    return found !== undefined;
  }

  async releaseHolds(host: string): Promise<string[]> {
    const rows = await this.read(this.sql.allLanes);
    const ids = rows.filter(([, name]) => laneIsOfHost(name, host)).map(([id]) => id);
    const names = new Map<number, string>(rows.map(([id, name]) => [id, name]));
    const released = await this.writers.use((session) =>
      session.run(this.sql.releaseLanes, ids, this.now())
    );
    this.reopenAll();
    return released.map(([id]) => names.get(id) as string);
  }

  async moveLanes(
    prefixes: readonly string[],
    used: readonly string[],
    to: string,
  ): Promise<number> {
    const rows = await this.read(this.sql.allLanes);
    const from = rows.filter(([, name]) => isUnused(name, prefixes, used)).map(([id]) => id);
    if (from.length === 0) return 0;
    await this.storeLanes([to]);
    await this.writers.use((session) => session.run(this.sql.releaseLanes, from, 0));
    let moved = 0;
    for (let portion = PORTION; portion === PORTION;) {
      const [row] = await this.writers.use((session) =>
        session.run(this.sql.moveLanes, from, this.laneTable.id(to), PORTION)
      );
      portion = row?.[0] ?? 0;
      moved += portion;
    }
    this.reopenAll();
    await this.rescan();
    return moved;
  }

  protected async readPauses(): Promise<void> {
    const rows = await this.read(this.sql.pauses);
    this.activePauses.set(rows.map(([record]) => JSON.parse(record)));
    this.pausesEndAt(this.activePauses.nextEnd);
  }

  /** Marks queued tasks that a pause covers as paused, or removes the marks of pauses that have ended. */
  async #applyPauses(isEnd: boolean): Promise<void> {
    for (let after: number | undefined = 0; after !== undefined;) {
      const rows = await this.read(this.sql.queuedAfter, after, isEnd);
      const seqs: number[] = rows.map(([seq]) => seq);
      await this.changeSome(seqs, (unit, row) => {
        if (isEnd) resumeTask(unit, row);
        else if (unit.pauses.cover(row)) pauseTask(unit, row);
      });
      after = seqs.at(-1);
    }
  }

  protected async endPauses(ended: readonly Pause[]): Promise<void> {
    for (const { id } of ended) {
      await this.writers.use((session) => session.run(this.sql.dropPause, sequenceOf(id)));
    }
    await this.readPauses();
    this.pausesChanged();
    if (ended.some(({ all }) => !all)) await this.#applyPauses(true);
    this.reopenAll();
  }

  async writeHistory(parts: readonly HistoryPart[]): Promise<void> {
    this.mustBeOpen();
    await this.writers.transaction(async (session) => {
      for (const part of parts) {
        await session.run(this.sql.writeHistory, part.stepMs, part.at, part.run, part.tally);
        await session.run(this.sql.forgetHistory, part.stepMs, forgottenBefore(part));
      }
      return true;
    });
  }

  async endSession(id: string, until: number): Promise<void> {
    this.mustBeOpen();
    await this.writers.transaction(async (session) => {
      await session.run(this.sql.forgetSessions, this.now());
      await session.run(this.sql.endSession, id, until);
      return true;
    });
  }

  async runNow(id: string): Promise<Changed> {
    return await this.changeOne(id, runNow) ?? "not_found";
  }

  async limitLane(lane: string, limit: number): Promise<void> {
    await this.storeLanes([lane]);
    await this.writers.use(async (session) => {
      await session.run(this.sql.setLane, this.laneTable.id(lane), limit, null, null, null);
    });
    this.reopenAll();
  }

  limitHosts(hosts: Hosts): Promise<void> {
    this.mustBeOpen();
    this.hosts = hosts;
    this.reopenAll();
    return Promise.resolve();
  }

  async purge(finishedBefore: number, limit: number): Promise<Purged> {
    if (!this.isLeader) return { deleted: 0, isOver: true };
    const purged = await this.writers.transaction(async (session) => {
      await session.run(this.sql.purgeIdempotency, this.now());
      const deliveries = await session.run(this.sql.purgeDeliveries, finishedBefore, limit);
      const [row] = await session.run(
        this.sql.purge,
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

  /** Deletes the records of transactions whose tasks have all changed again or been deleted. */
  async #forgetChanges(): Promise<void> {
    const [row] = await this.writers.use((session) =>
      session.run(this.sql.forgetChanges, this.#forgottenTo, PURGE_WINDOW)
    );
    this.#forgottenTo = row?.[0] ?? 0;
  }

  protected async changeOne<Answer>(
    id: string,
    change: (unit: Unit, row: Row) => Answer,
    before: (unit: Unit) => Promise<void> = () => Promise.resolve(),
  ): Promise<Answer | undefined> {
    this.mustBeOpen();
    if (!isId("tsk", id)) return undefined;
    let answer: Answer | undefined;
    const outcome = await this.write(async (unit) => {
      await unit.loadTasks([sequenceOf(id)]);
      const row = unit.row(sequenceOf(id));
      if (row?.id !== id) return false;
      await before(unit);
      answer = change(unit, row);
      makeFollowUps(unit);
      return true;
    });
    if (outcome) this.follow(outcome);
    return answer;
  }

  protected async changeAll(
    filter: TaskFilter,
    change: (unit: Unit, row: Row) => void,
    { load, onPart }: {
      readonly load?: (unit: Unit) => Promise<void>;
      /** Called after each transaction. */
      readonly onPart?: () => void;
    } = {},
  ): Promise<void> {
    this.mustBeOpen();
    for (let before: number | undefined = parseCursor(undefined); before !== undefined;) {
      const part: Matching = await this.matching(filter, CHANGED_AT_ONCE, before);
      await this.changeSome(part.seqs, change, load);
      onPart?.();
      before = part.next;
    }
  }

  protected async changeSome(
    seqs: readonly number[],
    change: (unit: Unit, row: Row) => void,
    before: (unit: Unit) => Promise<void> = () => Promise.resolve(),
  ): Promise<void> {
    if (seqs.length === 0) return;
    const outcome = await this.write(async (unit) => {
      await unit.loadTasks(seqs);
      await before(unit);
      for (const seq of seqs) {
        const row = unit.row(seq);
        if (row) change(unit, row);
      }
      makeFollowUps(unit);
      return true;
    });
    if (outcome) this.follow(outcome);
  }

  async #deleteTasks(
    session: PooledSession,
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
      const [values] = await session.run(this.sql.lockBatches, [seq]);
      if (!values) continue;
      const batch = batchFrom(values);
      for (const state of left) batch.counts[TASK_STATES[state]!]--;
      const counts = Object.values(batch.counts);
      if (counts.every((count) => count <= 0)) gone.push(seq);
      else {
        const text = JSON.stringify(counts);
        await session.run(this.sql.writeBatch, seq, text, batch.bytes, batch.follows);
      }
    }
    if (gone.length > 0) {
      await session.run(this.sql.dropBatches, gone);
      await session.run(this.sql.dropFollowUps, gone);
    }
    await session.run(this.sql.deleteTasks, session.slot, tally, seqs);
  }

  /** One transaction of the lifecycle; `false` rolls it back. */
  protected async write(work: (unit: Unit) => Promise<boolean>): Promise<Outcome | undefined> {
    return await this.writers.transaction(async (session) => {
      const unit = this.unit(session);
      return await work(unit) ? await unit.write() : undefined;
    });
  }

  protected async storeLanes(names: readonly string[]): Promise<void> {
    if (names.every((name) => this.laneTable.has(name))) return;
    await this.readers.use((session) => this.laneTable.store(session, names));
  }
}

/** Reads the counts that `revive` compares with `room`. */
async function loadRoom(unit: Unit, room: Room | undefined): Promise<void> {
  if (!room) return;
  await unit.loadCounts(room.quota ? [room.quota.owner] : []);
}
