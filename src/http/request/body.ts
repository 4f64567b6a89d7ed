/**
 * Reads a JSON body within bounds of size, depth and time.
 *
 * The server has none of these bounds itself: a body that never ends would
 * keep its connection for ever, and one nested a million deep would stop the
 * event loop for seconds.
 *
 * @module
 */

import { isNestedDeeper } from "../../lib/json.ts";
import type { Clock } from "../../lib/clock.ts";
import { faultPosition } from "./json_position.ts";
import { Refusal } from "../problems.ts";

/** A body that has been read. */
export interface JsonBody {
  /** As it came: what an `Idempotency-Key` vouches for. */
  readonly text: string;
  /** In bytes. */
  readonly size: number;
  /** As `JSON.parse` makes it. */
  readonly value: unknown;
}

/** How deep arrays and objects may stand in each other. */
export const MAX_DEPTH = 64;

/** How long a body may take to arrive, in milliseconds. */
const DEADLINE_MS = 30_000;

const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json *(?:; *charset="?utf-?8"? *)?$/i;
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });
const encoder = new TextEncoder();

/** Reads a JSON body of at most `limit` bytes. Throws a `Refusal`. */
export async function readJson(request: Request, limit: number, clock: Clock): Promise<JsonBody> {
  const { headers } = request;
  const type = headers.get("content-type");
  if (type !== "application/json" && !JSON_TYPE.test(type ?? "")) {
    throw new Refusal("unsupported_media_type", "Expected Content-Type: application/json");
  }
  if (headers.has("content-encoding") && headers.get("content-encoding") !== "identity") {
    throw new Refusal("unsupported_media_type", "Expected a body without Content-Encoding");
  }
  const length = headers.get("content-length");
  if (length !== null && Number(length) > limit) throw tooLarge(limit);
  const { text, size } = length === null
    ? await inTime(readCounted(request, limit), clock)
    : await inTime(readAnnounced(request, Number(length)), clock);
  if (size > limit) throw tooLarge(limit);
  if (isNestedDeeper(text, MAX_DEPTH)) {
    const detail = `Expected arrays and objects nested at most ${MAX_DEPTH} deep`;
    throw new Refusal("invalid", { detail, errors: [{ pointer: "", detail }] });
  }
  try {
    return { text, size, value: JSON.parse(text) };
  } catch {
    throw new Refusal("malformed_json", `Expected JSON; it is broken at ${place(text)}`);
  }
}

const FORM_TYPE = /^(?:application\/x-www-form-urlencoded|multipart\/form-data) *(?:;|$)/i;

/** Reads a form of at most `limit` bytes, its files included. Throws a `Refusal`. */
export async function readForm(request: Request, limit: number, clock: Clock): Promise<FormData> {
  const { headers } = request;
  if (!FORM_TYPE.test(headers.get("content-type") ?? "")) {
    throw new Refusal("unsupported_media_type", "Expected JSON or a form");
  }
  const length = headers.get("content-length");
  if (length === null) throw new Refusal("unsupported_media_type", "Expected a Content-Length");
  if (Number(length) > limit) throw tooLarge(limit);
  return await inTime({ whole: request.formData().catch(brokenOff), leave() {} }, clock);
}

/** Says that a body is larger than `limit` bytes. */
export function tooLarge(limit: number): Refusal {
  return new Refusal(
    "too_large",
    `Expected a body of at most ${limit} bytes (${limit / 2 ** 20} MiB)`,
  );
}

/** A body as text. */
type ReadText = Pick<JsonBody, "text" | "size">;

/** What has been read of a body so far. */
interface Reading<Whole> {
  /** Resolves at its end; rejects with a `Refusal`. */
  readonly whole: Promise<Whole>;
  /** Gives it up. */
  leave(): void;
}

/** A body that came with its headers is there after two turns; only others are worth a timer. */
const TURNS = 8;

async function inTime<Whole>({ whole, leave }: Reading<Whole>, clock: Clock): Promise<Whole> {
  let isOver = false;
  const over = () => {
    isOver = true;
  };
  whole.then(over, over);
  for (let turn = 0; turn < TURNS && !isOver; turn++) await null;
  if (isOver) return await whole;
  const late = Promise.withResolvers<never>();
  const undo = clock.after(DEADLINE_MS, () => {
    const detail = `Expected the whole body within ${DEADLINE_MS / 1_000} seconds`;
    late.reject(new Refusal("malformed_json", { detail, headers: { connection: "close" } }));
    leave();
  });
  try {
    return await Promise.race([whole, late.promise]);
  } finally {
    undo();
  }
}

/** The server itself holds a body to its Content-Length, and reads it fastest as text. */
function readAnnounced(request: Request, size: number): Reading<ReadText> {
  const whole = request.text().then((text) => {
    // What is not UTF-8 has been replaced, and is then of another length.
    if (text.includes("\ufffd") && encoder.encode(text).length !== size) throw notUtf8();
    return { text, size };
  }, brokenOff);
  return { whole, leave() {} };
}

/** Reads a body of at most `limit` bytes as it is. Throws a `Refusal`. */
export async function readRaw(
  request: Request,
  limit: number,
  clock: Clock,
): Promise<Uint8Array<ArrayBuffer>> {
  const length = request.headers.get("content-length");
  if (length !== null && Number(length) > limit) throw tooLarge(limit);
  return await inTime(readBytes(request, limit), clock);
}

function readCounted(request: Request, limit: number): Reading<ReadText> {
  const { whole, leave } = readBytes(request, limit);
  return { whole: whole.then((bytes) => ({ text: decoded(bytes), size: bytes.length })), leave };
}

/** Counts as it reads, and stops beyond the limit. */
function readBytes(request: Request, limit: number): Reading<Uint8Array<ArrayBuffer>> {
  const reader = request.body?.getReader();
  const leave = () => {
    reader?.cancel().catch(() => {});
  };
  async function read() {
    const chunks: Uint8Array<ArrayBuffer>[] = [];
    let size = 0;
    for (;;) {
      const { done, value } = await reader?.read().catch(brokenOff) ?? { done: true };
      if (done || !value) return joined(chunks, size);
      size += value.length;
      if (size > limit) {
        leave();
        throw tooLarge(limit);
      }
      chunks.push(value);
    }
  }
  return { whole: read(), leave };
}

function decoded(bytes: Uint8Array<ArrayBuffer>): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw notUtf8();
  }
}

function notUtf8(): Refusal {
  return new Refusal("malformed_json", "Expected UTF-8");
}

function brokenOff(): never {
  throw new Refusal("malformed_json", "The body broke off");
}

function joined(chunks: Uint8Array<ArrayBuffer>[], length: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

function place(text: string): string {
  const position = faultPosition(text);
  const before = text.slice(0, position);
  const line = before.split("\n").length;
  const column = position - before.lastIndexOf("\n");
  return `position ${position} (line ${line}, column ${column})`;
}
