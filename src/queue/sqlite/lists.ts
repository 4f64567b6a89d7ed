/**
 * Finds tasks by a filter.
 *
 * The index that narrows the list most serves it. The other fields are compared
 * row by row among a bounded number of rows; then the page ends with a cursor,
 * whether it is full or not.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import { firstSequenceAt, isId, sequenceOf } from "../../lib/ids.ts";
import type { TaskState } from "../../task/state.ts";
import { GIVEN_TEXTS, type GivenTexts } from "../../task/task.ts";
import type { Found, FoundUpcoming } from "../core/commands.ts";
import type { TaskFilter } from "../engine.ts";
import type { DuePlace } from "../cursor.ts";
import { laneIsOfHost } from "../host.ts";
import { searchOf } from "../search.ts";
import { columnOf, STATE } from "./file/rows.ts";
import { ASIDE } from "./file/statements.ts";
import type { SqliteStorage } from "./storage.ts";

/** Rows that one page reads, in steps: usually the first step is enough. */
const WINDOWS = [1_000, 4_000, 10_000] as const;
/** The most rows that a count with a limit reads. */
const SHORT_COUNT_WINDOWS = [1_000, 4_000] as const;
/** Rows that a part of a whole count reads: other work takes its turn between the parts. */
const COUNT_WINDOWS = [2_000] as const;
/** The most tasks for which an index by state narrows more than any other. */
const FEW = 1_000;
/** Rows that one page by due time reads. */
const UPCOMING_WINDOW = 2_000;
/** The most that one count returns. */
const COUNTED_AT_ONCE = 10_000;

type Value = string | number;

/** SQL with the values of its question marks. */
interface Clause {
  readonly sql: string;
  readonly values: readonly Value[];
}

/** Counts the next of those that match, with numbers below `before`. */
export function count(
  storage: SqliteStorage,
  filter: TaskFilter,
  before: number,
  most?: number,
) {
  const windows = most === undefined ? COUNT_WINDOWS : SHORT_COUNT_WINDOWS;
  const { seqs, next } = matching(storage, filter, most ?? COUNTED_AT_ONCE, before, windows);
  return next === undefined ? { count: seqs.length } : { count: seqs.length, next };
}

/** What a task can wait behind besides its time: the values of its bits. */
const PARKED = [0, 1, 2, 3, 4, 5, 6, 7];

/** Queued tasks whose time has not come, the first of them first. */
export function upcoming(
  storage: SqliteStorage,
  filter: TaskFilter,
  limit: number,
  { dueAt, seq }: DuePlace,
): FoundUpcoming {
  const tests = testsOf(storage, filter);
  const { kind } = filter.queued ?? {};
  // Tested in the index, so that a few tasks are found among a million others.
  const tried = kind === "scheduled" || kind === "retrying" ? TRIED[kind] : "1";
  // The index has a range for each value, in the order of the time.
  const spans = PARKED.map((parked) => `
    SELECT * FROM (
      SELECT seq, due_at FROM task INDEXED BY task_aside
       WHERE parked = ${parked} AND ${ASIDE} AND due_at >= ? AND (due_at > ? OR seq > ?)
         AND era = ? AND ${tried}
       ORDER BY due_at, seq LIMIT ${UPCOMING_WINDOW})`);
  const span = [dueAt, dueAt, seq, storage.generation];
  const rows = storage.db.prepare(`
    WITH span AS MATERIALIZED (
      SELECT * FROM (${spans.join(" UNION ALL ")}) ORDER BY due_at, seq LIMIT ${UPCOMING_WINDOW})
    SELECT span.seq, span.due_at AS dueAt, ${
    tests.map(({ sql }) => sql).join(" AND ") || "1"
  } AS fits
      FROM span CROSS JOIN task USING (seq) ORDER BY span.due_at, span.seq`)
    .all(
      ...PARKED.flatMap(() => span),
      ...tests.flatMap(({ values }) => values),
    ) as unknown as (DuePlace & { fits: number })[];
  const found = rows.filter(({ fits }) => fits === 1);
  const next = found.length > limit
    ? found[limit - 1]
    : rows.length === UPCOMING_WINDOW
    ? rows.at(-1)
    : undefined;
  return { seqs: found.slice(0, limit).map(({ seq }) => seq), ...compact({ next }) };
}

/** The numbers of those that match, newest first, and where the search continues. */
export function matching(
  storage: SqliteStorage,
  filter: TaskFilter,
  limit: number,
  before: number,
  windows: readonly number[] = WINDOWS,
): Found {
  const seqs: number[] = [];
  let next = Math.min(before, endOf(filter));
  for (const window of windows) {
    const found = search(storage, filter, limit + 1 - seqs.length, next, window);
    seqs.push(...found.seqs);
    if (seqs.length > limit) return { seqs: seqs.slice(0, limit), next: seqs[limit - 1] as number };
    if (found.lowest === undefined) return { seqs };
    next = found.lowest;
  }
  return { seqs, next };
}

interface Searched {
  readonly seqs: number[];
  /** The lowest number that was read, unless that was the end. */
  readonly lowest: number | undefined;
}

/** Up to `most` of those that match, among the next `window` rows. It stops at the last of them. */
function search(
  storage: SqliteStorage,
  filter: TaskFilter,
  most: number,
  before: number,
  window: number,
): Searched {
  const { db } = storage;
  const sources = sourcesOf(storage, filter);
  const tests = testsOf(storage, filter);
  const where = tests.map(({ sql }) => ` AND ${sql}`).join("");
  const values = tests.flatMap((test) => test.values);
  const range = "AND seq < ? AND seq >= ?";
  const lowest = lowestOf(filter);
  const last = db.prepare(
    sources.map(({ index }) => `SELECT seq FROM ${index} ${range}`).join(" UNION ALL ") +
      ` ORDER BY seq DESC LIMIT 1 OFFSET ${window - 1}`,
  ).get(...sources.flatMap(({ values }) => [...values, before, lowest])) as
    | { seq: number }
    | undefined;
  const found = db.prepare(
    sources.map(({ index, rows = index }) => `SELECT seq FROM ${rows} ${range}${where}`)
      .join(" UNION ALL ") + " ORDER BY seq DESC LIMIT ?",
  ).all(
    ...sources.flatMap((one) => [...one.values, before, last?.seq ?? lowest, ...values]),
    most,
  ) as unknown as { seq: number }[];
  return { seqs: found.map(({ seq }) => seq), lowest: last?.seq };
}

/** No task that matches has a lower number. */
function lowestOf({ since, q = "" }: TaskFilter): number {
  const search = searchOf(q);
  const lowest = since === undefined ? 0 : firstSequenceAt(since);
  return "task" in search ? Math.max(lowest, search.task) : lowest;
}

/** All tasks that match have lower numbers. */
function endOf({ until, q = "" }: TaskFilter): number {
  const search = searchOf(q);
  const end = until === undefined ? Infinity : firstSequenceAt(until + 1);
  return "task" in search ? Math.min(end, search.task + 1) : end;
}

/** Where rows are read in the order of their numbers. */
interface Source {
  /** An index with a condition. */
  readonly index: string;
  /** The same with the columns of `task`, if the index is another table. */
  readonly rows?: string;
  /** The values of the condition. */
  readonly values: readonly Value[];
}

/** An index that narrows nothing only adds work. */
const ALL: Source = { index: "task NOT INDEXED WHERE 1", values: [] };

/** The rows to read, by the index that narrows most, if one does; several are merged. */
function sourcesOf(storage: SqliteStorage, filter: TaskFilter): readonly Source[] {
  const by = (index: string, value: Value): Source[] => [{ index, values: [value] }];
  if (filter.parentId !== undefined && isParent(filter.parentId)) {
    return by("task INDEXED BY task_parent WHERE parent = ?", sequenceOf(filter.parentId));
  }
  if (filter.batchId !== undefined && isId("bat", filter.batchId)) {
    return by("task INDEXED BY task_batch WHERE batch = ?", sequenceOf(filter.batchId));
  }
  const search = searchOf(filter.q ?? "");
  if ("batch" in search) return by("task INDEXED BY task_batch WHERE batch = ?", search.batch);
  if (filter.key !== undefined) return by("task INDEXED BY task_key WHERE key = ?", filter.key);
  if (filter.states && !storage.sweeping) {
    const tasks = filter.states.reduce((sum, state) => sum + storage.counts[state], 0);
    if (tasks <= FEW) return byState(storage, filter.states);
  }
  const tag = filter.tag ?? filter.tags?.[0];
  if (tag !== undefined) {
    const index = "tag WHERE tag = ?";
    return [{ index, rows: "tag CROSS JOIN task USING (seq) WHERE tag = ?", values: [tag] }];
  }
  if (filter.source !== undefined && filter.source !== "api") {
    return by("task INDEXED BY task_source WHERE source = ?", filter.source);
  }
  return filter.states ? byState(storage, filter.states) : [ALL];
}

function byState(storage: SqliteStorage, wanted: readonly TaskState[]): readonly Source[] {
  const states = new Set(wanted.map((state) => STATE[state]));
  // What a shutdown has cancelled is still stored as queued.
  if (storage.sweeping && states.has(STATE.cancelled)) states.add(STATE.queued);
  if (states.size === 0) return [{ index: "task WHERE 0", values: [] }];
  const index = "task INDEXED BY task_state WHERE state = ?";
  return [...states].map((state) => ({ index, values: [state] }));
}

/** Whether a task that waits for its time has been tried. */
const TRIED = { scheduled: "attempt = 0", retrying: "attempt > 0" } as const;

const TAGGED = "EXISTS (SELECT 1 FROM tag WHERE tag.tag = ? AND tag.seq = task.seq)";

/** The label in small letters. A call of `fold` takes longer than all the rest of a search. */
const FOLDED = "iif(length(label) = octet_length(label), lower(label), fold(label))";

type Test<Field extends keyof TaskFilter> = (
  value: NonNullable<TaskFilter[Field]>,
  storage: SqliteStorage,
) => Clause;

const test = (sql: string, ...values: Value[]): Clause => ({ sql, values });

/** Whether a shutdown has cancelled a row that the sweep has not rewritten yet. */
const marked = ({ sweeping, generation }: SqliteStorage) =>
  sweeping ? `(state = 0 AND era < ${generation})` : "0";

const finishedAt = (storage: SqliteStorage) =>
  `iif(${marked(storage)}, ${storage.shutdownAt}, finished_at)`;

/** What each field of a filter asks of a row of `task`. */
const OWN_TESTS: {
  readonly [Field in Exclude<keyof TaskFilter, keyof GivenTexts>]-?: Test<Field>;
} = {
  // The plain column can be read from an index.
  states: (states, storage) =>
    test(
      `${storage.sweeping ? `iif(${marked(storage)}, ${STATE.cancelled}, state)` : "state"} IN (${
        states.map(() => "?").join(", ")
      })`,
      ...states.map((state) => STATE[state]),
    ),
  queued: ({ kind, at }, storage) => {
    const queued = `state = 0 AND NOT ${marked(storage)}`;
    if (storage.pauses.all) return test(kind === "paused" ? queued : "0");
    if (kind === "paused") return test(`${queued} AND task.parked >= 4`);
    const isDue = "(task.due_at <= ? OR task.due_at <= task.created_at)";
    if (kind === "due") return test(`${queued} AND task.parked < 4 AND ${isDue}`, at);
    return test(`${queued} AND task.parked < 4 AND NOT ${isDue} AND ${TRIED[kind]}`, at);
  },
  type: (type) => test("type = ?", type),
  tag: (tag) => test(TAGGED, tag),
  tags: (tags) => test(tags.map(() => TAGGED).join(" AND ") || "1", ...tags),
  batchId: (id) => isId("bat", id) ? test("batch = ?", sequenceOf(id)) : test("0"),
  host: (host, { lanes }) => {
    const numbers = lanes.matching((lane) => laneIsOfHost(lane, host));
    // One value, whatever the number of lanes.
    return test("lane IN (SELECT value FROM json_each(?))", JSON.stringify(numbers));
  },
  reason: (reason, storage) => test(`iif(${marked(storage)}, 'shutdown', reason) = ?`, reason),
  parentId: (id) => isParent(id) ? test("parent = ?", sequenceOf(id)) : test("0"),
  q: (q) => {
    const search = searchOf(q);
    if ("task" in search) return test("seq = ?", search.task);
    if ("batch" in search) return test("batch = ?", search.batch);
    const { text, spec } = search;
    if (spec === undefined) return test(`instr(${FOLDED}, ?) > 0`, text);
    return test(
      `(instr(${FOLDED}, ?) > 0 OR EXISTS (` +
        "SELECT 1 FROM body WHERE body.seq = task.seq AND instr(body.spec, ?) > 0))",
      text,
      spec,
    );
  },
  owner: (owner) => test("owner = ?", owner),
  since: (since) => test("seq >= ?", firstSequenceAt(since)),
  until: (until) => test("seq < ?", firstSequenceAt(until + 1)),
  finishedSince: (since, storage) => test(`${finishedAt(storage)} >= ?`, since),
  finishedUntil: (until, storage) => test(`${finishedAt(storage)} <= ?`, until),
  source: (source) => source === "api" ? test("source IS NULL") : test("source = ?", source),
};

/** The same with the texts that a caller attached. */
const TESTS = {
  ...OWN_TESTS,
  ...Object.fromEntries(
    GIVEN_TEXTS.map((name) => [name, (text: string) => test(`${columnOf(name)} = ?`, text)]),
  ),
} as Readonly<Record<string, Test<keyof TaskFilter>>>;

function testsOf(storage: SqliteStorage, filter: TaskFilter): Clause[] {
  const asked = Object.entries(filter).filter(([, value]) => value !== undefined);
  return asked.map(([field, value]) => (TESTS[field] as Test<keyof TaskFilter>)(value, storage));
}

/** Tasks and batches have follow-ups. */
function isParent(id: string): boolean {
  return isId("tsk", id) || isId("bat", id);
}
