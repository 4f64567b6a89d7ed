/**
 * What the engines of one process have in common: the calls of the seam as
 * commands that run one after the other on a storage.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import { isId, sequenceOf } from "../../lib/ids.ts";
import type { HostLimits } from "../../task/host_limits.ts";
import type { CancelReason } from "../../task/outcome.ts";
import type { TaskSummary } from "../../task/task.ts";
import {
  dueAfter,
  type DuePlace,
  formatCursor,
  formatDueCursor,
  parseCursor,
  parseDueCursor,
} from "../cursor.ts";
import type {
  BatchPage,
  Cancelled,
  DeliveryPage,
  OnPart,
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
const PLAIN = {
  cancel: true,
  cancelWaiting: true,
  erase: true,
  runNow: true,
  find: true,
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

type Plain = keyof typeof PLAIN;

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
  /** Sets and clears the bits of the next tasks; whether any are left. */
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

/** Runs commands. */
export interface Runner {
  run<Name extends keyof Commands>(
    name: Name,
    ...args: Parameters<Commands[Name]>
  ): Promise<ReturnType<Commands[Name]>>;
  /** Resolves once the tasks that an earlier shutdown cancelled have been rewritten. */
  swept(): Promise<void>;
}

/** What an engine of one process does itself: all of the seam that is no command. */
export type Backend = Runner & Omit<QueueEngine, keyof ReturnType<typeof callsOf>>;

/** Makes an engine of a backend, which gets the calls that are commands. */
export function openLocalEngine(backend: Backend): QueueEngine {
  // A start applies the pauses that it finds to all that is queued.
  applyOtherPortions(backend);
  return Object.assign(backend, callsOf(backend));
}

/** The calls of the seam that run commands. */
function callsOf(runner: Runner) {
  const plain = Object.fromEntries(
    (Object.keys(PLAIN) as Plain[]).map((name) => [
      name,
      (...args: Parameters<Commands[Plain]>) => runner.run(name, ...args),
    ]),
  ) as unknown as Pick<QueueEngine, Plain>;
  const calls = {
    async cancelAll(filter, reason, by, onPart) {
      const all = await inParts(
        (before) => runner.run("cancelSome", filter, reason, by, before),
        onPart,
      );
      return { cancelled: all.cancelled ?? 0, aborting: all.aborting ?? 0 };
    },
    async revive(id, room) {
      await runner.swept();
      return await runner.run("revive", id, room);
    },
    async reviveAll(filter, room, onPart) {
      await runner.swept();
      const all = await inParts(
        (before) => runner.run("reviveSome", filter, room, before),
        onPart,
      );
      return { retried: all.changed ?? 0, expired: all.expired ?? 0, full: all.full ?? 0 };
    },
    async pause(pause) {
      await runner.run("pause", pause);
      await applyPauses(runner);
    },
    async resume(id) {
      const found = await runner.run("resume", id);
      await applyPauses(runner);
      return found;
    },
    async list(filter, limit, cursor) {
      return await runner.run("list", filter, limit, parseCursor(cursor));
    },
    async upcoming(filter, limit, cursor) {
      const after = cursor === undefined ? undefined : parseDueCursor(cursor);
      return await runner.run("upcoming", filter, limit, after);
    },
    async count(filter, cursor, most) {
      const { count, next } = await runner.run("count", filter, parseCursor(cursor), most);
      return next === undefined ? { count } : { count, nextCursor: formatCursor(next) };
    },
    async listBatches(limit, cursor, owner) {
      return await runner.run("listBatches", limit, parseCursor(cursor), owner);
    },
    async changesAfter(change, limit) {
      // Swept tasks get their change numbers only then.
      await runner.swept();
      const changes: TaskChange[] = [];
      for (let after: number | undefined = change; after !== undefined;) {
        const part: ReturnType<Commands["changesAfter"]> = await runner
          .run("changesAfter", after, limit - changes.length);
        changes.push(...part.changes);
        after = part.next;
      }
      return changes;
    },
    async deliveries(hook, limit, cursor) {
      return await runner.run("deliveries", hook, limit, parseCursor(cursor));
    },
    limitHosts: (hosts) => runner.run("limitHosts", [...hosts]),
    limitLane: (lane, limit) => runner.run("limitLane", lane, limit),
  } satisfies Partial<QueueEngine>;
  return { ...plain, ...calls };
}

/** Portions that the caller of `pause` or `resume` waits for; of more, the rest follows by itself. */
const AWAITED_PORTIONS = 50;

/** Applies the pauses to the tasks that are queued already. */
async function applyPauses(runner: Runner): Promise<void> {
  for (let portion = 0; portion < AWAITED_PORTIONS; portion++) {
    if (!await runner.run("applyPauses")) return;
  }
  applyOtherPortions(runner);
}

/** Applies the rest in the background. */
function applyOtherPortions(runner: Runner): void {
  const rest = async () => {
    while (await runner.run("applyPauses"));
  };
  // Fails only when the engine ends; the next start goes on.
  rest().catch(() => {});
}

/** Sums the results of all parts, from the newest task on. */
async function inParts<Result extends string>(
  runPart: (before: number) => Promise<Results<Result>>,
  onPart?: OnPart,
): Promise<Partial<Record<Result, number>>> {
  const sums: Partial<Record<Result, number>> = {};
  let changed = 0;
  for (let before: number | undefined = parseCursor(undefined); before !== undefined;) {
    const part: Results<Result> = await runPart(before);
    for (const [result, count] of Object.entries(part.results) as [Result, number][]) {
      sums[result] = (sums[result] ?? 0) + count;
      changed += count;
    }
    onPart?.(changed);
    before = part.next;
  }
  return sums;
}
