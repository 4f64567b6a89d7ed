/**
 * A queue in PostgreSQL, as a move reads or writes it.
 *
 * @module
 */

import { systemClock } from "../../lib/clock.ts";
import { EngineError } from "../errors.ts";
import { Connection, type Rows } from "../postgres/database/connection.ts";
import { foldedOf, KEY_NAME } from "../postgres/database/columns.ts";
import { openPostgresEngine } from "../postgres/open.ts";
import { type Move, NODES_LOCK, readMove } from "../postgres/database/schema.ts";
import type { PostgresUrl } from "../postgres/url.ts";
import type { LaneRow, Source, Table, Target, Values } from "./tables.ts";

const LAST = Number.MAX_SAFE_INTEGER;
/** A node that was not seen for so long is dead, in milliseconds. */
const DEAD_MS = 10_000;

/** A connection that keeps nodes from joining. */
class Side implements AsyncDisposable {
  readonly #connection: Connection;
  readonly #schema: string;
  readonly lanes = new Map<number, string>();
  readonly ids = new Map<string, number>();

  private constructor(connection: Connection, schema: string) {
    this.#connection = connection;
    this.#schema = schema;
  }

  /** Rejects with an `EngineError` when a node is running. */
  static async open(url: PostgresUrl): Promise<Side> {
    const connection = await Connection.open({
      url,
      applicationName: "postrider migrate",
      random: () => 0.5,
      isLong: true,
    });
    const side = new Side(connection, url.schema);
    await side.run(`SELECT pg_advisory_lock(${NODES_LOCK})`);
    const [row] = await side.run("SELECT count(*), string_agg(name, ', ') FROM @.node");
    if (row?.[0] > 0) {
      await side[Symbol.asyncDispose]();
      throw new EngineError(`Cannot move schema "${url.schema}": nodes are running: ${row?.[1]}`);
    }
    await side.readLanes();
    return side;
  }

  run(text: string, ...values: readonly unknown[]): Promise<Rows> {
    return this.#connection.run(
      { name: "", text: text.replaceAll("@.", `${this.#schema}.`) },
      ...values,
    );
  }

  async readLanes(): Promise<LaneRow[]> {
    const rows = await this.run(
      "SELECT id, name, own_limit, held_until, reason FROM @.lane ORDER BY id",
    );
    for (const [id, name] of rows) {
      this.lanes.set(id, name);
      this.ids.set(name, id);
    }
    return rows.map(([id, name, limit, heldUntil, reason]) => ({
      id,
      name,
      limit,
      heldUntil: heldUntil || null,
      reason,
    }));
  }

  async number(text: string): Promise<number> {
    return (await this.run(text))[0]?.[0] ?? 0;
  }

  async inTransaction(work: () => Promise<void>): Promise<void> {
    await this.run("BEGIN");
    try {
      await work();
      await this.run("COMMIT");
    } catch (error) {
      await this.run("ROLLBACK").catch(() => {});
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection.close();
  }
}

/** Opens the schema; it must exist, and no node may run. */
export async function openPostgresSource(url: PostgresUrl): Promise<Source> {
  const moved = await moveOf(url);
  if (moved?.to) {
    throw new EngineError(`Cannot move schema "${url.schema}": it was moved to ${moved.to}`);
  }
  if (!moved) throw new EngineError(`Cannot move schema "${url.schema}": there is no such schema`);
  await settleQueue(url);
  const side = await Side.open(url);
  await side.run(
    `INSERT INTO @.move (one, source) VALUES (1, gen_random_uuid()::text) ON CONFLICT DO NOTHING`,
  );
  const [row] = await side.run("SELECT source FROM @.move");
  const select = ({ columns, postgres }: Table) =>
    `SELECT ${columns.map((column) => column.postgres).join(", ")} FROM @.${postgres}`;
  const named = ({ columns }: Table, rows: Rows) =>
    rows.map((values) =>
      columns.map(({ kind }, at) => kind === "lane" ? side.lanes.get(values[at]) : values[at])
    );
  return {
    id: row?.[0],
    tasks: await side.number("SELECT count(*) FROM @.task"),
    lanes: () => side.readLanes(),
    async endOfPortion(after, portion) {
      const [end] = await side.run(
        "SELECT seq FROM @.task WHERE seq > $1 ORDER BY seq LIMIT 1 OFFSET $2",
        after,
        portion - 1,
      );
      return end?.[0] ?? Infinity;
    },
    async numbered(table, after, to) {
      const text = `${select(table)} WHERE seq > $1 AND seq <= $2 ORDER BY seq`;
      return named(table, await side.run(text, after, Math.min(to, LAST)));
    },
    async named(table) {
      return named(table, await side.run(select(table)));
    },
    async finish(to) {
      await side.run("UPDATE @.move SET target = $1", to);
    },
    [Symbol.asyncDispose]: () => side[Symbol.asyncDispose](),
  };
}

/** Opens the schema, and creates it when there is none; no node may run. */
export async function openPostgresTarget(url: PostgresUrl): Promise<Target> {
  const move = await moveOf(url);
  if (!move) await settleQueue(url);
  const side = await Side.open(url);
  const add = async ({ postgres, columns }: Table, rows: readonly Values[]) => {
    if (rows.length === 0) return;
    const isTask = postgres === "task";
    const names = columns.map((column) => column.postgres);
    const arrays = columns.map(({ type }, at) => `$${at + 1}::${type}[]`);
    const values: unknown[] = columns.map(({ kind, type }, at) =>
      rows.map((row) => {
        const value = row[at];
        if (kind === "lane") return side.ids.get(value as string);
        return type === "text" && typeof value === "string"
          ? value.replaceAll("\\0", "\u2400")
          : value;
      })
    );
    if (isTask) {
      const label = names.indexOf("label");
      names.push("folded");
      arrays.push(`$${arrays.length + 1}::text[]`);
      values.push(rows.map((row) => foldedOf(row[label] as string)));
    }
    // The order within a key is that of acceptance.
    const ofKey: Readonly<Record<string, string>> = isTask
      ? { key_name: KEY_NAME, turn: "CASE WHEN key IS NOT NULL THEN nextval('@.turn_seq') END" }
      : {};
    await side.run(
      `INSERT INTO @.${postgres} (${[...names, ...Object.keys(ofKey)].join(", ")})
       SELECT ${[...names, ...Object.values(ofKey)].join(", ")}
         FROM unnest(${arrays.join(", ")}) WITH ORDINALITY AS n (${names.join(", ")}, place)
        ORDER BY place ON CONFLICT DO NOTHING`,
      ...values,
    );
    if (!isTask) return;
    const [seq, change] = [names.indexOf("seq"), names.indexOf("change")];
    const order = rows.map((row) => [row[change], row[seq]] as [number, number])
      .sort(([a], [b]) => a - b);
    for (let at = 0; at < order.length; at += 500) {
      const part = order.slice(at, at + 500);
      await side.run(
        "INSERT INTO @.changed (change, tasks) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        part.at(-1)![0],
        part.map(([, number]) => number),
      );
    }
  };
  return {
    async begin(source) {
      const [row] = await side.run("SELECT source, copied_to FROM @.move");
      if (row && row[1] !== null && row[0] === source) return row[1];
      for (const table of row ? ["move"] : ["task", "batch", "schedule", "delivery"]) {
        if (await side.number(`SELECT count(*) FROM @.${table}`) === 0) continue;
        throw new EngineError(
          `Cannot move to schema "${url.schema}": expected an empty queue, or none`,
        );
      }
      await side.run("INSERT INTO @.move (one, source, copied_to) VALUES (1, $1, 0)", source);
      return 0;
    },
    async addLanes(lanes) {
      for (const { name, limit, heldUntil, reason } of lanes) {
        await side.run(
          `INSERT INTO @.lane (name, own_limit, held_until, reason) VALUES ($1, $2, $3, $4)
           ON CONFLICT (name) DO NOTHING`,
          name,
          limit,
          heldUntil ?? 0,
          reason,
        );
      }
      await side.readLanes();
    },
    async addPortion(portion, to) {
      await side.inTransaction(async () => {
        for (const [table, rows] of portion) await add(table, rows);
        await side.run("UPDATE @.move SET copied_to = $1", Math.min(to, LAST));
      });
    },
    async finish(rest) {
      await side.inTransaction(async () => {
        for (const [table, rows] of rest) await add(table, rows);
        await side.run("DELETE FROM @.tally");
        await side.run(`
          INSERT INTO @.tally SELECT 0, array(
            SELECT count(t.seq) FROM generate_series(0, 5) s LEFT JOIN @.task t ON t.state = s GROUP BY s ORDER BY s)`);
        await side.run("DELETE FROM @.owner_tally");
        await side.run(`
          INSERT INTO @.owner_tally
          SELECT owner, 0, count(*) FROM @.task WHERE state = 0 AND owner IS NOT NULL GROUP BY owner`);
        await side.run(`
          SELECT setval('@.change_seq', greatest(1, (SELECT max(change) FROM @.task)))`);
        await side.run("DELETE FROM @.move");
      });
      return await side.number("SELECT count(*) FROM @.task");
    },
    [Symbol.asyncDispose]: () => side[Symbol.asyncDispose](),
  };
}

/** Whether the queue was moved, and is there; nodes that have died leave their rows behind. */
async function moveOf(url: PostgresUrl): Promise<Move | undefined> {
  const connection = await Connection.open({
    url,
    applicationName: "postrider migrate",
    random: () => 0.5,
  });
  const move = await readMove(connection, url.schema);
  if (move) {
    await connection.run({
      name: "",
      text: `DELETE FROM ${url.schema}.node
              WHERE seen < extract(epoch FROM clock_timestamp()) * 1000 - ${DEAD_MS}`,
    });
  }
  await connection.close();
  return move;
}

/** Creates the schema if need be, and settles what dead nodes have left, as a start does. */
async function settleQueue(url: PostgresUrl): Promise<void> {
  await using _engine = await openPostgresEngine({
    url: { ...url, wake: "poll" },
    clock: systemClock,
    random: () => 0.5,
    name: "migrate",
    report: () => ({ role: "api", version: "", running: 0, concurrency: 0 }),
  });
}
