/**
 * A body on its way into a file, and the part of it that an attempt leaves to
 * the next.
 *
 * Each task has a folder of its own. Beside the part stands a note that tells
 * how much of it is safe and whose it is: a later attempt asks for the rest
 * (RFC 9110 §14), and only of the very same representation.
 *
 * @module
 */

import { BodyError } from "./body.ts";
import type { ResponseHead } from "./exchange.ts";
import { WriteBehind } from "./write_behind.ts";

/** What is known of a part. */
interface Note {
  /** Bytes that are on the disk. */
  readonly bytes: number;
  /** A strong `ETag`, or a `Last-Modified`. */
  readonly validator: string;
}

/** Written through to the disk every so many bytes: so much is lost at most in a crash. */
const SAFE_EVERY_BYTES = 64 * 2 ** 20;
/** Read at once when what is there is measured. */
const READ_BYTES = 1_048_576;
const PART = ".part";
const NOTE = ".part.json";

/** The file cannot be written. */
export class SaveError extends Error {
  /** `SaveError`. */
  override name = "SaveError";
  /** The disk is full, or nothing may be written there. */
  readonly code: "storage_full" | "storage_failed";

  /** Wraps what the system said. */
  constructor(cause: unknown) {
    super("Cannot save the body", { cause });
    const { code } = cause as { code?: unknown };
    this.code = code === "ENOSPC" || code === "EDQUOT" ? "storage_full" : "storage_failed";
  }
}

/** Opens what an earlier attempt has left in the folder of a task, which is made when it is not there. */
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

/** One attempt at a file. */
export class Download {
  /** The task's own, beneath that of all downloads: a bare name. */
  readonly folder: string;
  readonly #folder: string;
  readonly #file: Deno.FsFile;
  #validator: string | undefined;
  /** Bytes that are there and still hold. */
  #kept: number;
  #written: number;
  #safe: number;
  readonly #behind = new WriteBehind((bytes) => this.#write(bytes));
  #tail: Promise<void> = Promise.resolve();
  #given = false;
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
    this.#kept = this.#written = this.#safe = kept;
    this.#validator = validator;
  }

  /** What asks the server for the rest; a body that is decoded on the way cannot be gone on with. */
  get headers(): Record<string, string> {
    return {
      "accept-encoding": "identity",
      ...(this.#validator === undefined
        ? {}
        : { range: `bytes=${this.#kept}-`, "if-range": this.#validator }),
    };
  }

  /** How much was there before this attempt, and still holds. */
  get kept(): number {
    return this.#kept;
  }

  /**
   * Whether the answer goes on where the part ends; `review` is then given what
   * is there, which comes before any piece that is written. Any other answer
   * begins anew: the part is given up.
   */
  begin({ status, headers }: ResponseHead, review: (piece: Uint8Array) => void): boolean {
    const goesOn = status === 206 && this.#kept > 0 &&
      rangeStart(headers["content-range"]) === this.#kept;
    if (!goesOn) this.#kept = this.#written = this.#safe = 0;
    this.#validator = headers["content-encoding"] === undefined ? validatorOf(headers) : undefined;
    this.#then(async () => {
      await this.#file.truncate(this.#kept);
      await this.#file.seek(0, Deno.SeekMode.Start);
      await this.#review(review);
      await this.#note(this.#kept);
    });
    return goesOn;
  }

  /** Resolves when all that was asked for so far is done. */
  async settled(): Promise<void> {
    await this.#behind.flush();
    await this.#tail;
  }

  /** Takes the next piece, to be written in its turn; a promise asks for a pause. */
  write(piece: Uint8Array): void | Promise<void> {
    return this.#behind.take(piece);
  }

  #write(piece: Uint8Array): Promise<void> {
    return this.#then(async () => {
      for (let at = 0; at < piece.length;) at += await this.#file.write(piece.subarray(at));
      this.#written += piece.length;
      if (this.#written - this.#safe >= SAFE_EVERY_BYTES) await this.#secure();
    });
  }

  /** Gives the whole file its name. */
  async finish(name: string): Promise<void> {
    await this.settled();
    await this.#then(async () => {
      await this.#file.sync();
      this.#close();
      await Deno.rename(`${this.#folder}/${PART}`, `${this.#folder}/${name}`);
      await Deno.remove(`${this.#folder}/${NOTE}`).catch(() => {});
    });
  }

  /** What is there is of no use: it goes at the end. */
  giveUp(): void {
    this.#given = true;
  }

  /** Ends without a whole file: the part is kept, if the rest of it can be asked for. */
  async leave(): Promise<void> {
    if (this.#closed) return;
    await this.settled().catch(() => {});
    if (this.#validator !== undefined && this.#written > 0 && !this.#given) {
      await this.#then(() => this.#secure()).catch(() => {});
      this.#close();
    } else await this.#discard();
  }

  /** Ends with nothing: the folder goes when it is empty. */
  async #discard(): Promise<void> {
    this.#close();
    for (const name of [PART, NOTE]) await Deno.remove(`${this.#folder}/${name}`).catch(() => {});
    await Deno.remove(this.#folder).catch(() => {});
  }

  async #review(take: (piece: Uint8Array) => void): Promise<void> {
    const buffer = new Uint8Array(READ_BYTES);
    for (let left = this.#kept; left > 0 && !this.#closed;) {
      const count = await this.#file.read(buffer.subarray(0, Math.min(left, READ_BYTES)));
      if (count === null) throw new Error("The part is shorter than it was");
      take(buffer.subarray(0, count));
      left -= count;
    }
  }

  /** One step after the other, in the order in which they were asked for. */
  #then(step: () => Promise<void>): Promise<void> {
    this.#tail = this.#tail.then(step).catch((error) => {
      this.#given = true;
      throw error instanceof SaveError || error instanceof BodyError ? error : new SaveError(error);
    });
    this.#tail.catch(() => {}); // Whoever waits for it hears of it.
    return this.#tail;
  }

  async #secure(): Promise<void> {
    await this.#file.syncData();
    this.#safe = this.#written;
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

/** RFC 9110 §13.1.5: a weak tag says nothing about bytes. */
function validatorOf({ etag, "last-modified": modified }: ResponseHead["headers"]) {
  return etag !== undefined && /^"[^"]*"$/.test(etag) ? etag : modified;
}

function rangeStart(contentRange: string | undefined): number | undefined {
  const [, start] = /^bytes (\d+)-\d+\/(?:\d+|\*)$/.exec(contentRange?.trim() ?? "") ?? [];
  return start === undefined ? undefined : Number(start);
}
