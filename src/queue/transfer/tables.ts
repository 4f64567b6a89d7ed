/**
 * The tables of a queue, as both SQL engines have them.
 *
 * @module
 */

import { taskColumns as postgresColumns } from "../postgres/database/columns.ts";
import { columnOf as sqliteColumn } from "../sqlite/file/rows.ts";

/** How a column's values differ between the engines. */
export type ColumnKind =
  /** 0 and 1, or a boolean. */
  | "flag"
  /** The number that an engine gives to a lane. */
  | "lane";

/** A column and its names. */
export interface Column {
  readonly sqlite: string;
  readonly postgres: string;
  /** The type in PostgreSQL. */
  readonly type: string;
  readonly kind?: ColumnKind;
}

/** A table and its names. */
export interface Table {
  readonly sqlite: string;
  readonly postgres: string;
  readonly columns: readonly Column[];
}

/** `name:type`, `sqlite=postgres:type`; `flag` is a type of its own. */
function table(sqlite: string, postgres: string, ...columns: string[]): Table {
  return {
    sqlite,
    postgres,
    columns: columns.map((text) => {
      const [names = "", type = ""] = text.split(":");
      const [one = "", other = one] = names.split("=");
      const isFlag = type === "flag";
      return {
        sqlite: one,
        postgres: other,
        type: isFlag ? "boolean" : type,
        ...(isFlag ? { kind: "flag" as const } : {}),
      };
    }),
  };
}

const TASK: Table = {
  sqlite: "task",
  postgres: "task",
  columns: postgresColumns().map(({ name, type, field }) => ({
    sqlite: sqliteColumn(field),
    postgres: name,
    type,
    ...(type === "boolean" ? { kind: "flag" as const } : {}),
    ...(field === "lane" ? { kind: "lane" as const } : {}),
  })),
};

/** Tables whose rows have the number of an id, which is their order; tasks first. */
export const NUMBERED: readonly Table[] = [
  TASK,
  table("body", "body", "seq:bigint", "checksum:bigint", "spec:text", "payload:text"),
  table("result", "result", "seq:bigint", "attempts:text", "result:text", "carry:text"),
  table("tag", "tag", "tag:text", "seq:bigint"),
  table("follower", "follow_up", "seq:bigint", "followers=follow_ups:text"),
  table(
    "batch",
    "batch",
    "seq:bigint",
    "id:text",
    "created_at:bigint",
    "owner:text",
    "total:int",
    "counts:text",
    "bytes:bigint",
    "follows:flag",
    "most=concurrency:int",
  ),
  table(
    "delivery",
    "delivery",
    "seq:bigint",
    "id:text",
    "hook:text",
    "received_at:bigint",
    "verdict:text",
    "content:text",
  ),
  table("pause", "pause", "seq:bigint", "record:text"),
];

/** The others, which are small. */
export const NAMED: readonly Table[] = [
  table("holder", "holder", "name=key:text", "seq:bigint"),
  table("schedule", "schedule", "name:text", "version:bigint", "record:text"),
  table(
    "idempotency",
    "idempotency",
    "scope:text",
    "key:text",
    "fingerprint:text",
    "id:text",
    "expires_at:bigint",
  ),
  table("ended_session", "ended_session", "id:text", "until:bigint"),
  table("history", "history", "step:int", "at:bigint", "run:text", "tally:text"),
];

/** The lanes have numbers of their own in each engine. */
export interface LaneRow {
  readonly id: number;
  readonly name: string;
  readonly limit: number | null;
  readonly heldUntil: number | null;
  readonly reason: string | null;
}

/** Values of a row, by the place of their column; flags are booleans, lanes are names. */
export type Values = readonly unknown[];

/** A queue that is copied from. */
export interface Source extends AsyncDisposable {
  /** Tells it from other queues; kept in it. */
  readonly id: string;
  /** How many tasks it has. */
  readonly tasks: number;
  lanes(): Promise<LaneRow[]>;
  /** The number of the `count`th task after `after`; infinity when there are fewer. */
  endOfPortion(after: number, count: number): Promise<number>;
  /** The rows of a numbered table from after `after` to `to`. */
  numbered(table: Table, after: number, to: number): Promise<Values[]>;
  named(table: Table): Promise<Values[]>;
  /** Marks it as moved: it refuses to open from now on. */
  finish(to: string): Promise<void>;
}

/** A queue that is copied to. */
export interface Target extends AsyncDisposable {
  /**
   * Begins a copy, or continues one of the same source; the number up to which rows were copied.
   * Rejects with an `EngineError` when anything else is in it.
   */
  begin(source: string): Promise<number>;
  addLanes(lanes: readonly LaneRow[]): Promise<void>;
  /** Adds the rows up to a number, in one transaction. */
  addPortion(portion: readonly [Table, Values[]][], to: number): Promise<void>;
  /** Adds the rest and ends the copy; how many tasks it then has. */
  finish(rest: readonly [Table, Values[]][]): Promise<number>;
}
