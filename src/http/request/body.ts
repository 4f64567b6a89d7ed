/**
 * Reads a request body within limits of size, depth and time.
 *
 * Deno's server has no such limits: a body that never ends would keep its
 * connection forever, and JSON nested a million levels deep would block the
 * event loop for seconds.
 *
 * @module
 */

import { decodeSteps, type HeldText, holdSteps } from "../../lib/json/held_text.ts";
import { visit } from "jsonc-parser";
import { isNestedDeeper } from "../../lib/json.ts";
import type { Clock } from "../../lib/clock.ts";
import { PartTooLarge } from "../../lib/json/json_parts.ts";
import { runInTurns, turn } from "../../lib/steps.ts";
import { bodyTextSteps, parseBodyText } from "../../task/input/body_text.ts";
import { Refusal } from "../problems.ts";
import { FREE_BYTES, type TakeBytes } from "./body_budget.ts";

/** A body that has been read. */
export interface JsonBody {
  /** The text as received, to which an `Idempotency-Key` is bound; with `held`, it has tokens. */
  readonly text: string;
  /** Its length as received, in bytes. */
  readonly size: number;
  /** The parsed value. */
  readonly value: unknown;
  /** The long texts that tokens in `text` and `value` stand for, if they were asked for and exist. */
  readonly held?: HeldText;
  /** Lets other large bodies be read: to be called once this one is stored or refused. */
  release(): void;
}

/** How a body is read. */
export interface ReadOptions {
  /** Whether long texts are held as bytes; see `JsonBody.held`. */
  readonly holdsTexts?: boolean;
  /** What a large body takes its memory from; without it, it does not wait. */
  readonly take?: TakeBytes;
}

/** Deepest nesting of arrays and objects. */
export const MAX_DEPTH = 64;

/** Between the response to a late body and the end of its connection, in milliseconds. */
const CLOSE_MS = 2_000;
/** Up to this length the runtime reads a body as text, in bytes. */
const SMALL_BYTES = 16_384;
/** Time in which a body has to arrive, in milliseconds. */
const DEADLINE_MS = 30_000;

const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json *(?:; *charset="?utf-?8"? *)?$/i;
const encoder = new TextEncoder();

/** Reads a JSON body of at most `limit` bytes. Throws a `Refusal`. */
export async function readJson(
  request: Request,
  limit: number,
  clock: Clock,
  { holdsTexts = false, take }: ReadOptions = {},
): Promise<JsonBody> {
  const { headers } = request;
  const type = headers.get("content-type");
  if (type !== "application/json" && !JSON_TYPE.test(type ?? "")) {
    throw new Refusal("unsupported_media_type", "Expected Content-Type: application/json");
  }
  // Not `has`, which makes a list of all headers.
  const encoding = headers.get("content-encoding");
  if (encoding !== null && encoding !== "identity") {
    throw new Refusal("unsupported_media_type", "Expected a body without Content-Encoding");
  }
  const length = headers.get("content-length");
  if (length !== null && Number(length) > limit) throw tooLarge(limit);
  if (length !== null && Number(length) <= SMALL_BYTES) {
    const { text, size } = await inTime(readSmall(request, Number(length)), clock);
    return { text, size, value: await parse(text), release: nothing };
  }
  const { bytes, release } = await readInTurn(request, limit, clock, take);
  try {
    const { text, held } = await decode(bytes, holdsTexts);
    const body = { text, size: bytes.length, value: await parse(text), release };
    return held ? { ...body, held } : body;
  } catch (error) {
    release();
    throw error;
  }
}

async function parse(text: string): Promise<unknown> {
  try {
    return text.length > MAX_PARSED_AT_ONCE
      ? await runInTurns(bodyTextSteps(text, PART_LIMITS), turn)
      : parseAtOnce(text);
  } catch (error) {
    if (error instanceof SyntaxError) throw new Refusal("malformed_json", syntaxErrorIn(text));
    if (error instanceof PartTooLarge) throw refuseBody(DETAILS[error.limit]);
    throw error;
  }
}

function nothing(): void {}

/** Longer texts are parsed part by part: `JSON.parse` of this many characters takes up to 20 ms. */
const MAX_PARSED_AT_ONCE = 2 ** 18;
/** The most values in a body: objects, arrays and what they hold. */
const MAX_VALUES = 250_000;

/** The most members of a body that is parsed in parts. */
const MAX_MEMBERS = 10_000;

/** The most fields of one object within such a body. */
const MAX_NAMES = 100_000;

const PART_LIMITS = {
  depth: MAX_DEPTH,
  values: MAX_VALUES,
  members: MAX_MEMBERS,
  names: MAX_NAMES,
};

const DETAILS = {
  depth: `Expected arrays and objects nested at most ${MAX_DEPTH} deep`,
  values: `Expected at most ${MAX_VALUES} values in one request`,
  members: `Expected at most ${MAX_MEMBERS} fields in one request`,
  names: `Expected at most ${MAX_NAMES} fields in one object`,
};

function refuseBody(detail: string): Refusal {
  return new Refusal("invalid", { detail, errors: [{ pointer: "", detail }] });
}

function parseAtOnce(text: string): unknown {
  if (isNestedDeeper(text, MAX_DEPTH)) throw refuseBody(DETAILS.depth);
  return parseBodyText(text);
}

const FORM_TYPE = /^(?:application\/x-www-form-urlencoded|multipart\/form-data) *(?:;|$)/i;

/**
 * Reads a form of at most `limit` bytes including its files, and what is to be called
 * once it is not needed any more. Throws a `Refusal`.
 */
export async function readForm(
  request: Request,
  limit: number,
  clock: Clock,
  take?: TakeBytes,
): Promise<{ readonly form: FormData; readonly release: () => void }> {
  const { headers } = request;
  if (!FORM_TYPE.test(headers.get("content-type") ?? "")) {
    throw new Refusal("unsupported_media_type", "Expected JSON or a form");
  }
  const length = headers.get("content-length");
  if (length === null) throw new Refusal("unsupported_media_type", "Expected a Content-Length");
  if (Number(length) > limit) throw tooLarge(limit);
  const release = await taking(Number(length), request, take);
  try {
    const whole = request.formData().catch(endedEarly);
    return { form: await inTime({ whole, leave() {} }, clock), release };
  } catch (error) {
    release();
    throw error;
  }
}

async function taking(bytes: number, { signal }: Request, take?: TakeBytes): Promise<() => void> {
  return take && bytes > FREE_BYTES ? await take(bytes, signal) : nothing;
}

/** Refuses a body of more than `limit` bytes. */
export function tooLarge(limit: number): Refusal {
  return new Refusal(
    "too_large",
    `Expected a body of at most ${limit} bytes (${limit / 2 ** 20} MiB)`,
  );
}

type ReadText = Pick<JsonBody, "text" | "size">;

/** A body that is being read. */
interface Reading<Whole> {
  /** Resolves with the whole body; rejects with a `Refusal`. */
  readonly whole: Promise<Whole>;
  /** Stops reading. */
  leave(): void;
}

/** A body that arrived with its headers is read after two microtasks; only others need a timer. */
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
    const closesAfter = new Promise<void>((resolve) => void clock.after(CLOSE_MS, resolve));
    late.reject(new Refusal("malformed_json", { detail, closesAfter }));
    leave();
  });
  try {
    return await Promise.race([whole, late.promise]);
  } finally {
    undo();
  }
}

/**
 * The server enforces Content-Length itself, and reads such a body twice as fast
 * as text. The price: one that stalls cannot be given up, so its connection stays
 * open as an idle one does.
 */
function readSmall(request: Request, size: number): Reading<ReadText> {
  const whole = request.text().then((text) => {
    // Invalid UTF-8 has been replaced, which changes the length.
    if (text.includes("\ufffd") && encoder.encode(text).length !== size) throw notUtf8();
    return { text, size };
  }, endedEarly);
  return { whole, leave() {} };
}

/** A longer body is never an empty one, in bytes. */
const EMPTY_BYTES = 64;

/** Refuses a body that says anything. Clients that always send JSON send `{}`. */
export async function requireNoBody(request: Request, clock: Clock): Promise<void> {
  const detail = "Expected no body: what this call takes goes into its path and query";
  const bytes = await readRaw(request, EMPTY_BYTES, clock).catch((error) => {
    throw error instanceof Refusal && error.code === "too_large" ? refuseBody(detail) : error;
  });
  if (!/^\s*(?:\{\s*\}\s*)?$/.test(new TextDecoder().decode(bytes))) throw refuseBody(detail);
}

/** Reads a body of at most `limit` bytes as bytes. Throws a `Refusal`. */
export async function readRaw(
  request: Request,
  limit: number,
  clock: Clock,
): Promise<Uint8Array<ArrayBuffer>> {
  const length = request.headers.get("content-length");
  if (length !== null && Number(length) > limit) throw tooLarge(limit);
  const body = new ByteReader(request, limit);
  await inTime(body.read(Infinity), clock);
  return body.bytes();
}

/** Reads a body once it has its share of the memory. The time of the wait is not the client's. */
async function readInTurn(
  request: Request,
  limit: number,
  clock: Clock,
  take?: TakeBytes,
): Promise<{ readonly bytes: Uint8Array<ArrayBuffer>; readonly release: () => void }> {
  const length = request.headers.get("content-length");
  let release = length === null ? nothing : await taking(Number(length), request, take);
  try {
    const body = new ByteReader(request, limit);
    if (length === null && take) {
      const free = Math.min(limit, FREE_BYTES);
      if (!await inTime(body.read(free), clock)) release = await taking(limit, request, take);
    }
    await inTime(body.read(Infinity), clock);
    return { bytes: body.bytes(), release };
  } catch (error) {
    release();
    throw error;
  }
}

async function decode(
  bytes: Uint8Array<ArrayBuffer>,
  holdsTexts: boolean,
): Promise<Pick<JsonBody, "text" | "held">> {
  try {
    if (!holdsTexts || bytes.length < MIN_HELD_BYTES) {
      return { text: await runInTurns(decodeSteps(bytes), turn) };
    }
    const held = await runInTurns(holdSteps(bytes), turn);
    return held.isEmpty ? { text: held.text } : { text: held.text, held };
  } catch {
    throw notUtf8();
  }
}

/** Memory for a body before any of it has arrived: a client may announce more than it sends. */
const FIRST_BYTES = 65_536;

/** A shorter body is read as one text, in bytes. */
const MIN_HELD_BYTES = FREE_BYTES;

/** Counts the bytes and stops beyond the limit. */
class ByteReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>> | undefined;
  readonly #expected: number;
  readonly #limit: number;
  // In one piece: chunks that are joined at the end take twice as much.
  #whole: Uint8Array<ArrayBuffer>;
  #size = 0;
  #isOver = false;

  constructor(request: Request, limit: number) {
    this.#reader = request.body?.getReader();
    this.#expected = Number(request.headers.get("content-length") ?? 0) || 0;
    this.#limit = limit;
    this.#whole = new Uint8Array(Math.min(FIRST_BYTES, this.#expected));
  }

  /** Reads until more than this many bytes have come; resolves with whether that is the whole. */
  read(until: number): Reading<boolean> {
    return { whole: this.#read(until), leave: () => this.#leave() };
  }

  /** What has been read. */
  bytes(): Uint8Array<ArrayBuffer> {
    return this.#size === this.#whole.length ? this.#whole : this.#whole.slice(0, this.#size);
  }

  async #read(until: number): Promise<boolean> {
    while (!this.#isOver && this.#size <= until) {
      const { done, value } = await this.#reader?.read().catch(endedEarly) ?? { done: true };
      if (done || !value) this.#isOver = true;
      else this.#add(value);
    }
    return this.#isOver;
  }

  #add(value: Uint8Array<ArrayBuffer>): void {
    const at = this.#size;
    this.#size += value.length;
    if (this.#size > this.#limit) {
      this.#leave();
      throw tooLarge(this.#limit);
    }
    if (this.#size > this.#whole.length) {
      const length = Math.max(2 * this.#size, Math.min(this.#limit, this.#expected));
      this.#whole = new Uint8Array(this.#whole.buffer.transfer(length));
    }
    this.#whole.set(value, at);
    if (value.buffer.byteLength === value.length) value.buffer.transfer(0);
  }

  #leave(): void {
    this.#reader?.cancel().catch(() => {});
  }
}

function notUtf8(): Refusal {
  return new Refusal("malformed_json", "Expected UTF-8");
}

function endedEarly(): never {
  throw new Refusal("malformed_json", "The request body ended early");
}

function syntaxErrorIn(text: string): string {
  // A longer text is not searched: that would delay other requests.
  if (text.length > MAX_PARSED_AT_ONCE) return "Expected JSON";
  const position = errorPosition(text);
  const before = text.slice(0, position);
  const line = before.split("\n").length;
  const column = position - before.lastIndexOf("\n");
  return `Expected JSON: syntax error at position ${position} (line ${line}, column ${column})`;
}

/**
 * Index of the first syntax error in a text that is not JSON; its length when it
 * ends too early. `JSON.parse` reports it only in words, and not always.
 */
export function errorPosition(text: string): number {
  let position = text.length;
  const stop = new Error("found");
  try {
    visit(text, {
      onError(_, offset) {
        position = offset;
        throw stop;
      },
    }, { disallowComments: true });
  } catch (error) {
    if (error !== stop) throw error;
  }
  return position;
}
