/**
 * Reads a JSON body within bounds of size, depth and time.
 *
 * The server has none of these bounds itself: a body that never ends would
 * keep its connection for ever, and one nested a million deep would stop the
 * event loop for seconds.
 *
 * @module
 */

import type { Clock } from "../lib/clock.ts";
import { faultPosition } from "./json_position.ts";
import { Refusal } from "./problems.ts";

/** A body that has been read. */
export interface JsonBody {
  /** As it came: what an `Idempotency-Key` vouches for. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** As `JSON.parse` makes it. */
  readonly value: unknown;
}

/** How deep arrays and objects may stand in each other. */
export const MOST_DEPTH = 64;

/** How long a body may take to arrive, in milliseconds. */
const DEADLINE_MS = 30_000;

const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json *(?:; *charset="?utf-?8"? *)?$/i;
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

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
  const bytes = await readBytes(request, length === null ? limit : undefined, clock);
  if (bytes.length > limit) throw tooLarge(limit);
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    throw new Refusal("malformed_json", "Expected UTF-8");
  }
  if (isTooDeep(text)) {
    const detail = `Expected arrays and objects nested at most ${MOST_DEPTH} deep`;
    throw new Refusal("invalid", { detail, errors: [{ pointer: "", detail }] });
  }
  try {
    return { bytes, value: JSON.parse(text) };
  } catch {
    throw new Refusal("malformed_json", `Expected JSON; it is broken at ${place(text)}`);
  }
}

/** Says that a body is larger than `limit` bytes. */
export function tooLarge(limit: number): Refusal {
  return new Refusal(
    "too_large",
    `Expected a body of at most ${limit} bytes (${limit / 2 ** 20} MiB)`,
  );
}

/** With a `limit`, counts as it reads; the server itself holds a body to its Content-Length. */
async function readBytes(
  request: Request,
  limit: number | undefined,
  clock: Clock,
): Promise<Uint8Array<ArrayBuffer>> {
  const late = Promise.withResolvers<never>();
  const undo = clock.after(DEADLINE_MS, () => {
    const detail = `Expected the whole body within ${DEADLINE_MS / 1_000} seconds`;
    late.reject(new Refusal("malformed_json", { detail, headers: { connection: "close" } }));
  });
  try {
    if (limit === undefined) return await Promise.race([request.bytes(), late.promise]);
    return await readCounted(request, limit, late.promise);
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal("malformed_json", "The body broke off");
  } finally {
    undo();
  }
}

async function readCounted(
  request: Request,
  limit: number,
  late: Promise<never>,
): Promise<Uint8Array<ArrayBuffer>> {
  const reader = request.body?.getReader();
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  try {
    for (;;) {
      const read = await Promise.race([reader?.read(), late]);
      if (!read || read.done) return joined(chunks, length);
      length += read.value.length;
      if (length > limit) throw tooLarge(limit);
      chunks.push(read.value);
    }
  } catch (error) {
    reader?.cancel(error).catch(() => {});
    throw error;
  }
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

/** Whether arrays and objects stand too deep in each other, by a scan that leaves strings out. */
function isTooDeep(text: string): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case 0x22: // "
        at = endOfString(text, at + 1);
        break;
      case 0x5b: // [
      case 0x7b: // {
        if (++depth > MOST_DEPTH) return true;
        break;
      case 0x5d: // ]
      case 0x7d: // }
        depth--;
    }
  }
  return false;
}

/** Where the string that began before `from` has its closing quote. */
function endOfString(text: string, from: number): number {
  let at = text.indexOf('"', from);
  for (;;) {
    if (at < 0) return text.length;
    let slashes = 0;
    while (at - 1 - slashes >= from && text.charCodeAt(at - 1 - slashes) === 0x5c) slashes++;
    if (slashes % 2 === 0) return at;
    at = text.indexOf('"', at + 1);
  }
}

function place(text: string): string {
  const position = faultPosition(text);
  const before = text.slice(0, position);
  const line = before.split("\n").length;
  const column = position - before.lastIndexOf("\n");
  return `position ${position} (line ${line}, column ${column})`;
}
