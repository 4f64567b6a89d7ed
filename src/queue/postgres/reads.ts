/**
 * The read operations of the PostgreSQL engine, on connections that only read.
 *
 * @module
 */

import { isId, sequenceOf } from "../../lib/ids.ts";
import type { HistoryPart } from "../../task/history.ts";
import { type Counts, noCounts, TASK_STATES } from "../../task/state.ts";
import type { FollowUp, TaskRecord, TaskSummary } from "../../task/task.ts";
import type { StoredDelivery, StoredSchedule } from "../../task/trigger.ts";
import { batchRecordOf, summaryOf } from "../core/row.ts";
import { dueAfter, formatCursor, formatDueCursor, parseCursor, parseDueCursor } from "../cursor.ts";
import type {
  BatchPage,
  BatchTask,
  DeliveryPage,
  EndedSession,
  LaneStatus,
  Page,
  TaskChange,
  TaskFilter,
} from "../engine.ts";
import type { LaneScheduler } from "../lanes/lane_scheduler.ts";
import { ROW_WIDTH, rowFrom } from "./database/columns.ts";
import type { Rows, Session } from "./database/connection.ts";
import { type ListParts, type Matching, matching, upcoming } from "./lists.ts";
import type { Sql } from "./database/sql.ts";
import { readChanges } from "./tail.ts";
import { batchFrom, recordOf, type StoredContent } from "./records.ts";
import type { Transactions } from "./transactions.ts";

/** The most that one count returns. */
const COUNTED_AT_ONCE = 10_000;

/** The reading half of the engine. */
export abstract class Reads {
  protected readonly db: Transactions;

  constructor(db: Transactions) {
    this.db = db;
  }

  /** Resolves once the change from which watchers are notified is known. */
  protected abstract ready(): Promise<void>;

  find(id: string): Promise<TaskRecord | undefined> {
    return this.#find(this.db.sql.find, id);
  }

  findBrief(id: string): Promise<TaskRecord | undefined> {
    return this.#find(this.db.sql.findBrief, id);
  }

  async #find(statement: Sql[keyof Sql], id: string): Promise<TaskRecord | undefined> {
    if (!isId("tsk", id)) return undefined;
    const [values] = await this.readTasks(statement, sequenceOf(id));
    if (!values || values[1] !== id) return undefined;
    const [spec, payload, checksum, attempts, result, bytes] = values.slice(ROW_WIDTH);
    const stored: StoredContent | undefined = spec === null
      ? undefined
      : { spec, payload, checksum, attempts, result };
    const record = recordOf(rowFrom(values, this.db.lanes), stored);
    return typeof bytes === "number" ? { ...record, payloadBytes: bytes } : record;
  }

  async followUps(id: string): Promise<readonly FollowUp[]> {
    if (!await this.findBrief(id)) return [];
    const [row] = await this.db.read(this.db.sql.followUps, [sequenceOf(id)]);
    return row ? JSON.parse(row[1]) : [];
  }

  async list(filter: TaskFilter, limit: number, cursor?: string): Promise<Page> {
    const before = parseCursor(cursor);
    const { seqs, next } = await this.matching(filter, limit, before);
    const tasks = await this.#summaries(seqs);
    return next === undefined ? { tasks } : { tasks, nextCursor: formatCursor(next) };
  }

  async upcoming(filter: TaskFilter, limit: number, cursor?: string): Promise<Page> {
    this.db.mustBeOpen();
    const after = cursor === undefined ? dueAfter(this.db.now()) : parseDueCursor(cursor);
    const { seqs, next } = await this.db.readers.use((session) =>
      upcoming(session, this.#listParts(session), filter, limit, after)
    );
    const byId = new Map((await this.#summaries(seqs)).map((task) => [sequenceOf(task.id), task]));
    const tasks = seqs.flatMap((seq) => byId.get(seq) ?? []);
    return next === undefined ? { tasks } : { tasks, nextCursor: formatDueCursor(next) };
  }

  async count(filter: TaskFilter, cursor?: string, most: number = COUNTED_AT_ONCE) {
    const { seqs, next } = await this.matching(filter, most, parseCursor(cursor));
    const count = seqs.length;
    return next === undefined ? { count } : { count, nextCursor: formatCursor(next) };
  }

  async #summaries(seqs: readonly number[]): Promise<TaskSummary[]> {
    const rows = await this.readTasks(this.db.sql.summaries, seqs);
    return rows.map((values) => {
      const { retry: _, ...summary } = summaryOf(
        rowFrom(values, this.db.lanes),
        values[ROW_WIDTH],
      );
      return summary;
    });
  }

  async findBatch(id: string) {
    if (!isId("bat", id)) return undefined;
    const [values] = await this.db.read(this.db.sql.batch, sequenceOf(id));
    const batch = values && batchFrom(values);
    return batch?.id === id ? batchRecordOf(batch, false) : undefined;
  }

  async listBatches(limit: number, cursor?: string, owner?: string): Promise<BatchPage> {
    const rows = await this.db.read(
      this.db.sql.batches,
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
    const rows = await this.db.read(this.db.sql.batchTasks, sequenceOf(id));
    return rows.map(([id, state, change]) => ({ id, state: TASK_STATES[state]!, change }));
  }

  async lastChange(): Promise<number> {
    const [row] = await this.db.read(this.db.sql.lastChange);
    return row?.[0] ?? 0;
  }

  async changesAfter(change: number, limit: number): Promise<TaskChange[]> {
    const changes: TaskChange[] = [];
    await this.db.readers.use(async (session) => {
      const parts = { sql: this.db.sql, lanes: this.db.lanes };
      for (let after: number | undefined = change; after !== undefined;) {
        const part = await readChanges(session, parts, after);
        // Some tasks of the first transaction may have numbers up to `change`.
        changes.push(...part.changes.filter((one) => one.change > change));
        after = part.isFull && changes.length < limit ? part.last : undefined;
      }
    });
    return changes.slice(0, limit).map(({ abort: _, batchDone: _done, ...rest }) => rest);
  }

  async counts(): Promise<Counts> {
    const [row] = await this.db.read(this.db.sql.counts);
    const counts = noCounts();
    TASK_STATES.forEach((state, at) => counts[state] = row?.[at] ?? 0);
    return counts;
  }

  async lanes(limit: number): Promise<LaneStatus[]> {
    const now = this.db.now();
    return await this.db.readers.use(async (session) => {
      const ids = (await session.run(this.db.sql.busyLanes, now, limit * 2)).map(([id]) => id);
      await this.db.lanes.read(session, ids);
      const scheduler = await this.scheduler(session, ids);
      return scheduler.status(now, limit);
    });
  }

  async lane(lane: string): Promise<LaneStatus> {
    return await this.db.readers.use(async (session) => {
      await this.db.lanes.readAll(session);
      const known = this.db.lanes.has(lane) ? [this.db.lanes.id(lane)] : [];
      return (await this.scheduler(session, known)).statusOf(lane, this.db.now());
    });
  }

  async schedules(): Promise<StoredSchedule[]> {
    const rows = await this.db.read(this.db.sql.schedules);
    return rows.map(([name, version, record]) => ({ name, version, record: JSON.parse(record) }));
  }

  async deliveries(hook: string, limit: number, cursor?: string): Promise<DeliveryPage> {
    const rows = await this.db.read(this.db.sql.deliveries, hook, parseCursor(cursor), limit + 1);
    const deliveries = rows.slice(0, limit).map((values) => deliverySummary(values));
    const last = rows.length > limit ? rows[limit - 1] : undefined;
    return last ? { deliveries, nextCursor: formatCursor(last[0]) } : { deliveries };
  }

  async findDelivery(id: string): Promise<StoredDelivery | undefined> {
    if (!isId("hkd", id)) return undefined;
    const [values] = await this.db.read(this.db.sql.delivery, sequenceOf(id));
    return values?.[1] === id ? { ...deliverySummary(values), content: values[5] } : undefined;
  }

  async history(stepMs: number, since: number): Promise<HistoryPart[]> {
    const rows = await this.db.read(this.db.sql.history, stepMs, since);
    return rows.map(([stepMs, at, run, tally]) => ({ stepMs, at, run, tally }));
  }

  async endedSessions(): Promise<EndedSession[]> {
    const rows = await this.db.read(this.db.sql.endedSessions, this.db.now());
    return rows.map(([id, until]) => ({ id, until }));
  }

  /** Rows of tasks: a caller that watches first and reads then misses nothing. */
  protected async readTasks(
    statement: Sql[keyof Sql],
    ...values: readonly unknown[]
  ): Promise<Rows> {
    this.db.mustBeOpen();
    await this.ready();
    return await this.db.readTasks(statement, ...values);
  }

  protected matching(filter: TaskFilter, limit: number, before: number): Promise<Matching> {
    this.db.mustBeOpen();
    return this.db.readers.use((session) =>
      matching(session, this.#listParts(session), filter, limit, before)
    );
  }

  #listParts(session: Session): ListParts {
    return {
      schema: this.db.schema,
      lanes: () => this.db.lanes.readAll(session),
      laneId: (name) => this.db.lanes.id(name),
      isAllPaused: this.db.pauses.all,
    };
  }

  /** A scheduler that holds the current state of these lanes. */
  protected async scheduler(session: Session, ids: readonly number[]): Promise<LaneScheduler> {
    const unit = this.db.unit({ ...session, slot: 0, run: session.run.bind(session) });
    await unit.loadLanes(ids.map((id) => this.db.lanes.name(id)));
    return unit.scheduler;
  }
}

function deliverySummary([_, id, hook, receivedAt, verdict]: readonly unknown[]) {
  return {
    id: id as string,
    hook: hook as string,
    receivedAt: receivedAt as number,
    verdict: JSON.parse(verdict as string),
  };
}
