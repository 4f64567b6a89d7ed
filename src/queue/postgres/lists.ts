/**
 * Finds the tasks that match a filter.
 *
 * A query uses the one index that narrows the list most. The other conditions
 * are tested on a bounded number of rows; then the page ends with a cursor,
 * even if it is not full.
 *
 * @module
 */

import { firstSequenceAt, isId, sequenceOf } from "../../lib/ids.ts";
import { GIVEN_TEXTS, type GivenTexts } from "../../task/task.ts";
import type { TaskFilter } from "../engine.ts";
import type { DuePlace } from "../cursor.ts";
import { laneIsOfHost } from "../host.ts";
import { searchOf } from "../search.ts";
import { columnOf, STATE } from "./database/columns.ts";
import type { Session } from "./database/connection.ts";

/** Rows that the queries of one page examine, one query after the other: usually the first is enough. */
const WINDOWS = [1_000, 4_000, 20_000] as const;

/** The numbers of the tasks that match, newest first, and where the search continues. */
export interface Matching {
  readonly seqs: number[];
  readonly next?: number;
}

/** Where tasks are found. */
export interface ListParts {
  /** The schema of the tables. */
  readonly schema: string;
  /** Returns the names of all lanes. */
  readonly lanes: () => Promise<string[]>;
  /** The number of a lane. */
  readonly laneId: (name: string) => number;
  /** Whether a pause covers everything. */
  readonly isAllPaused: boolean;
}

/** Whether no task can match. */
function isImpossible({ batchId, parentId, states }: TaskFilter): boolean {
  return (batchId !== undefined && !isId("bat", batchId)) ||
    (parentId !== undefined && !isParent(parentId)) || states?.length === 0;
}

async function lanesOf({ lanes, laneId }: ListParts, { host }: TaskFilter) {
  if (host === undefined) return undefined;
  return (await lanes()).filter((lane) => laneIsOfHost(lane, host)).map(laneId);
}

/** Finds queued tasks that match and whose time has not come; `next` continues the list. */
export async function upcoming(
  session: Session,
  parts: ListParts,
  filter: TaskFilter,
  limit: number,
  after: DuePlace,
): Promise<{ readonly seqs: number[]; readonly next?: DuePlace }> {
  if (isImpossible(filter)) return { seqs: [] };
  const hostLanes = await lanesOf(parts, filter);
  const query = searchUpcoming(parts, filter, hostLanes, after, limit + 1);
  const rows = await session.run(query.statement, ...query.values);
  const found = rows.slice(0, limit).map(([seq, dueAt]) => ({ seq, dueAt }));
  const seqs = found.map(({ seq }) => seq);
  const last = rows.length > limit ? found.at(-1) : undefined;
  return last ? { seqs, next: last } : { seqs };
}

/** Finds tasks that match, with numbers below `before`. */
export async function matching(
  session: Session,
  parts: ListParts,
  filter: TaskFilter,
  limit: number,
  before: number,
): Promise<Matching> {
  if (isImpossible(filter)) return { seqs: [] };
  const hostLanes = await lanesOf(parts, filter);
  const seqs: number[] = [];
  let next = filter.until === undefined
    ? before
    : Math.min(before, firstSequenceAt(filter.until + 1));
  for (const window of WINDOWS) {
    const query = search(parts, filter, hostLanes, next, window, limit + 1 - seqs.length);
    const rows = await session.run(query.statement, ...query.values);
    const [, size, lowest] = rows[0] ?? [];
    for (const [seq] of rows) if (seq !== null) seqs.push(seq);
    if (seqs.length > limit) return { seqs: seqs.slice(0, limit), next: seqs[limit - 1] as number };
    if (size < window) return { seqs };
    next = lowest;
  }
  return { seqs, next };
}

/** Builds the query over the next `window` rows of the best index. */
function search(
  parts: ListParts,
  filter: TaskFilter,
  hostLanes: readonly number[] | undefined,
  before: number,
  window: number,
  most: number,
) {
  const values: unknown[] = [];
  const value = (given: unknown) => `$${values.push(given)}`;
  const { schema } = parts;
  const driver = driverOf(schema, filter, value, before, window);
  const tests = testsOf(parts, filter, hostLanes, value);
  const text = `
    WITH span AS MATERIALIZED (${driver})
    SELECT f.seq, (SELECT count(*) FROM span), (SELECT min(seq) FROM span)
      FROM (SELECT 1) one LEFT JOIN (
        SELECT t.seq FROM span s JOIN ${schema}.task t USING (seq)
         WHERE ${tests.join(" AND ") || "true"} ORDER BY t.seq DESC LIMIT ${value(most)}) f ON true
     ORDER BY f.seq DESC`;
  // Not prepared: a plan that suits one filter's values may be slow for another's.
  return { statement: { name: "", text }, values };
}

/** The query for queued tasks whose time has not come, the first of them first. */
function searchUpcoming(
  parts: ListParts,
  filter: TaskFilter,
  hostLanes: readonly number[] | undefined,
  { dueAt, seq }: DuePlace,
  most: number,
) {
  const values: unknown[] = [];
  const value = (given: unknown) => `$${values.push(given)}`;
  const [due, last] = [value(dueAt), value(seq)];
  const tests = testsOf(parts, filter, hostLanes, value);
  const text = `
    SELECT t.seq, t.due_at FROM ${parts.schema}.task t
     WHERE ${["t.state = 0", `(t.due_at, t.seq) > (${due}, ${last})`, ...tests].join(" AND ")}
     ORDER BY t.due_at, t.seq LIMIT ${value(most)}`;
  return { statement: { name: "", text }, values };
}

/** What a filter asks of a row. */
function testsOf(
  { schema, isAllPaused }: ListParts,
  filter: TaskFilter,
  hostLanes: readonly number[] | undefined,
  value: (given: unknown) => string,
): string[] {
  const tests: string[] = [];
  const tagged = (tag: string | undefined) =>
    tests.push(
      `EXISTS (SELECT 1 FROM ${schema}.tag g WHERE g.tag = ${value(tag)} AND g.seq = t.seq)`,
    );
  const every: Record<Exclude<keyof TaskFilter, keyof GivenTexts>, () => void> = {
    states: () =>
      tests.push(`t.state = ANY(${value(filter.states?.map((state) => STATE[state]))})`),
    queued: () => {
      const { kind, at } = filter.queued as NonNullable<TaskFilter["queued"]>;
      tests.push("t.state = 0");
      if (isAllPaused) return void tests.push(`${kind === "paused"}`);
      if (kind === "paused") return void tests.push("t.behind >= 4");
      const isDue = `(t.due_at <= ${value(at)} OR t.due_at <= t.created_at)`;
      tests.push("t.behind < 4", kind === "due" ? isDue : `NOT ${isDue}`);
      if (kind !== "due") tests.push(kind === "retrying" ? "t.attempt > 0" : "t.attempt = 0");
    },
    type: () => tests.push(`t.type = ${value(filter.type)}`),
    tag: () => tagged(filter.tag),
    tags: () => filter.tags?.forEach(tagged),
    batchId: () => tests.push(`t.batch = ${value(sequenceOf(filter.batchId as string))}`),
    host: () => tests.push(`t.lane = ANY(${value(hostLanes)}::int[])`),
    reason: () => tests.push(`t.reason = ${value(filter.reason)}`),
    parentId: () => tests.push(`t.parent = ${value(sequenceOf(filter.parentId as string))}`),
    q: () => {
      const search = searchOf(filter.q as string);
      if ("task" in search) return void tests.push(`t.seq = ${value(search.task)}`);
      if ("batch" in search) return void tests.push(`t.batch = ${value(search.batch)}`);
      const label = `position(${value(search.text)} IN coalesce(t.folded, t.label)) > 0`;
      if (search.spec === undefined) return void tests.push(label);
      tests.push(`(${label} OR EXISTS (SELECT 1 FROM ${schema}.body b
        WHERE b.seq = t.seq AND position(${value(search.spec)} IN b.spec) > 0))`);
    },
    owner: () => tests.push(`t.owner = ${value(filter.owner)}`),
    since: () => tests.push(`t.seq >= ${value(firstSequenceAt(filter.since as number))}`),
    until: () => tests.push(`t.seq < ${value(firstSequenceAt(filter.until as number + 1))}`),
    finishedSince: () => tests.push(`t.finished_at >= ${value(filter.finishedSince)}`),
    finishedUntil: () => tests.push(`t.finished_at <= ${value(filter.finishedUntil)}`),
    source: () =>
      tests.push(
        filter.source === "api" ? "t.source IS NULL" : `t.source = ${value(filter.source)}`,
      ),
  };
  for (const name of Object.keys(every) as (keyof typeof every)[]) {
    if (filter[name] !== undefined) every[name]();
  }
  for (const name of GIVEN_TEXTS) {
    if (filter[name] !== undefined) tests.push(`t.${columnOf(name)} = ${value(filter[name])}`);
  }
  return tests;
}

function driverOf(
  schema: string,
  filter: TaskFilter,
  value: (given: unknown) => string,
  before: number,
  window: number,
): string {
  const search = searchOf(filter.q ?? "");
  const lowest = Math.max(
    filter.since === undefined ? 0 : firstSequenceAt(filter.since),
    "task" in search ? search.task : 0,
  );
  const by = (from: string, where = "true") =>
    `SELECT seq FROM ${schema}.${from}
      WHERE ${where} AND seq < ${value(before)} AND seq >= ${value(lowest)}
      ORDER BY seq DESC LIMIT ${window}`;
  if (filter.parentId !== undefined) {
    return by("task", `parent = ${value(sequenceOf(filter.parentId))}`);
  }
  if (filter.batchId !== undefined) {
    return by("task", `batch = ${value(sequenceOf(filter.batchId))}`);
  }
  if ("batch" in search) return by("task", `batch = ${value(search.batch)}`);
  if (filter.key !== undefined) return by("task", `key = ${value(filter.key)}`);
  const tag = filter.tag ?? filter.tags?.[0];
  if (tag !== undefined) return by("tag", `tag = ${value(tag)}`);
  if (filter.source !== undefined && filter.source !== "api") {
    return by("task", `source = ${value(filter.source)}`);
  }
  if (filter.states === undefined) return by("task");
  // One branch for each state, each served by its own index in order.
  const branches = filter.states.map((state) =>
    state === "queued" || state === "running"
      ? by("task", `state = ${STATE[state]}`)
      : by("task", `state = ${STATE[state]} AND state > 1`)
  );
  return `SELECT seq FROM (${branches.map((one) => `(${one})`).join(" UNION ALL ")}) every
           ORDER BY seq DESC LIMIT ${window}`;
}

/** Whether an id can be a parent: that of a task or a batch. */
function isParent(id: string): boolean {
  return isId("tsk", id) || isId("bat", id);
}
