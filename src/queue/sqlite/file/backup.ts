/**
 * Copies the file while the queue goes on.
 *
 * What is committed during a copy stays in the log, so the file itself does not
 * change meanwhile and can be copied as it is. SQLite's own backup was not used:
 * `backup()` of node:sqlite occupies its thread until the end on Deno 2.9.6.
 *
 * @module
 */

import { DatabaseSync } from "node:sqlite";
import { CHECKPOINT_PAGES, setInUse } from "./file.ts";
import { pragma } from "./schema.ts";

/** Bytes read and written at once. */
const PART_BYTES = 4 * 2 ** 20;
/** Bytes after which the copy is flushed: the disk's queue stays short for the commits. */
const FLUSH_BYTES = 16 * 2 ** 20;

/** A copy in progress. */
interface Run {
  /** Why it cannot be used. */
  spoilt?: string;
}

/** Copies an open file. */
export class Backups {
  readonly #db: DatabaseSync;
  /** Stays open as long as the database: closing it would drop the lock of this process. */
  readonly #file: Deno.FsFile;
  #last: Promise<void> = Promise.resolve();
  #running: Run | undefined;

  /** `file` is the database's file, open for reading. */
  constructor(db: DatabaseSync, file: Deno.FsFile) {
    this.#db = db;
    this.#file = file;
  }

  /** Whether a copy is being made. The log must not be written into the file then. */
  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /** Gives up the running copy, because the log must be written into the file now. */
  giveUp(because: string): void {
    if (!this.#running) return;
    this.#running.spoilt = because;
    this.#running = undefined;
    this.#keepLog(false);
  }

  /** Copies the file as of the last commit to a new one at `path`; one copy at a time. */
  make(path: string): Promise<void> {
    const made = this.#last.then(() => this.#make(path));
    this.#last = made.catch(() => {});
    return made;
  }

  /** Closes the file. The database has to be closed before. */
  close(): void {
    this.#file.close();
  }

  async #make(path: string): Promise<void> {
    const run: Run = {};
    this.#running = run;
    try {
      if (!this.#emptyLog()) throw new Error("the log of the queue file is in use");
      this.#keepLog(true);
      // As of now: later commits add pages, which are in the log only.
      const bytes = pragma(this.#db, "page_count") * pragma(this.#db, "page_size");
      await this.#copy(path, bytes, run);
    } finally {
      if (this.#running === run) this.#end();
    }
    const copy = new DatabaseSync(path);
    setInUse(copy, false);
    copy.close();
  }

  async #copy(path: string, bytes: number, run: Run): Promise<void> {
    // Only the owner may read it.
    using copy = await Deno.open(path, { createNew: true, write: true, mode: 0o600 });
    const part = new Uint8Array(PART_BYTES);
    this.#file.seekSync(0, Deno.SeekMode.Start);
    let unflushed = 0;
    for (let left = bytes; left > 0;) {
      const read = await this.#file.read(part.subarray(0, Math.min(left, PART_BYTES))) ?? 0;
      if (read === 0) throw new Error(`the queue file ends ${left} bytes early`);
      for (let at = 0; at < read;) at += await copy.write(part.subarray(at, read));
      left -= read;
      unflushed += read;
      if (unflushed >= FLUSH_BYTES || left === 0) {
        await copy.syncData();
        unflushed = 0;
      }
      if (run.spoilt !== undefined) throw new Error(run.spoilt);
    }
  }

  #end(): void {
    this.#running = undefined;
    this.#keepLog(false);
    try {
      this.#emptyLog();
    } catch {
      // As on a full disk: one of the next commits tries again.
    }
  }

  /** Writes the log into the file and empties it; `false` when a reader prevents it. */
  #emptyLog(): boolean {
    return this.#db.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get()?.busy === 0;
  }

  /** Whether commits leave the log as it is, however long it gets. */
  #keepLog(isKept: boolean): void {
    this.#db.prepare(`PRAGMA wal_autocheckpoint = ${isKept ? 0 : CHECKPOINT_PAGES}`).get();
  }
}
