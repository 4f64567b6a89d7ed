/**
 * The columns of `task` and `body`, and how rows are read from and written to them.
 *
 * A new column of a task is a line here, a field of `Row` with its value in
 * `newRow`, and a step in `schema.ts`.
 *
 * @module
 */

import type { JsonText } from "../../../lib/json.ts";
import { crc32 } from "node:zlib";
import type { SQLInputValue, StatementSync } from "node:sqlite";
import { TASK_STATES, type TaskState } from "../../../task/state.ts";
import type { Row } from "../../core/row.ts";

/** How a column holds a field. */
interface Column {
  readonly name: string;
  /** Numbers stand for the state and for a boolean. */
  readonly as?: "state" | "flag";
  /** SQL of what it is in every new task; otherwise the insert gives the value. */
  readonly initial?: "0" | "NULL";
  /** The same for a task whose first attempt begins in the transaction that stores it. */
  readonly begun?: "1" | "?";
  /** Whether events change it; otherwise it is written once, at the insert. */
  readonly changes?: true;
}

const COLUMNS: { readonly [Field in keyof Row]: Column } = {
  seq: { name: "seq" },
  id: { name: "id" },
  type: { name: "type" },
  state: { name: "state", initial: "0", begun: "1", as: "state", changes: true },
  generation: { name: "era", changes: true },
  channel: { name: "channel" },
  lane: { name: "lane" }, // the number that `LaneTable` gives it
  priority: { name: "priority" },
  behind: { name: "parked", changes: true },
  dueAt: { name: "due_at", changes: true },
  attempt: { name: "attempt", initial: "0", begun: "1", changes: true },
  listed: { name: "listed", initial: "0", changes: true },
  interrupted: { name: "broken", initial: "0", changes: true },
  duplicate: { name: "duplicate", initial: "0", as: "flag", changes: true },
  erase: { name: "erase", as: "flag" }, // and "label": `eraseRow` changes them
  follows: { name: "follows", as: "flag" },
  createdAt: { name: "created_at" },
  startedAt: { name: "started_at", initial: "NULL", begun: "?", changes: true },
  expiresAt: { name: "expires_at", changes: true },
  finishedAt: { name: "finished_at", initial: "NULL", changes: true },
  key: { name: "key" },
  batch: { name: "batch" },
  parent: { name: "parent" },
  owner: { name: "owner" },
  source: { name: "source" },
  label: { name: "label" },
  reason: { name: "reason", initial: "NULL", changes: true },
  delivery: { name: "delivery", initial: "NULL", changes: true },
  aborting: { name: "aborting", initial: "NULL", changes: true },
  cancelledBy: { name: "cancelled_by", initial: "NULL", changes: true },
  error: { name: "error", initial: "NULL", changes: true },
  change: { name: "change", changes: true },
};

/** The name of the column that holds a field. */
export function columnOf(field: keyof Row): string {
  return COLUMNS[field].name;
}

const FIELDS = Object.keys(COLUMNS) as (keyof Row)[];
const markOf = ({ initial }: Column): string => initial ?? "?";
const begunMarkOf = (column: Column): string => column.begun ?? markOf(column);
const GIVEN = FIELDS.filter((field) => markOf(COLUMNS[field]) === "?");
const GIVEN_BEGUN = FIELDS.filter((field) => begunMarkOf(COLUMNS[field]) === "?");
const CHANGING = FIELDS.filter((field) => COLUMNS[field].changes);

/** Values of columns; the one of the lane is its name or its number. */
export type Values = SQLInputValue[];

/** All columns of `task`, as SELECT and INSERT name them; `rowFrom` reads their values. */
export const ROW_COLUMNS = FIELDS.map((field) => COLUMNS[field].name).join(", ");
/** The index of the lane in `ROW_COLUMNS`. */
export const LANE = FIELDS.indexOf("lane");
/** The values of an INSERT: constants, and question marks for what `pushGiven` appends. */
export const ROW_MARKS = FIELDS.map((field) => markOf(COLUMNS[field])).join(", ");
/** The same for a task that runs already, whose values `pushBegun` appends. */
export const BEGUN_MARKS = FIELDS.map((field) => begunMarkOf(COLUMNS[field])).join(", ");
/** How many question marks that are. */
export const GIVEN_SIZE = GIVEN.length;
/** What an UPDATE sets, which `runUpdate` runs. */
export const UPDATE_COLUMNS = CHANGING.map((field) => `${COLUMNS[field].name} = ?`).join(", ");

/** The number of a state in the file. */
export const STATE: Record<TaskState, number> = Object.fromEntries(
  TASK_STATES.map((state, number) => [state, number]),
) as Record<TaskState, number>;

// Compiled from the table, once: a loop over the names takes twenty times as long for each row.
/** Makes a row of the values of `ROW_COLUMNS`. */
export const rowFrom = compile("values", objectOf(FIELDS)) as (values: Values) => Row;
/** Makes the row of a new task of the values that `pushGiven` has put into a list at `at`. */
export const newRowFrom = compile("values, at", objectOf(GIVEN, "at + ")) as (
  values: readonly unknown[],
  at: number,
) => Row;
/** Appends the parameters of an INSERT to a list; `lane` is the name or number of the row's lane. */
export const pushGiven = pushing(GIVEN);
/** The same for a task that runs already. */
export const pushBegun = pushing(GIVEN_BEGUN);
/** Runs the UPDATE of the columns that events change. */
export const runUpdate = compile(
  "statement, row",
  `void statement.run(${CHANGING.map(writing)}, row.seq)`,
) as (statement: StatementSync, row: Row) => void;

function compile(argument: string, expression: string): unknown {
  const code = `return (${argument}) => ${expression}`;
  return new Function("STATES", "STATE", code)(TASK_STATES, STATE);
}

function pushing(fields: readonly (keyof Row)[]) {
  const given = fields.map((field) => field === "lane" ? "lane" : writing(field));
  return compile("values, row, lane", `void values.push(${given})`) as (
    values: unknown[],
    row: Row,
    lane: string | number,
  ) => void;
}

/** A row of values of those columns, in which the others are as in a new task. */
function objectOf(given: readonly (keyof Row)[], from = ""): string {
  const field = (name: keyof Row) => {
    const at = given.indexOf(name);
    const value = at < 0 ? COLUMNS[name].initial?.toLowerCase() as string : `values[${from}${at}]`;
    const { as } = COLUMNS[name];
    return `${name}: ${as === "state" ? `STATES[${value}]` : as ? `${value} === 1` : value}`;
  };
  return `({ ${FIELDS.map(field)} })`;
}

function writing(field: keyof Row): string {
  const { as } = COLUMNS[field];
  const value = `row.${field}`;
  return as === "state" ? `STATE[${value}]` : as === "flag" ? `${value} ? 1 : 0` : value;
}

/** A row of `body`. */
export interface Body {
  readonly spec: string;
  readonly payload: JsonText | null;
  readonly checksum: number;
}

/** A longer payload is read as bytes, which are handed from thread to thread without a copy. */
const MAX_TEXT_BYTES = 1_048_576;

/** The columns of a `Body`, as `bodyFrom` reads them after those of a row. */
export const BODY_COLUMNS = `spec,
  CASE WHEN octet_length(payload) > ${MAX_TEXT_BYTES} THEN CAST(payload AS BLOB) ELSE payload END
    AS payload,
  checksum`;

/** Makes a body of the values of `ROW_COLUMNS` and `BODY_COLUMNS`; `undefined` when there is none. */
// deno-lint-ignore no-explicit-any -- the schema decides what each column holds
export function bodyFrom(values: readonly any[]): Body | undefined {
  const at = FIELDS.length;
  const spec = values[at];
  return spec === null ? undefined : { spec, payload: values[at + 1], checksum: values[at + 2] };
}

/** The spec whose checksum was made last: tasks of a batch have the same. */
let last = { spec: "", checksum: crc32("") };

/** Detects a flipped bit: SQLite's own check misses one in a text. */
export function checksumOf(spec: string, payload: JsonText | null): number {
  if (last.spec !== spec) last = { spec, checksum: crc32(spec) };
  return crc32(payload ?? "", last.checksum);
}

/** Whether a body is as it was written. */
export function isIntact(body: Body | undefined): body is Body {
  return body !== undefined && checksumOf(body.spec, body.payload) === body.checksum;
}
