/**
 * The columns of the `task` table: what each holds, and how rows are read and written.
 *
 * @module
 */

import type { JsonText } from "../../../lib/json.ts";
import { crc32 } from "node:zlib";
import { TASK_STATES, type TaskState } from "../../../task/state.ts";
import type { Row } from "../../core/row.ts";

/** Lanes by their number in the database and by their name. */
export interface LaneNames {
  /** Throws an `EngineError` for a number that has not been read. */
  name(id: number): string;
  /** Throws an `EngineError` for a name that has not been stored. */
  id(name: string): number;
}

/** The number under which a state is stored. */
export const STATE: Record<TaskState, number> = Object.fromEntries(
  TASK_STATES.map((state, number) => [state, number]),
) as Record<TaskState, number>;

/** A column of a statement that stores many rows. */
interface Stored {
  readonly name: string;
  readonly type: string;
  /** What a new task has there as a rule; absent where that is NULL or differs. */
  readonly initial?: 0 | false | undefined;
  /** Whether its values are JSON, which needs no quotes: they are sent as one text. */
  readonly isJson?: true;
  /** The number of the parameter that holds its values, where that is not the next. */
  readonly at?: number;
}

/** A column that holds one field of a `Row`. */
interface Column extends Stored {
  readonly field: keyof Row;
  /** Whether events change it. */
  readonly changes: boolean;
}

type Definition = readonly [
  name: string,
  type: string,
  changes?: "changes" | undefined,
  initial?: 0 | false,
];

/** Every field but `generation`, which is for engines of one process. */
const DEFINITIONS: Readonly<Record<Exclude<keyof Row, "generation">, Definition>> = {
  seq: ["seq", "bigint"],
  id: ["id", "text"],
  type: ["type", "text"],
  state: ["state", "smallint", "changes", 0],
  lane: ["lane", "int"],
  priority: ["priority", "smallint"],
  behind: ["behind", "smallint", "changes", 0],
  dueAt: ["due_at", "bigint", "changes"],
  attempt: ["attempt", "int", "changes", 0],
  listed: ["listed", "int", "changes", 0],
  interrupted: ["interrupted", "smallint", "changes", 0],
  duplicate: ["duplicate", "boolean", "changes", false],
  erase: ["erase", "boolean", "changes", false],
  follows: ["follows", "boolean", undefined, false],
  createdAt: ["created_at", "bigint"],
  startedAt: ["started_at", "bigint", "changes"],
  expiresAt: ["expires_at", "bigint", "changes"],
  finishedAt: ["finished_at", "bigint", "changes"],
  key: ["key", "text"],
  batch: ["batch", "bigint"],
  parent: ["parent", "bigint"],
  owner: ["owner", "text"],
  label: ["label", "text", "changes"],
  reason: ["reason", "text", "changes"],
  delivery: ["delivery", "text", "changes"],
  aborting: ["aborting", "text", "changes"],
  error: ["error", "text", "changes"],
  change: ["change", "bigint", "changes", 0],
  channel: ["channel", "text"],
  source: ["source", "text"],
  cancelledBy: ["cancelled_by", "text", "changes"],
};

/** The name of the column that holds a field. */
export function columnOf(field: keyof typeof DEFINITIONS): string {
  return DEFINITIONS[field][0];
}

/** In the order in which they are selected. */
const COLUMNS: readonly Column[] = Object.entries(DEFINITIONS).map(([field, definition]) => {
  const [name, type, changes, initial] = definition;
  return { name, type, initial, field: field as keyof Row, changes: changes !== undefined };
});

/** The place of the lane's number among the selected columns. */
export const LANE_PLACE = COLUMNS.findIndex(({ field }) => field === "lane");

/** Every column of a row: its name, its type, and the field that it holds. */
export function taskColumns(): readonly { name: string; type: string; field: keyof Row }[] {
  return COLUMNS;
}

const CHANGING = COLUMNS.filter(({ changes }) => changes);

/** How many columns `ROW_COLUMNS` selects. */
export const ROW_WIDTH = COLUMNS.length;

/** The columns to select for a row, from a table with the alias `t`. */
export const ROW_COLUMNS = COLUMNS.map(({ name }) => `t.${name}`).join(", ");

/** Makes a row of the selected columns. */
// deno-lint-ignore no-explicit-any -- the schema decides what each column holds
export function rowFrom(values: readonly any[], lanes: LaneNames): Row {
  // deno-lint-ignore no-explicit-any -- as above
  const row: any = { generation: 0 };
  COLUMNS.forEach(({ field }, at) => row[field] = values[at]);
  row.state = TASK_STATES[row.state];
  row.lane = lanes.name(row.lane);
  return row;
}

/** The values of one column of many rows. */
function valuesOf({ field }: Column, rows: readonly Row[], lanes: LaneNames): unknown[] {
  switch (field) {
    case "state":
      return rows.map(({ state }) => STATE[state]);
    case "lane":
      return rows.map(({ lane }) => lanes.id(lane));
    case "label":
      return rows.map(({ label }) => withoutNul(label));
    default:
      return rows.map((row) => row[field]);
  }
}

/** Replaces NUL, which PostgreSQL's text cannot hold, by its symbol U+2400. */
function withoutNul(text: string): string {
  return text.includes("\0") ? text.replace(/\0/g, "\u2400") : text;
}

/** The values of a column, or `null` when each is the same value that `unnest` puts there itself. */
function unlessAll(same: unknown, values: unknown[]): unknown[] | null {
  return values.every((value) => value === same) ? null : values;
}

/**
 * SQL that turns arrays into a table `alias`, in the order of their elements.
 * PostgreSQL fills up a shorter array with NULLs, so a column without values costs nothing.
 */
function unnest(columns: readonly Stored[], first: number, alias: string): string {
  const arrays = columns.map(({ type, isJson, at = first++ }) =>
    isJson ? `string_to_array($${at}, E'\\x1e')` : `$${at}::${type}[]`
  );
  return `unnest(${arrays.join(", ")}) AS ${alias} (${columns.map(({ name }) => name).join(", ")})`;
}

/** Joins JSON texts, which never contain this control character. */
function joinJson(texts: readonly string[]): string {
  return texts.join("\x1e");
}

/**
 * Each transaction that draws change numbers shows in pg_locks the number that was last when it
 * began: readers stop short of it, and so miss nothing that commits out of order.
 */
export const ANNOUNCE = `
  SELECT pg_advisory_xact_lock_shared(
           (7::bigint << 56) | CASE WHEN is_called THEN last_value ELSE 0 END) FROM @.change_seq`;

/** Adds $2 to the tally of the connection $1. Not by a function: a call costs as much as the statement. */
const ADD_TALLY = `
  INSERT INTO @.tally AS t VALUES ($1, $2::bigint[])
  ON CONFLICT (slot) DO UPDATE SET counts = ARRAY[${
  TASK_STATES.map((_, at) => `t.counts[${at + 1}] + excluded.counts[${at + 1}]`).join(", ")
}]`;

/** Adds $4 to the queued tasks of the API keys $3. */
const ADD_OWNERS = `
  owners AS (
    INSERT INTO @.owner_tally AS o
    SELECT n.owner, $1, n.queued FROM unnest($3::text[], $4::bigint[]) AS n (owner, queued) ORDER BY n.owner
    ON CONFLICT (owner, slot) DO UPDATE SET queued = o.queued + excluded.queued)`;

/** The value of the column `key_name`, by which the tasks of a key are found. */
export const KEY_NAME = "coalesce(owner, '') || '/' || key";

const decoder = new TextDecoder();

const CONTENT_COLUMNS: readonly Stored[] = [
  { name: "checksum", type: "bigint" },
  { name: "spec", type: "text", isJson: true },
  { name: "payload", type: "text", isJson: true },
];

/** Columns that have their initial value in nearly all new tasks, or no value. */
const RARE = COLUMNS.filter(({ field, changes }) =>
  changes && !["dueAt", "erase", "expiresAt", "label"].includes(field) ||
  ["key", "batch", "parent", "follows"].includes(field)
);
const PLAIN = COLUMNS.filter((column) => !RARE.includes(column));
/** Columns in which tasks that arrive together are often alike. */
const COMMON = PLAIN.filter(({ field }) =>
  ["type", "lane", "priority", "erase", "owner", "channel", "source"].includes(field)
);
const OWN = PLAIN.filter((column) => !COMMON.includes(column));

/** A new task with its content. */
export interface NewTaskRow {
  readonly row: Row;
  readonly spec: string;
  readonly payload: JsonText;
}

/**
 * Stores new tasks; a change number of 0 is drawn from the sequence. $1 is the tally's
 * slot, $2 its change, $3 and $4 the change of the API keys' queued tasks. Then follow the
 * columns of `given`, an array each, the content, and the one value of each of `common`.
 */
function insertTasks(given: readonly Column[], common: readonly Column[] = []): string {
  const has = (field: keyof Row) => given.some((column) => column.field === field);
  const valueOf = (column: Column): string => {
    const { name, type, initial } = column;
    if (column.field === "change") return number;
    const at = common.indexOf(column);
    if (at >= 0) return `$${from + CONTENT_COLUMNS.length + at}::${type}`;
    if (!given.includes(column)) return initial === undefined ? "NULL" : String(initial);
    return initial === undefined ? name : `coalesce(${name}, ${initial})`;
  };
  const own = [...given, { name: "folded", type: "text" }];
  const drawn = "nextval('@.change_seq')";
  const number = has("change") ? `CASE WHEN change > 0 THEN change ELSE ${drawn} END` : drawn;
  const turn = has("key")
    ? {
      names: ", key_name, turn",
      values: `, ${KEY_NAME}, CASE WHEN key IS NOT NULL THEN nextval('@.turn_seq') END`,
    }
    : { names: "", values: "" };
  const from = 5 + own.length;
  const content = [{ name: "seq", type: "bigint", at: 5 }, ...CONTENT_COLUMNS];
  return `
  WITH announced AS MATERIALIZED (${ANNOUNCE}),
  tasks AS (
    INSERT INTO @.task (${COLUMNS.map(({ name }) => name).join(", ")}, folded${turn.names})
    SELECT ${COLUMNS.map(valueOf).join(", ")}, folded${turn.values} FROM announced, ${
    unnest(own, 5, "n")
  }
    RETURNING seq, change),
  bodies AS (
    INSERT INTO @.body (seq, checksum, spec, payload) SELECT * FROM ${unnest(content, from, "n")}),
  changes AS (INSERT INTO @.changed SELECT max(change), array_agg(seq) FROM tasks HAVING count(*) > 0),
  ${ADD_OWNERS}
  ${ADD_TALLY}`;
}

/** Each column costs the server time, so there are statements for what most new tasks have. */
export const INSERTS = {
  /** For tasks without values in the rare columns, alike in the common ones. */
  insertAlike: insertTasks(OWN, COMMON),
  /** For tasks without values in the rare columns. */
  insertPlain: insertTasks(PLAIN),
  /** For any tasks. */
  insertTasks: insertTasks(COLUMNS),
} as const;

/** The statement that stores these tasks, and its values after the first four. */
export function insertValues(
  tasks: readonly NewTaskRow[],
  lanes: LaneNames,
): { readonly statement: keyof typeof INSERTS; readonly values: unknown[] } {
  const rows = tasks.map(({ row }) => row);
  const given = (column: Column) =>
    unlessAll(column.initial ?? null, valuesOf(column, rows, lanes));
  const rare = new Map(RARE.map((column) => [column, given(column)]));
  const isPlain = [...rare.values()].every((values) => values === null);
  const [first] = rows;
  const isAlike = isPlain && first !== undefined &&
    COMMON.every(({ field }) => rows.every((row) => row[field] === first[field]));
  const columns = isAlike ? OWN : isPlain ? PLAIN : COLUMNS;
  return {
    statement: isAlike ? "insertAlike" : isPlain ? "insertPlain" : "insertTasks",
    values: [
      ...columns.map((column) => rare.get(column) ?? given(column)),
      unlessAll(null, rows.map(({ label }) => foldedOf(label))),
      tasks.map(({ spec, payload }) => checksumOf(spec, payload)),
      joinJson(tasks.map(({ spec }) => spec)),
      joinJson(
        tasks.map(({ payload }) => typeof payload === "string" ? payload : decoder.decode(payload)),
      ),
      ...isAlike ? COMMON.map((column) => valuesOf(column, [first], lanes)[0]) : [],
    ],
  };
}

/** The label in lower case for searches; `null` when the label is already in lower case. */
export function foldedOf(label: string): string | null {
  const folded = label.toLowerCase();
  return folded === label ? null : withoutNul(folded);
}

const CHANGED_COLUMNS = [{ name: "seq", type: "bigint" }, ...CHANGING];
const REPORT_COLUMNS = [
  { name: "seq", type: "bigint" },
  { name: "record", type: "text" },
  { name: "result", type: "text" },
  { name: "carry", type: "text" },
];
const REPORTS_FROM = 6 + CHANGED_COLUMNS.length;

/**
 * Stores changed rows, and the reports of attempts. $1 is the tally's
 * slot, $2 its change, $3 and $4 the change of the API keys' queued tasks, $5 the node
 * that running tasks belong to.
 */
export const UPDATE_TASKS = `
  WITH announced AS MATERIALIZED (${ANNOUNCE}),
  given AS MATERIALIZED (
    SELECT n.*, CASE WHEN n.change > 0 THEN n.change ELSE nextval('@.change_seq') END AS number
      FROM announced, ${unnest(CHANGED_COLUMNS, 6, "n")}),
  tasks AS (
    UPDATE @.task t
       SET ${
  CHANGING.map(({ name }) => `${name} = ${name === "change" ? "n.number" : `n.${name}`}`).join(", ")
},
           folded = CASE WHEN n.erase THEN NULL ELSE t.folded END,
           node = CASE WHEN n.state = 1 THEN coalesce(t.node, $5::int) END
      FROM given n WHERE t.seq = n.seq),
  reports AS (
    INSERT INTO @.result AS r (seq, attempts, result, carry)
    SELECT seq, record, result, carry FROM ${unnest(REPORT_COLUMNS, REPORTS_FROM, "p")}
    ON CONFLICT (seq) DO UPDATE
       SET attempts = coalesce(r.attempts || ',' || excluded.attempts, excluded.attempts, r.attempts),
           result = excluded.result, carry = coalesce(excluded.carry, r.carry)),
  changes AS (INSERT INTO @.changed SELECT max(number), array_agg(seq) FROM given HAVING count(*) > 0),
  ${ADD_OWNERS}
  ${ADD_TALLY}`;

/** The record, result and carried state of an attempt, as JSON. */
export interface Report {
  readonly seq: number;
  readonly record: string | undefined;
  readonly result: string | undefined;
  readonly carry: string | undefined;
}

/** The values of `UPDATE_TASKS` after the first five. */
export function updateValues(
  rows: readonly Row[],
  reports: readonly Report[],
  lanes: LaneNames,
): unknown[] {
  return [
    rows.map(({ seq }) => seq),
    ...CHANGING.map((column) => unlessAll(null, valuesOf(column, rows, lanes))),
    reports.map(({ seq }) => seq),
    reports.map(({ record }) => record ?? null),
    reports.map(({ result }) => result ?? null),
    reports.map(({ carry }) => carry ?? null),
  ];
}

/** Detects content that was damaged after it was written. */
export function checksumOf(spec: string, payload: JsonText | null): number {
  return crc32(payload ?? "", crc32(spec));
}
