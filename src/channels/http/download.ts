/**
 * Saves a body as a file, and resumes a part that an earlier attempt left.
 *
 * Each task has a folder of its own. A note beside the part says how many bytes
 * are on disk and which representation they belong to: a later attempt requests
 * only the rest (RFC 9110 §14), and only of the same representation.
 *
 * @module
 */

import { BodyError } from "./body.ts";
import type { ResponseHead } from "./exchange.ts";
import { WriteBehind } from "./write_behind.ts";

/** What is known of a part. */
interface Note {
  /** Bytes that are on disk. */
  readonly bytes: number;
  /** A strong `ETag`, or a `Last-Modified`. */
  readonly validator: string;
}

/** Synced to disk every this many bytes: at most that many are lost in a crash. */
const SYNC_EVERY_BYTES = 64 * 2 ** 20;
/** Size of one read while a part is replayed. */
const READ_BYTES = 1_048_576;
const PART = ".part";
const NOTE = ".part.json";

/** The file cannot be written. */
export class SaveError extends Error {
  /** `SaveError`. */
  override name = "SaveError";
  /** `storage_full` when the disk is full, else `storage_failed`. */
  readonly code: "storage_full" | "storage_failed";

  /** Wraps the system's error. */
  constructor(cause: unknown) {
    super("Cannot save the body", { cause });
    const { code } = cause as { code?: unknown };
    this.code = code === "ENOSPC" || code === "EDQUOT" ? "storage_full" : "storage_failed";
  }
}

/** Opens the part that an earlier attempt left in the task's folder; creates the folder if needed. */
export async function openDownload(root: string, task: string): Promise<Download> {
  const folder = `${root}/${task}`;
  try {
    await Deno.mkdir(folder, { recursive: true });
    const note = await readNote(`${folder}/${NOTE}`);
    const path = `${folder}/${PART}`;
    const file = await Deno.open(path, { read: true, write: true, create: true });
    const { size } = await file.stat();
    const bytes = note && size >= note.bytes ? note.bytes : 0;
    return new Download(root, task, file, bytes, bytes > 0 ? note?.validator : undefined);
  } catch (error) {
    throw new SaveError(error);
  }
}

/** The file of one attempt. */
export class Download {
  /** The task's folder below the downloads folder: a bare name. */
  readonly folder: string;
  readonly #folder: string;
  readonly #file: Deno.FsFile;
  #validator: string | undefined;
  /** Bytes of the earlier part that are still valid. */
  #kept: number;
  #written: number;
  #synced: number;
  readonly #behind = new WriteBehind((bytes) => this.#write(bytes));
  #tail: Promise<void> = Promise.resolve();
  #isUseless = false;
  #closed = false;

  constructor(
    root: string,
    folder: string,
    file: Deno.FsFile,
    kept: number,
    validator: string | undefined,
  ) {
    this.folder = folder;
    this.#folder = `${root}/${folder}`;
    this.#file = file;
    this.#kept = this.#written = this.#synced = kept;
    this.#validator = validator;
  }

  /** Headers that request the rest. An encoded body could not be resumed, so none is requested. */
  get headers(): Record<string, string> {
    return {
      "accept-encoding": "identity",
      ...(this.#validator === undefined
        ? {}
        : { range: `bytes=${this.#kept}-`, "if-range": this.#validator }),
    };
  }

  /** Bytes of the earlier part that are still valid. */
  get kept(): number {
    return this.#kept;
  }

  /**
   * Returns whether the response continues where the part ends; `replay` then gets the
   * saved bytes before any new chunk is written. Any other response starts the file over.
   */
  begin({ status, headers }: ResponseHead, replay: (chunk: Uint8Array) => void): boolean {
    const continues = status === 206 && this.#kept > 0 &&
      rangeStart(headers["content-range"]) === this.#kept;
    if (!continues) this.#kept = this.#written = this.#synced = 0;
    this.#validator = headers["content-encoding"] === undefined ? validatorOf(headers) : undefined;
    this.#then(async () => {
      await this.#file.truncate(this.#kept);
      await this.#file.seek(0, Deno.SeekMode.Start);
      await this.#replay(replay);
      await this.#note(this.#kept);
    });
    return continues;
  }

  /** Resolves when all writes so far are done. */
  async settled(): Promise<void> {
    await this.#behind.flush();
    await this.#tail;
  }

  /** Queues the next chunk for writing; a returned promise asks for a pause. */
  write(chunk: Uint8Array): void | Promise<void> {
    return this.#behind.take(chunk);
  }

  #write(chunk: Uint8Array): Promise<void> {
    return this.#then(async () => {
      for (let at = 0; at < chunk.length;) at += await this.#file.write(chunk.subarray(at));
      this.#written += chunk.length;
      if (this.#written - this.#synced >= SYNC_EVERY_BYTES) await this.#sync();
    });
  }

  /** Syncs the complete file and gives it its name. */
  async finish(name: string): Promise<void> {
    await this.settled();
    await this.#then(async () => {
      await this.#file.sync();
      this.#close();
      await Deno.rename(`${this.#folder}/${PART}`, `${this.#folder}/${name}`);
      await Deno.remove(`${this.#folder}/${NOTE}`).catch(() => {});
    });
  }

  /** Marks the part as useless: `leave` removes it. */
  giveUp(): void {
    this.#isUseless = true;
  }

  /** Closes an incomplete file. The part is kept when its rest can be requested later. */
  async leave(): Promise<void> {
    if (this.#closed) return;
    await this.settled().catch(() => {});
    if (this.#validator !== undefined && this.#written > 0 && !this.#isUseless) {
      await this.#then(() => this.#sync()).catch(() => {});
      this.#close();
    } else await this.#discard();
  }

  /** Removes the part and its note, and the folder when it is empty. */
  async #discard(): Promise<void> {
    this.#close();
    for (const name of [PART, NOTE]) await Deno.remove(`${this.#folder}/${name}`).catch(() => {});
    await Deno.remove(this.#folder).catch(() => {});
  }

  async #replay(take: (chunk: Uint8Array) => void): Promise<void> {
    const buffer = new Uint8Array(READ_BYTES);
    for (let left = this.#kept; left > 0 && !this.#closed;) {
      const count = await this.#file.read(buffer.subarray(0, Math.min(left, READ_BYTES)));
      if (count === null) throw new Error("The saved part is shorter than its note says");
      take(buffer.subarray(0, count));
      left -= count;
    }
  }

  /** Runs steps one after the other. */
  #then(step: () => Promise<void>): Promise<void> {
    this.#tail = this.#tail.then(step).catch((error) => {
      this.#isUseless = true;
      throw error instanceof SaveError || error instanceof BodyError ? error : new SaveError(error);
    });
    this.#tail.catch(() => {}); // `settled` reports it.
    return this.#tail;
  }

  async #sync(): Promise<void> {
    await this.#file.syncData();
    this.#synced = this.#written;
    await this.#note(this.#written);
  }

  async #note(bytes: number): Promise<void> {
    const path = `${this.#folder}/${NOTE}`;
    if (this.#validator === undefined) return await Deno.remove(path).catch(() => {});
    const note: Note = { bytes, validator: this.#validator };
    await Deno.writeTextFile(`${path}.new`, JSON.stringify(note));
    await Deno.rename(`${path}.new`, path);
  }

  #close(): void {
    if (!this.#closed) this.#file.close();
    this.#closed = true;
  }
}

async function readNote(path: string): Promise<Note | undefined> {
  try {
    const { bytes, validator } = JSON.parse(await Deno.readTextFile(path));
    return Number.isSafeInteger(bytes) && bytes > 0 && typeof validator === "string"
      ? { bytes, validator }
      : undefined;
  } catch {
    return undefined;
  }
}

/** RFC 9110 §13.1.5: a weak tag does not identify bytes. */
function validatorOf({ etag, "last-modified": modified }: ResponseHead["headers"]) {
  return etag !== undefined && /^"[^"]*"$/.test(etag) ? etag : modified;
}

function rangeStart(contentRange: string | undefined): number | undefined {
  const [, start] = /^bytes (\d+)-\d+\/(?:\d+|\*)$/.exec(contentRange?.trim() ?? "") ?? [];
  return start === undefined ? undefined : Number(start);
}
