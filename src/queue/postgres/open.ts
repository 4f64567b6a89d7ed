/**
 * Opens the engine on PostgreSQL.
 *
 * @module
 */

import type { Durability } from "../engine.ts";
import { Connection, type Session } from "./database/connection.ts";
import { PostgresEngine } from "./engine.ts";
import type { PostgresOptions } from "./options.ts";
import { migrate, refuseMoved } from "./database/schema.ts";
import { statementsOf } from "./database/sql.ts";

/** Opens the queue, and creates its schema when there is none. */
export async function openPostgresEngine(options: PostgresOptions): Promise<PostgresEngine> {
  const { url, ca, name } = options;
  const sql = statementsOf(url.schema);
  const connection = { url, ca, random: options.random, applicationName: `postrider ${name}` };
  const first = await Connection.open({ ...connection, isLong: true });
  let durability: Durability;
  try {
    await migrate(first, url.schema, options.migrate ?? "auto");
    await refuseMoved(first, url.schema, options.force ?? false);
    durability = await readDurability(first);
  } finally {
    await first.close();
  }
  const engine = new PostgresEngine(options, {
    sql,
    // Where a test owns the clock, no deadline passes on a busy machine.
    connection: { ...connection, isLong: options.ownTime ?? false },
    durability,
  });
  try {
    await engine.open();
  } catch (error) {
    await engine[Symbol.asyncDispose]();
    throw error;
  }
  return engine;
}

/** Reads from the server's settings how durable a commit is. */
async function readDurability(session: Session): Promise<Durability> {
  const [row] = await session.run({
    name: "",
    text: `SELECT current_setting('fsync'), current_setting('full_page_writes'),
                  current_setting('synchronous_commit'), current_setting('synchronous_standby_names')`,
  });
  const [fsync, fullPages, commit, standbys] = row ?? [];
  if (fsync !== "on" || fullPages !== "on" || commit === "off") return "memory";
  return standbys !== "" && commit !== "local" ? "replicated" : "disk";
}
