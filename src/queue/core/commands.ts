/**
 * The commands of an engine of one process: what its storage does for each call of
 * the seam, one command after the other, and those that are the same for every storage.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import { isId, sequenceOf } from "../../lib/ids.ts";
import type { HostLimits } from "../../task/host_limits.ts";
import type { CancelReason } from "../../task/outcome.ts";
import type { TaskSummary } from "../../task/task.ts";
import { dueAfter, type DuePlace, formatCursor, formatDueCursor } from "../cursor.ts";
import type {
  BatchPage,
  Cancelled,
  DeliveryPage,
  Page,
  Pause,
  QueueEngine,
  Revived,
  Room,
  TaskChange,
  TaskFilter,
} from "../engine.ts";
import { cancel, erase, revive, runNow } from "./lifecycle.ts";
import { batchRecordOf, type BatchRow, type Row, summaryOf } from "./row.ts";
import { allowing, keepsExpiry } from "./rules.ts";
import type { Storage } from "./storage.ts";

/** Calls of the seam that are commands as they are. */
export const PLAIN = {
  cancel: true,
  cancelWaiting: true,
  erase: true,
  runNow: true,
  find: true,
  findBrief: true,
  followUps: true,
  findBatch: true,
  batchTasks: true,
  lastChange: true,
  schedules: true,
  findDelivery: true,
  counts: true,
  queued: true,
  pauses: true,
  releaseHolds: true,
  moveLanes: true,
  lanes: true,
  lane: true,
  purge: true,
  writeHistory: true,
  history: true,
  endSession: true,
  endedSessions: true,
} as const satisfies Partial<Record<keyof QueueEngine, true>>;

/** Their names. */
export type Plain = keyof typeof PLAIN;

/** How many tasks of a part came to each result; `next` is where the following part begins. */
export interface Results<Result extends string> {
  readonly results: Partial<Record<Result, number>>;
  /** Absent at the end. */
  readonly next?: number;
}

type PlainCommands = {
  [Name in Plain]: (
    ...args: Parameters<QueueEngine[Name]>
  ) => Awaited<ReturnType<QueueEngine[Name]>>;
};

/** The commands of a local engine. Arguments and results are plain data, which can cross to a thread. */
export interface Commands extends PlainCommands {
  cancelSome(
    filter: TaskFilter,
    reason: CancelReason,
    by: string | undefined,
    before: number,
  ): Results<Cancelled>;
  revive(id: string, room: Room | undefined): Revived;
  reviveSome(filter: TaskFilter, room: Room | undefined, before: number): Results<Revived>;
  pause(pause: Pause): void;
  resume(id: string): boolean;
  /** Applies pauses to the next queued tasks, and ends of pauses; returns whether any are left. */
  applyPauses(): boolean;
  list(filter: TaskFilter, limit: number, before: number): Page;
  upcoming(filter: TaskFilter, limit: number, after: DuePlace | undefined): Page;
  /** Counts the next of those that match, accepted before `before`. */
  count(
    filter: TaskFilter,
    before: number,
    most: number | undefined,
  ): { readonly count: number; readonly next?: number };
  listBatches(limit: number, before: number, owner: string | undefined): BatchPage;
  changesAfter(
    change: number,
    limit: number,
  ): { readonly changes: TaskChange[]; readonly next?: number };
  deliveries(hook: string, limit: number, before: number): DeliveryPage;
  limitHosts(hosts: readonly (readonly [host: string, limits: HostLimits])[]): void;
  limitLane(lane: string, limit: number): void;
}

/** Commands as functions of a storage. */
export type CommandTable<Stored, Table> = {
  readonly [Name in keyof Table]: Table[Name] extends (...args: infer Args) => infer Result
    ? (storage: Stored, ...args: Args) => Result
    : never;
};

/** What the shared commands read of a storage besides what the lifecycle reads. */
interface LocalStorage extends Storage {
  readonly change: number;
  /** JSON text of a task's `Spec`. */
  specOf(seq: number): string | undefined;
}

/** Sequence numbers of tasks, and where the search for more continues. */
export interface Found {
  readonly seqs: readonly number[];
  /** Absent at the end. */
  readonly next?: number;
}

/** The same for a list by due time. */
export interface FoundUpcoming {
  readonly seqs: readonly number[];
  /** Absent at the end. */
  readonly next?: DuePlace;
}

/** How an engine finds tasks. */
export interface Search<Stored> {
  /** Up to `limit` of those that match and have lower numbers than `before`, newest first. */
  matching(storage: Stored, filter: TaskFilter, limit: number, before: number): Found;
  /** Up to `limit` queued tasks that match and come after that place in the order of their times. */
  upcoming(storage: Stored, filter: TaskFilter, limit: number, after: DuePlace): FoundUpcoming;
}

/** Tasks that are cancelled or revived in one transaction. */
const CHANGED_AT_ONCE = 500;

/** The commands that are the same for every storage. */
export function commonCommands<Stored extends LocalStorage>(search: Search<Stored>) {
  /** Does `act` to the next of those that match, and counts the results. */
  const forSome = <Result extends string>(
    storage: Stored,
    filter: TaskFilter,
    before: number,
    act: (row: Row | undefined) => Result,
  ): Results<Result> => {
    if (filter.states?.length === 0) return { results: {} };
    const { seqs, ...next } = search.matching(storage, filter, CHANGED_AT_ONCE, before);
    const results: Partial<Record<Result, number>> = {};
    // Read one by one: what is done to a task may change the next.
    for (const seq of seqs) {
      const result = act(storage.row(seq));
      results[result] = (results[result] ?? 0) + 1;
    }
    return { results, ...next };
  };
  const summariesOf = (storage: Stored, seqs: readonly number[]): TaskSummary[] =>
    seqs.map((seq) => {
      const { retry: _, ...summary } = summaryOf(storage.row(seq) as Row, storage.specOf(seq));
      return summary;
    });
  return {
    cancel: (storage, id, reason, by) => cancel(storage, findRow(storage, id), reason, by),
    cancelSome: (storage, filter, reason, by, before) =>
      forSome(
        storage,
        allowing(filter, "cancel"),
        before,
        (row) => cancel(storage, row, reason, by),
      ),
    revive: (storage, id, room) => revive(storage, findRow(storage, id), compact({ room })),
    reviveSome: (storage, filter, room, before) => {
      const options = compact({ expiring: keepsExpiry(filter), room });
      const wanted = allowing(filter, "revive");
      return forSome(storage, wanted, before, (row) => revive(storage, row, options));
    },
    runNow: (storage, id) => runNow(storage, findRow(storage, id)),
    erase: (storage, id) => erase(storage, findRow(storage, id)),
    find: (storage, id) => {
      const row = findRow(storage, id);
      return row && storage.record(row);
    },
    findBrief: (storage, id) => {
      const row = findRow(storage, id);
      return row && storage.record(row, true);
    },
    followUps: (storage, id) => {
      const row = findRow(storage, id);
      return row?.follows ? storage.followUps(row.seq) : [];
    },
    list: (storage, filter, limit, before) => {
      const { seqs, next } = search.matching(storage, filter, limit, before);
      const tasks = summariesOf(storage, seqs);
      return next === undefined ? { tasks } : { tasks, nextCursor: formatCursor(next) };
    },
    upcoming: (storage, filter, limit, after = dueAfter(storage.now)) => {
      const { seqs, next } = search.upcoming(storage, filter, limit, after);
      const tasks = summariesOf(storage, seqs);
      return next === undefined ? { tasks } : { tasks, nextCursor: formatDueCursor(next) };
    },
    findBatch: (storage, id) => {
      const batch = findBatchRow(storage, id);
      return batch && batchRecordOf(batch, storage.isMarked(batch));
    },
    lastChange: (storage) => storage.change,
    counts: (storage) => ({ ...storage.counts }),
    lanes: (storage, limit) => storage.scheduler.status(storage.now, limit),
    lane: (storage, lane) => storage.scheduler.statusOf(lane, storage.now),
  } satisfies Partial<CommandTable<Stored, Commands>>;
}

/** The row of a task as it now reads; `undefined` when there is none of that id. */
export function findRow(storage: Storage, id: string): Row | undefined {
  const row = isId("tsk", id) ? storage.row(sequenceOf(id)) : undefined;
  return row?.id === id ? row : undefined;
}

/** The batch of that id. */
export function findBatchRow(storage: Storage, id: string): BatchRow | undefined {
  const batch = isId("bat", id) ? storage.batch(sequenceOf(id)) : undefined;
  return batch?.id === id ? batch : undefined;
}
