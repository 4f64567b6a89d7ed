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
import { sequenceOf } from "../../lib/ids.ts";
import { forgottenBefore, type HistoryPart } from "../../task/history.ts";
import type { Hosts } from "../../task/host_limits.ts";
import type { CancelReason } from "../../task/outcome.ts";
import { cancel, erase, revive, runNow } from "../core/lifecycle.ts";
import { pauseTask, resumeTask } from "../core/pauses.ts";
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
import { checksumOf } from "./database/columns.ts";
import type { Matching } from "./lists.ts";
import { Purger } from "./purger.ts";
import { Reads } from "./reads.ts";
import { batchFrom } from "./records.ts";
import { CHANGED_AT_ONCE, type LoadMore } from "./transactions.ts";
import type { Unit } from "./unit.ts";

/** Tasks that a single statement rewrites: a call has a deadline. */
const PORTION = 10_000;

/** The changing half of the engine. */
export abstract class Changes extends Reads {
  readonly #purger = new Purger(this.db);

  /** Whether this node does the work that only one node may do. */
  abstract readonly isLeader: boolean;
  /** Resolves when no claim is being served. */
  protected abstract claimsIdle(): Promise<void>;
  /** Notifies watchers of what was committed. */
  protected abstract changesCommitted(): void;
  /** Schedules the end of pauses, in milliseconds since the epoch; infinity for never. */
  protected abstract pausesEndAt(at: number): void;
  /** Notifies other nodes that pauses have begun or ended. */
  protected abstract pausesChanged(): void;
  /** Allows claims from every lane again. */
  protected abstract reopenAll(): void;
  /** Finds all lanes and priorities with queued tasks. */
  protected abstract rescan(): Promise<void>;

  async cancel(id: string, reason: CancelReason, by?: string): Promise<Cancelled> {
    return await this.db.changeOne(id, (unit, row) => cancel(unit, row, reason, by)) ?? "not_found";
  }

  async cancelAll(filter: TaskFilter, reason: CancelReason, by?: string, onPart?: OnPart) {
    let cancelled = 0;
    let aborting = 0;
    await this.#changeAll(allowing(filter, "cancel"), (unit, row) => {
      const became = cancel(unit, row, reason, by);
      if (became === "cancelled") cancelled++;
      if (became === "aborting") aborting++;
    }, { onPart: () => onPart?.(cancelled + aborting) });
    return { cancelled, aborting };
  }

  /** Cancels all queued tasks, in portions; only the last running node calls it. */
  async cancelWaiting(): Promise<number> {
    this.db.mustBeOpen();
    this.db.isShutDown = true;
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
    const cancelled = await this.db.writers.transaction(async (session) => {
      const [row] = await session.run(
        this.db.sql.cancelWaiting,
        session.slot,
        this.db.now(),
        PORTION,
      );
      const batches = (row?.[2] ?? []).map((one: string) => one.split(":").map(Number));
      for (const [seq, count] of batches as [number, number][]) {
        const [values] = await session.run(this.db.sql.lockBatches, [seq]);
        if (!values) continue;
        const { counts, bytes, follows } = batchFrom(values);
        counts.queued -= count;
        counts.cancelled += count;
        const text = JSON.stringify(Object.values(counts));
        await session.run(this.db.sql.writeBatch, seq, text, bytes, follows);
      }
      return row?.[0] as number;
    });
    return cancelled ?? 0;
  }

  /** Erases the payloads of tasks with `retain: none` that the shutdown has just cancelled. */
  async #eraseCancelled(): Promise<void> {
    for (;;) {
      const rows = await this.db.read(this.db.sql.erasable, CHANGED_AT_ONCE);
      if (rows.length === 0) return;
      const seqs = rows.map(([seq]) => seq);
      await this.db.writers.use((session) =>
        session.run(
          this.db.sql.erase,
          seqs,
          rows.map(([, spec]) => checksumOf(spec, null)),
        )
      );
    }
  }

  async revive(id: string, room?: Room): Promise<Revived> {
    const options = compact({ room });
    return await this.db.changeOne(
      id,
      (unit, row) => revive(unit, row, options),
      (unit) => loadRoom(unit, room),
    ) ?? "not_found";
  }

  async reviveAll(filter: TaskFilter, room?: Room, onPart?: OnPart) {
    const options = compact({ expiring: keepsExpiry(filter), room });
    const sums = { retried: 0, expired: 0, full: 0 };
    await this.#changeAll(
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
    return await this.db.changeOne(id, (unit, row) => erase(unit, row)) ?? "not_found";
  }

  async queued(): Promise<QueuedKinds> {
    const [row] = await this.db.read(this.db.sql.queued, this.db.now());
    const [queued = 0, paused = 0, scheduled = 0, retrying = 0, oldestDueAt = null] = row ?? [];
    await this.readPauses();
    if (this.db.pauses.all) return { due: 0, scheduled: 0, retrying: 0, paused: queued };
    const due = queued - paused - scheduled - retrying;
    return { due, scheduled, retrying, paused, ...(oldestDueAt === null ? {} : { oldestDueAt }) };
  }

  async pause(pause: Pause): Promise<void> {
    this.db.mustBeOpen();
    await this.db.writers.use((session) =>
      session.run(this.db.sql.insertPause, sequenceOf(pause.id), JSON.stringify(pause))
    );
    await this.readPauses();
    this.pausesChanged();
    if (!pause.all) await this.#applyPauses(false);
  }

  async pauses(): Promise<Pause[]> {
    await this.readPauses();
    return [...this.db.pauses.list()];
  }

  async resume(id: string): Promise<boolean> {
    await this.readPauses();
    const found = this.db.pauses.list().find((pause) => pause.id === id);
    if (found) await this.endPauses([found]);
    return found !== undefined;
  }

  async releaseHolds(host: string): Promise<string[]> {
    const rows = await this.db.read(this.db.sql.allLanes);
    const ids = rows.filter(([, name]) => laneIsOfHost(name, host)).map(([id]) => id);
    const names = new Map<number, string>(rows.map(([id, name]) => [id, name]));
    const released = await this.db.writers.use((session) =>
      session.run(this.db.sql.releaseLanes, ids, this.db.now())
    );
    this.reopenAll();
    return released.map(([id]) => names.get(id) as string);
  }

  async moveLanes(
    prefixes: readonly string[],
    used: readonly string[],
    to: string,
  ): Promise<number> {
    const rows = await this.db.read(this.db.sql.allLanes);
    const from = rows.filter(([, name]) => isUnused(name, prefixes, used)).map(([id]) => id);
    if (from.length === 0) return 0;
    await this.db.storeLanes([to]);
    await this.db.writers.use((session) => session.run(this.db.sql.releaseLanes, from, 0));
    let moved = 0;
    for (let portion = PORTION; portion === PORTION;) {
      const [row] = await this.db.writers.use((session) =>
        session.run(this.db.sql.moveLanes, from, this.db.lanes.id(to), PORTION)
      );
      portion = row?.[0] ?? 0;
      moved += portion;
    }
    this.reopenAll();
    await this.rescan();
    return moved;
  }

  protected async readPauses(): Promise<void> {
    const rows = await this.db.read(this.db.sql.pauses);
    this.db.pauses.set(rows.map(([record]) => JSON.parse(record)));
    this.pausesEndAt(this.db.pauses.nextEnd);
  }

  /** Marks queued tasks that a pause covers as paused, or removes the marks of pauses that have ended. */
  async #applyPauses(isEnd: boolean): Promise<void> {
    for (let after: number | undefined = 0; after !== undefined;) {
      const rows = await this.db.read(this.db.sql.queuedAfter, after, isEnd);
      const seqs: number[] = rows.map(([seq]) => seq);
      await this.db.changeSome(seqs, (unit, row) => {
        if (isEnd) resumeTask(unit, row);
        else if (unit.pauses.cover(row)) pauseTask(unit, row);
      });
      after = seqs.at(-1);
    }
  }

  protected async endPauses(ended: readonly Pause[]): Promise<void> {
    for (const { id } of ended) {
      await this.db.writers.use((session) => session.run(this.db.sql.dropPause, sequenceOf(id)));
    }
    await this.readPauses();
    this.pausesChanged();
    if (ended.some(({ all }) => !all)) await this.#applyPauses(true);
    this.reopenAll();
  }

  async writeHistory(parts: readonly HistoryPart[]): Promise<void> {
    this.db.mustBeOpen();
    await this.db.writers.transaction(async (session) => {
      for (const part of parts) {
        await session.run(this.db.sql.writeHistory, part.stepMs, part.at, part.run, part.tally);
        await session.run(this.db.sql.forgetHistory, part.stepMs, forgottenBefore(part));
      }
      return true;
    });
  }

  async endSession(id: string, until: number): Promise<void> {
    this.db.mustBeOpen();
    await this.db.writers.transaction(async (session) => {
      await session.run(this.db.sql.forgetSessions, this.db.now());
      await session.run(this.db.sql.endSession, id, until);
      return true;
    });
  }

  async runNow(id: string): Promise<Changed> {
    return await this.db.changeOne(id, runNow) ?? "not_found";
  }

  async limitLane(lane: string, limit: number): Promise<void> {
    await this.db.storeLanes([lane]);
    await this.db.writers.use(async (session) => {
      await session.run(this.db.sql.setLane, this.db.lanes.id(lane), limit, null, null, null);
    });
    this.reopenAll();
  }

  limitHosts(hosts: Hosts): Promise<void> {
    this.db.mustBeOpen();
    this.db.hosts = hosts;
    this.reopenAll();
    return Promise.resolve();
  }

  purge(finishedBefore: number, limit: number): Promise<Purged> {
    if (!this.isLeader) return Promise.resolve({ deleted: 0, isOver: true });
    return this.#purger.purge(finishedBefore, limit);
  }

  async #changeAll(
    filter: TaskFilter,
    change: (unit: Unit, row: Row) => void,
    { load, onPart }: {
      readonly load?: LoadMore;
      /** Called after each transaction. */
      readonly onPart?: () => void;
    } = {},
  ): Promise<void> {
    this.db.mustBeOpen();
    for (let before: number | undefined = parseCursor(undefined); before !== undefined;) {
      const part: Matching = await this.matching(filter, CHANGED_AT_ONCE, before);
      await this.db.changeSome(part.seqs, change, load);
      onPart?.();
      before = part.next;
    }
  }
}

/** Reads the counts that `revive` compares with `room`. */
async function loadRoom(unit: Unit, room: Room | undefined): Promise<void> {
  if (!room) return;
  await unit.loadCounts([...room.quotas?.keys() ?? []]);
}
