/**
 * Connections to the database.
 *
 * A connection that failed once is never used again. Each call has a deadline,
 * and a call that exceeds it fails: the driver on its own could wait without end for a
 * reply that was lost.
 *
 * @module
 */

// @ts-types="@types/pg"
import pg from "pg";
import { arrayText } from "./array_text.ts";
import { systemClock } from "../../../lib/clock.ts";
import { EngineAwayError, EngineError } from "../../errors.ts";
import type { PostgresUrl } from "../url.ts";

/** The longest a call may take, in milliseconds: here, and in the server, which gives up first. */
const CALL_MS = 8_000;
const STATEMENT_MS = 5_000;
const LOCK_MS = 3_000;
/** After this time without a statement, in milliseconds, the server ends a transaction. */
const IDLE_MS = 5_000;
/** The same for a migration or a move, which reads or writes everything. */
const LONG_CALL_MS = 3_600_000;
const LONG_IDLE_MS = 60_000;
/** The longest that opening a connection may take, in milliseconds. */
const CONNECT_MS = 5_000;

/** A statement; each connection prepares it once, under its name. */
export interface Statement {
  /** Unique among the statements of the engine. */
  readonly name: string;
  /** SQL with `$1`, `$2` … */
  readonly text: string;
}

/** The rows that a statement returned; each row is an array of its columns. */
// deno-lint-ignore no-explicit-any -- the type of a column depends on the statement
export type Rows = readonly (readonly any[])[];

/** Runs statements. */
export interface Session {
  /** Runs one statement. Rejects with an `EngineAwayError` when the server cannot be reached. */
  run(statement: Statement, ...values: readonly unknown[]): Promise<Rows>;
}

/** How to connect to the database. */
export interface ConnectionOptions {
  /** The database. */
  readonly url: PostgresUrl;
  /** Shown in `pg_stat_activity`. */
  readonly applicationName: string;
  /** Returns a number in [0, 1), to spread retries over time. */
  readonly random: () => number;
  /** PEM certificates to trust in addition to the system's. */
  readonly ca?: string | undefined;
  /** Whether calls may take long, as those of a migration or a move do. */
  readonly isLong?: boolean;
}

/** SQL states after which the same transaction may succeed: serialization failure, deadlock, lock timeout. */
const RETRYABLE = new Set(["40001", "40P01", "55P03"]);

/** Whether a transaction that failed with this error may be retried at once. */
export function isWorthAnotherTry(error: unknown): boolean {
  return error instanceof pg.DatabaseError && RETRYABLE.has(error.code ?? "");
}

/** The SQL state of an error of the server; `undefined` for any other error. */
export function sqlStateOf(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined;
}

/** Whether a retry may succeed: the database is unavailable, or lacks disk, memory or connections. */
export function isTemporary(error: unknown): boolean {
  return error instanceof EngineAwayError || sqlStateOf(error)?.startsWith("53") === true;
}

/** Converts an error of a statement to one that callers of the engine know. */
export function engineErrorOf(error: unknown): Error {
  if (error instanceof EngineError) return error;
  if (!(error instanceof Error)) return new EngineError(String(error));
  if (sqlStateOf(error) === undefined) return error;
  return new EngineError(`The database rejected the statement: ${error.message}`, { cause: error });
}

/** Whether the error says that the server cannot be reached at the moment. */
function isUnavailable(error: unknown): boolean {
  if (!(error instanceof pg.DatabaseError)) return true;
  // 08: connection, 57P: shutdown and restart, 53300: too many connections, 25P03 and 57014: ended by a timeout.
  return /^(?:08|57P0|53300|25P03|57014)/.test(error.code ?? "");
}

/** One connection. */
export class Connection implements Session {
  readonly #client: pg.Client;
  readonly #prepare: boolean;
  readonly #callMs: number;
  #failed: Error | undefined;

  private constructor(client: pg.Client, { url, isLong }: ConnectionOptions) {
    this.#client = client;
    this.#prepare = url.prepare;
    this.#callMs = isLong ? LONG_CALL_MS : CALL_MS;
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
      // The driver has no code for this error, so its message is compared.
      const cause = error instanceof Error ? error.cause : undefined;
      const plain = cause instanceof Error && /does not support SSL/.test(cause.message);
      if (!plain) throw error;
      return await Connection.#open(options, false);
    }
  }

  static async #open(options: ConnectionOptions, encrypted: boolean): Promise<Connection> {
    const { url, applicationName, ca, isLong } = options;
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
    const connection = new Connection(client, options);
    try {
      await within(CONNECT_MS, client.connect());
      // One statement for all settings, so that a pooler cannot run them on different connections.
      await connection.run({
        name: "",
        text: `SELECT set_config('search_path', '${schema}', false),
                      set_config('statement_timeout', '${isLong ? 0 : STATEMENT_MS}', false),
                      set_config('lock_timeout', '${isLong ? 0 : LOCK_MS}', false),
                      set_config('idle_in_transaction_session_timeout', '${
          isLong ? LONG_IDLE_MS : IDLE_MS
        }', false),
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
    if (this.#failed) {
      throw new EngineAwayError(`The connection to the database was lost: ${this.#failed.message}`);
    }
    try {
      const query = this.#client.query({
        text,
        values: values.map((value) => Array.isArray(value) ? arrayText(value) : value),
        rowMode: "array",
        ...(this.#prepare && name !== "" ? { name } : {}),
      });
      const { rows } = await within(this.#callMs, query);
      return rows;
    } catch (error) {
      if (error instanceof pg.DatabaseError && !isUnavailable(error)) throw error;
      this.#failed ??= error instanceof Error ? error : new Error(String(error));
      this.destroy();
      throw asEngineError(error);
    }
  }

  /** Runs several statements without values, such as a migration. */
  async runScript(text: string): Promise<void> {
    await within(this.#callMs, this.#client.query(text));
  }

  /** Calls `listener` for each notification. */
  onNotification(listener: (channel: string, payload: string) => void): void {
    this.#client.on("notification", ({ channel, payload }) => listener(channel, payload ?? ""));
  }

  /** Calls `listener` once when the connection is lost. */
  onLost(listener: () => void): void {
    this.#client.once("end", listener);
  }

  /** Closes the connection gracefully. */
  async close(): Promise<void> {
    this.#failed ??= new Error("The connection was closed");
    await within(CONNECT_MS, this.#client.end()).catch(() => {});
  }

  /** Closes the socket at once; calls that are running on it fail. */
  destroy(): void {
    this.#failed ??= new Error("The connection was destroyed");
    // The driver's `end()` would wait for the calls that are running.
    (this.#client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream
      .destroy();
  }
}

/** Parses bigint and numeric columns as numbers: no value here exceeds 2^53. */
function parserOf(oid: number, format?: "text" | "binary") {
  const numeric = oid === 20 || oid === 1700;
  // deno-lint-ignore no-explicit-any -- the driver's signature
  return numeric ? Number : pg.types.getTypeParser(oid as any, format as any);
}

/** Converts an error of the driver; its messages never contain the password. */
function asEngineError(error: unknown): Error {
  if (error instanceof EngineError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return isUnavailable(error)
    ? new EngineAwayError(`Cannot reach the database: ${message}`, { cause: error })
    : new EngineError(`The database rejected the statement: ${message}`, { cause: error });
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
