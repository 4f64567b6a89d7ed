/**
 * Connections to the database.
 *
 * A connection that failed once is never used again, each call has a deadline,
 * and a call past it has failed: a driver left to mend itself can lose an
 * answer for good.
 *
 * @module
 */

// @ts-types="@types/pg"
import pg from "pg";
import { systemClock } from "../../lib/clock.ts";
import { EngineAwayError, EngineError } from "../errors.ts";
import type { PostgresUrl } from "./url.ts";

/** The longest a call may take, in milliseconds. */
const CALL_MS = 8_000;
/** The longest that opening a connection may take, in milliseconds. */
const CONNECT_MS = 5_000;

/** A statement: prepared under its name once for each connection. */
export interface Statement {
  /** Unique among the statements of the engine. */
  readonly name: string;
  /** SQL with `$1`, `$2` … */
  readonly text: string;
}

/** What a statement returned, row by row, each column by its place. */
// deno-lint-ignore no-explicit-any -- what a column holds is the statement's word
export type Rows = readonly (readonly any[])[];

/** Runs statements. */
export interface Session {
  /** Runs one. Rejects with an `EngineAwayError` when the server cannot be reached or went away. */
  run(statement: Statement, ...values: readonly unknown[]): Promise<Rows>;
}

/** Where the statements of an engine are run. */
export interface ConnectionOptions {
  /** The database. */
  readonly url: PostgresUrl;
  /** Shown in `pg_stat_activity`. */
  readonly applicationName: string;
  /** In [0, 1): spreads tries over time. */
  readonly random: () => number;
  /** PEM certificates to trust beside the system's. */
  readonly ca?: string | undefined;
}

/** SQL states after which the same transaction may well succeed. */
const TRY_AGAIN = new Set(["40001", "40P01", "55P03"]);

/** Whether a transaction that failed with this error is worth another try at once. */
export function isWorthAnotherTry(error: unknown): boolean {
  return error instanceof pg.DatabaseError && TRY_AGAIN.has(error.code ?? "");
}

/** The SQL state of an error of the server; `undefined` for any other error. */
export function sqlStateOf(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined;
}

/** Whether the error says that the server, or the way to it, is gone for now. */
function isAway(error: unknown): boolean {
  if (!(error instanceof pg.DatabaseError)) return true;
  // 08: connection, 57P: shutdown and restart, 53300: too many connections, 25P03 and 57014: ended by a timeout.
  return /^(?:08|57P0|53300|25P03|57014)/.test(error.code ?? "");
}

/** One connection. */
export class Connection implements Session {
  readonly #client: pg.Client;
  readonly #prepare: boolean;
  #failed: Error | undefined;

  private constructor(client: pg.Client, prepare: boolean) {
    this.#client = client;
    this.#prepare = prepare;
    client.on("error", (error) => this.#failed ??= error);
    client.on("end", () => this.#failed ??= new Error("The connection was closed"));
  }

  /** Opens a connection. Rejects with an `EngineAwayError`, or an `EngineError` when the server refuses the role. */
  static async open(options: ConnectionOptions): Promise<Connection> {
    const { sslMode } = options.url;
    if (sslMode !== "prefer") return await Connection.#open(options, sslMode !== "disable");
    try {
      return await Connection.#open(options, true);
    } catch (error) {
      // The driver has no code for it: these are its own words.
      const cause = error instanceof Error ? error.cause : undefined;
      const plain = cause instanceof Error && /does not support SSL/.test(cause.message);
      if (!plain) throw error;
      return await Connection.#open(options, false);
    }
  }

  static async #open(
    { url, applicationName, ca }: ConnectionOptions,
    encrypted: boolean,
  ): Promise<Connection> {
    const { host, port, user, password, database, schema, sslMode } = url;
    const isVerified = sslMode === "verify-ca" || sslMode === "verify-full";
    const client = new pg.Client({
      host,
      port,
      user,
      password: password ?? "",
      database,
      application_name: applicationName,
      connectionTimeoutMillis: CONNECT_MS,
      ssl: encrypted && {
        rejectUnauthorized: isVerified,
        ...(ca === undefined ? {} : { ca }),
        ...(sslMode === "verify-full" ? {} : { checkServerIdentity: () => undefined }),
      },
      types: { getTypeParser: parserOf },
    });
    const connection = new Connection(client, url.prepare);
    try {
      await within(CONNECT_MS, client.connect());
      // One text of several settings: no pooler can spread them over connections.
      await connection.run({
        name: "",
        text: `SELECT set_config('search_path', '${schema}', false),
                      set_config('statement_timeout', '5000', false),
                      set_config('lock_timeout', '3000', false),
                      set_config('idle_in_transaction_session_timeout', '5000', false),
                      set_config('jit', 'off', false),
                      CASE WHEN current_setting('synchronous_commit') = 'off'
                           THEN set_config('synchronous_commit', 'on', false) END`,
      });
      return connection;
    } catch (error) {
      connection.destroy();
      throw asEngineError(error);
    }
  }

  /** Whether it can still be used. */
  get isUsable(): boolean {
    return this.#failed === undefined;
  }

  async run({ name, text }: Statement, ...values: readonly unknown[]): Promise<Rows> {
    if (this.#failed) throw new EngineAwayError(`The database went away: ${this.#failed.message}`);
    try {
      const query = this.#client.query({
        text,
        values: [...values],
        rowMode: "array",
        ...(this.#prepare && name !== "" ? { name } : {}),
      });
      const { rows } = await within(CALL_MS, query);
      return rows;
    } catch (error) {
      if (error instanceof pg.DatabaseError && !isAway(error)) throw error;
      this.#failed ??= error instanceof Error ? error : new Error(String(error));
      this.destroy();
      throw asEngineError(error);
    }
  }

  /** Runs several statements without values, such as a migration. */
  async runScript(text: string): Promise<void> {
    await within(CALL_MS * 10, this.#client.query(text));
  }

  /** Calls `heard` at each notification. */
  onNotification(heard: (channel: string, payload: string) => void): void {
    this.#client.on("notification", ({ channel, payload }) => heard(channel, payload ?? ""));
  }

  /** Calls `lost` once when the connection cannot be used any more. */
  onLost(lost: () => void): void {
    this.#client.once("end", lost);
  }

  /** Closes it in order. */
  async close(): Promise<void> {
    this.#failed ??= new Error("The connection was closed");
    await within(CONNECT_MS, this.#client.end()).catch(() => {});
  }

  /** Cuts it off: what is under way on it fails. */
  destroy(): void {
    this.#failed ??= new Error("The connection was cut off");
    // The driver's own way of closing waits for what is under way.
    (this.#client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream
      .destroy();
  }
}

/** Numbers as numbers: nothing here goes past 2^53. */
function parserOf(oid: number, format?: "text" | "binary") {
  const numeric = oid === 20 || oid === 1700;
  // deno-lint-ignore no-explicit-any -- the driver's own signature
  return numeric ? Number : pg.types.getTypeParser(oid as any, format as any);
}

/** The error as the engine's callers know it; the password is never in a message of the driver. */
function asEngineError(error: unknown): Error {
  if (error instanceof EngineError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return isAway(error)
    ? new EngineAwayError(`The database cannot be reached: ${message}`, { cause: error })
    : new EngineError(`The database refused: ${message}`, { cause: error });
}

/** Rejects when the promise has not settled in time. */
async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const undo = systemClock.after(ms, () => late.reject(new Error(`no answer within ${ms} ms`)));
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    undo();
  }
}
