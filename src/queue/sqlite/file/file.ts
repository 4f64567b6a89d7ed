/**
 * Opens the file, and classifies SQLite's result codes.
 *
 * @module
 */

import { DatabaseSync } from "node:sqlite";
import {
  EngineDamagedError,
  EngineError,
  EngineInUseError,
  type OpenedFile,
} from "../../engine.ts";
import { compact } from "../../../lib/compact.ts";
import { findLogIssue } from "./log_check.ts";
import { checkMoved, type WhenMoved } from "./move.ts";
import { migrate, SCHEMA_VERSION } from "./schema.ts";

/** Primary result codes, https://sqlite.org/rescode.html */
const BUSY = 5;
const CORRUPT = 11;
const FULL = 13;
const NOT_A_DATABASE = 26;
/** Extended: a write that failed for another reason than ENOSPC, such as a quota. */
const IOERR_WRITE = 778;

/**
 * Pages in the write-ahead log before it is copied into the file. More pages mean
 * fewer and longer copies. The ballast must be larger, so that a copy succeeds on a
 * full disk.
 */
export const CHECKPOINT_PAGES = 2_000;

/**
 * Page cache in KiB. Not more: when pages of an index move, SQLite gives one a
 * temporary number far beyond the end, and then searches its whole cache at the
 * next commit.
 */
const CACHE_KIB = 4_096;

/** An open database and what is known of its file. */
export interface OpenDatabase extends OpenedFile {
  readonly db: DatabaseSync;
}

/** Opens the database at `path` for this process alone, and brings it up to date. */
export function openFile(path: string, whenMoved: WhenMoved = "refuse"): OpenDatabase {
  let db: DatabaseSync | undefined;
  try {
    const hasLog = exists(`${path}-wal`);
    const damage = findLogIssue(path);
    create(path);
    db = new DatabaseSync(path);
    // The lock dies with the process, and without shared memory WAL is faster, too.
    set(db, "busy_timeout = 100");
    set(db, "locking_mode = EXCLUSIVE");
    set(db, "journal_mode = WAL");
    set(db, "synchronous = FULL");
    set(db, "temp_store = MEMORY");
    set(db, `cache_size = -${CACHE_KIB}`);
    set(db, `wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    db.function("fold", { deterministic: true }, (text) => String(text).toLowerCase());
    migrate(db, path);
    checkMoved(db, path, whenMoved);
    const logIssue = damage ?? (hasLog || !isInUse(db) ? undefined : MISSING_LOG);
    setInUse(db, true);
    return { db, schema: SCHEMA_VERSION, ...compact({ logIssue }) };
  } catch (error) {
    db?.close();
    throw openingError(error, path);
  }
}

const MISSING_LOG = "it is missing, although the file was in use: a copy without its log, or a " +
  "removed log. What was only in the log is lost";

function exists(path: string): boolean {
  try {
    return Deno.lstatSync(path).isFile;
  } catch {
    return false;
  }
}

function isInUse(db: DatabaseSync): boolean {
  return db.prepare("SELECT in_use FROM usage").get()?.in_use === 1;
}

/** Records in the file itself, not only in its log, whether it is in use. */
export function setInUse(db: DatabaseSync, isInUse: boolean): void {
  db.prepare("UPDATE usage SET in_use = ?").run(isInUse ? 1 : 0);
  db.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get();
}

/**
 * Payloads hold secrets, so only the owner may read the file and its log, which
 * gets the file's mode. An existing file is not touched: closing any handle on it
 * would drop a lock that this process holds.
 */
function create(path: string): void {
  try {
    Deno.openSync(path, { createNew: true, write: true, mode: 0o600 }).close();
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  }
}

/** Not by `exec`, whose errors have no result code. */
function set(db: DatabaseSync, pragma: string): void {
  db.prepare(`PRAGMA ${pragma}`).get();
}

function openingError(error: unknown, path: string): EngineError {
  if (error instanceof EngineError) return error;
  const text = error instanceof Error ? error.message : String(error);
  if (isCode(error, BUSY)) {
    return new EngineInUseError(`Cannot open queue "${path}": another process has it open`);
  }
  if (isDamage(error)) {
    return new EngineDamagedError(`Cannot open queue "${path}": ${text}`, { cause: error });
  }
  return new EngineError(`Cannot open queue "${path}": ${text}`, { cause: error });
}

/** Whether the disk is full. */
export function isFull(error: unknown): boolean {
  return isCode(error, FULL) || codeOf(error) === IOERR_WRITE;
}

/** Whether the file is damaged. */
export function isDamage(error: unknown): boolean {
  return isCode(error, CORRUPT) || isCode(error, NOT_A_DATABASE);
}

function isCode(error: unknown, primary: number): boolean {
  return (codeOf(error) & 0xff) === primary;
}

function codeOf(error: unknown): number {
  return error instanceof Error && "errcode" in error ? Number(error.errcode) : 0;
}
