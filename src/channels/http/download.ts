/**
 * Saves a body as a file, and resumes a part that an earlier attempt left.
 *
 * Each task has a folder of its own. A record next to the part says how many bytes
 * are on disk and which representation they belong to: a later attempt requests
 * only the rest (RFC 9110 §14), and only of the same representation.
 *
 * @module
 */

import { type SavedLimit, SavedLimitError } from "./saved_limit.ts";
import { compact } from "../../lib/compact.ts";
import { BodyError } from "../compute/decoder.ts";
import type { ResponseHead } from "./exchange.ts";
import { WriteBehind } from "./write_behind.ts";

/** What is noted about a file that is not complete, so that it can be resumed. */
interface Note {
  /** Bytes that are on disk. */
  readonly bytes: number;
  /** A strong `ETag`, or a `Last-Modified`. */
  readonly validator: string;
  /** Bytes of the whole file, when the server has said so. */
  readonly total?: number;
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
  /** `storage_full` when the disk or the limit is full, else `storage_failed`. */
  readonly code: "storage_full" | "storage_failed";

  /** What the error says, if it is not about the disk itself. */
  readonly detail?: string;

  /** Wraps the system's error. */
  constructor(cause: unknown) {
    super("Cannot save the body", { cause });
    const { code } = cause as { code?: unknown };
    const isLimit = cause instanceof SavedLimitError;
    this.code = isLimit || code === "ENOSPC" || code === "EDQUOT"
      ? "storage_full"
      : "storage_failed";
    if (isLimit) this.detail = cause.message;
  }
}

/**
 * Opens the task's folder, which is created if needed. With `resume`, the part that an
 * earlier attempt left there is continued.
 */
export async function openDownload(
  root: string,
  task: string,
  { resume, limit }: { readonly resume: boolean; readonly limit?: SavedLimit | undefined },
): Promise<Download> {
  const folder = `${root}/${task}`;
  try {
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    const note = resume ? await readNote(`${folder}/${NOTE}`) : undefined;
    const path = `${folder}/${PART}`;
    const file = await Deno.open(path, {
      read: true,
      write: true,
      create: true,
      mode: 0o600,
    });
    const { size } = await file.stat();
    const kept = note && size >= note.bytes ? note : undefined;
    return new Download(root, task, { file, resume, kept, limit });
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
  readonly #limit: SavedLimit | undefined;
  readonly #mayResume: boolean;
  #validator: string | undefined;
  #total: number | undefined;
  /** Bytes of the earlier part that are still valid. */
  #kept: number;
  #written: number;
  #synced: number;
  readonly #behind = new WriteBehind((bytes) => this.#write(bytes));
  #tail: Promise<void> = Promise.resolve();
  #isContinued = false;
  #isUseless = false;
  #closed = false;

  constructor(
    root: string,
    folder: string,
    { file, resume, kept, limit }: {
      readonly file: Deno.FsFile;
      readonly resume: boolean;
      readonly kept: Note | undefined;
      readonly limit: SavedLimit | undefined;
    },
  ) {
    this.folder = folder;
    this.#folder = `${root}/${folder}`;
    this.#file = file;
    this.#limit = limit;
    this.#mayResume = resume;
    this.#kept = this.#written = this.#synced = kept?.bytes ?? 0;
    this.#validator = kept?.validator;
    this.#total = kept?.total;
  }

  /** Headers that request the rest. An encoded body could not be resumed, so none is requested. */
  get headers(): Record<string, string> {
    return {
      "accept-encoding": "identity",
      ...(this.#validator === undefined || this.#kept === 0
        ? {}
        : { range: `bytes=${this.#kept}-`, "if-range": this.#validator }),
    };
  }

  /** Bytes before those that the current request brings. */
  get kept(): number {
    return this.#kept;
  }

  /** Bytes of the whole file, when the server has said so. */
  get total(): number | undefined {
    return this.#total;
  }

  /**
   * Returns whether the response continues where the part ends; `replay` then gets the
   * saved bytes before any new chunk is written. Any other complete response starts the
   * file over. Throws a `BodyError` for a part of a file that cannot be continued.
   */
  begin({ status, headers }: ResponseHead, replay: (chunk: Uint8Array) => void): boolean {
    const range = contentRangeOf(headers);
    const isRequested = this.#validator !== undefined && this.#kept > 0;
    const continues = status === 206 && isRequested;
    if (continues) {
      const detail = this.#mismatch(range, headers);
      if (detail !== undefined) throw this.#refused(detail);
      this.#total ??= range?.total;
      // The file is at its end already, and the bytes before were taken.
      if (this.#isContinued) return true;
    } else {
      if (this.#mayResume && (status === 206 || range) && !isWhole(range)) {
        throw this.#refused(`The server answered ${status} with a part of the file`);
      }
      this.#kept = this.#written = this.#synced = 0;
      this.#isContinued = false;
      this.#total = lengthOf(headers);
      this.#validator = this.#mayResume ? validatorOf(headers) : undefined;
    }
    this.#then(async () => {
      await this.#file.truncate(this.#kept);
      await this.#file.seek(0, Deno.SeekMode.Start);
      await this.#replay(replay);
      await this.#note(this.#kept);
    });
    return continues;
  }

  /** Whether the server sent less than the rest, so that the remainder has to be requested. */
  async isPartial(): Promise<boolean> {
    await this.settled();
    if (this.#validator === undefined || this.#total === undefined) return false;
    if (this.#written <= this.#kept || this.#written >= this.#total) return false;
    this.#kept = this.#written;
    this.#isContinued = true;
    return true;
  }

  /** Why a 206 does not continue the part; `undefined` when it does. */
  #mismatch(range: ContentRange | undefined, headers: ResponseHead["headers"]): string | undefined {
    const { etag, "last-modified": modified } = headers;
    const validator = this.#validator?.startsWith('"') ? etag : modified ?? this.#validator;
    if (validator !== this.#validator) return "The server sent a part of another version";
    if (range?.start !== this.#kept) return "The server sent another range than the one requested";
    if (isEncoded(headers)) return "The server sent an encoded part of the file";
    const total = this.#total ?? range.total;
    if (total === undefined) return "The server does not say how long the file is";
    if (range.end >= total || (range.total ?? total) !== total) {
      return "The server sent a part of a file of another length";
    }
    return undefined;
  }

  #refused(detail: string): BodyError {
    this.giveUp();
    return new BodyError("bad_response", `${detail}; the next attempt starts over`);
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
      await this.#limit?.take(chunk.length);
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
      if (count === null) throw new Error("The saved part is shorter than its record says");
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
    const note: Note = compact({ bytes, validator: this.#validator, total: this.#total });
    await Deno.writeTextFile(`${path}.new`, JSON.stringify(note), { mode: 0o600 });
    await Deno.rename(`${path}.new`, path);
  }

  #close(): void {
    if (!this.#closed) this.#file.close();
    this.#closed = true;
  }
}

async function readNote(path: string): Promise<Note | undefined> {
  try {
    const { bytes, validator, total } = JSON.parse(await Deno.readTextFile(path));
    return Number.isSafeInteger(bytes) && bytes > 0 && typeof validator === "string"
      ? { bytes, validator, ...(Number.isSafeInteger(total) ? { total } : {}) }
      : undefined;
  } catch {
    return undefined;
  }
}

/** What identifies the bytes of a response, if anything does. */
function validatorOf(headers: ResponseHead["headers"]): string | undefined {
  if (isEncoded(headers) || headers["accept-ranges"] === "none") return undefined;
  const { etag, "last-modified": modified, date } = headers;
  // RFC 9110 §13.1.5: a weak tag does not identify bytes.
  if (etag !== undefined && /^"[^"]*"$/.test(etag)) return etag;
  // RFC 9110 §8.8.2.2: within a second of its change, a file may change again unnoticed.
  const ageMs = Date.parse(date ?? "") - Date.parse(modified ?? "");
  return ageMs >= 1_000 ? modified : undefined;
}

function isEncoded({ "content-encoding": coding = "identity" }: ResponseHead["headers"]): boolean {
  return coding !== "identity";
}

function lengthOf(headers: ResponseHead["headers"]): number | undefined {
  const length = headers["content-length"];
  return length === undefined || isEncoded(headers) ? undefined : Number(length);
}

/** Bytes `start` to `end`, both included. */
export interface ContentRange {
  /** From 0. */
  readonly start: number;
  /** The last one. */
  readonly end: number;
  /** Bytes of the whole representation, when it is known. */
  readonly total?: number;
}

/** Reads `Content-Range` (RFC 9110 §14.4); `undefined` when it is absent or not valid. */
export function contentRangeOf(headers: ResponseHead["headers"]): ContentRange | undefined {
  const [, start, end, total] =
    /^bytes (\d+)-(\d+)\/(\d+|\*)$/i.exec(headers["content-range"]?.trim() ?? "") ?? [];
  if (start === undefined || Number(end) < Number(start)) return undefined;
  return {
    start: Number(start),
    end: Number(end),
    ...(total === "*" ? {} : { total: Number(total) }),
  };
}

/** Whether a range covers the whole file. */
export function isWhole(range: ContentRange | undefined): boolean {
  return range?.start === 0 && range.total === range.end + 1;
}
