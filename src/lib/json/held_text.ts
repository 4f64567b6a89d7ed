/**
 * Long base64 texts of a JSON text, kept as bytes while the rest is handled as
 * text.
 *
 * A file of 23 MiB is 31 MiB of base64. As part of a text it would be copied by
 * each step that parses the text, writes it or passes it on. Here it is taken
 * out of the bytes before they are decoded; a short token stands in its place,
 * and the whole is put together again as bytes.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { joinBytes } from "../bytes.ts";
import type { JsonText } from "../json.ts";
import { runAtOnce, type Steps } from "../steps.ts";

/** A JSON text with tokens in the place of its long base64 texts. */
export interface HeldText {
  /** The text with its tokens. */
  readonly text: string;
  /** Whether it has no long texts. */
  readonly isEmpty: boolean;
  /** Puts the long texts back where JSON has tokens: as bytes when it has any. */
  restore(json: JsonText): JsonText;
  /** Puts them back in a text, in steps. */
  restoreSteps(text: string): Steps<string>;
  /** The text with digests in place of its long texts: the same for the same JSON text. */
  fingerprint(): string;
  /** Frees the memory of the long texts, once all that is needed has been restored. */
  release(): void;
  /** The long text of a token; `undefined` when this is no token of this text. */
  bytesOf(token: string): Uint8Array<ArrayBuffer> | undefined;
}

/** Shorter texts stay where they are, in bytes. */
const MIN_HELD = 65_536;
/** The member whose texts are taken out. */
const MEMBER = new TextEncoder().encode('"content"');
/** Bytes that one step looks at or decodes. */
const STEP_BYTES = 2 ** 20;
/** What decoding these bytes costs, in about microseconds. */
const DECODE_COST = 3_500;
/** What checking these bytes costs. */
const CHECK_COST = 1_500;
/** What searching these bytes costs. */
const SEARCH_COST = 500;
/** What a member of that name costs. */
const MEMBER_COST = 1;
/** The most white space between a name and its value. */
const MAX_BLANKS = 64;
const QUOTE = 0x22;
const COLON = 0x3a;
const PADDING = 0x3d;
const BACKSLASH = 0x5c;

/** Only this thread knows it, so a caller cannot write a token. */
const NONCE = crypto.randomUUID();
const PREFIX = `held:${NONCE}:`;
const TOKEN = new RegExp(`${PREFIX}(\\d+):(\\d+):([012])`);
const WHOLE_TOKEN = new RegExp(`^${TOKEN.source}$`);

/** A token that this thread has made: what it stands for, in characters of base64. */
export function heldBase64(text: string): { length: number; padding: number } | undefined {
  return text.startsWith(PREFIX) ? storedBase64(text) : undefined;
}

const ANY_TOKEN = /^held:[\da-f-]{36}:(\d+):(\d+):([012])$/;

/** As `heldBase64`, for a token that any thread has made of stored JSON. */
export function storedBase64(text: string): { length: number; padding: number } | undefined {
  if (!text.startsWith("held:")) return undefined;
  const [, , length, padding] = ANY_TOKEN.exec(text) ?? [];
  return length === undefined ? undefined : { length: Number(length), padding: Number(padding) };
}

/**
 * Takes the long texts out of a body that is not checked yet, in steps. Throws a
 * `TypeError` when it is not UTF-8.
 */
export function* holdSteps(bytes: Uint8Array<ArrayBuffer>): Steps<HeldText> {
  const held: LongText[] = [];
  for (const text of yield* longTexts(bytes)) {
    if (yield* isBase64Text(bytes.subarray(text.start, text.end))) held.push(text);
  }
  return yield* hold(bytes, held);
}

/** The text of stored JSON, with tokens in the place of its long texts. */
export function readJsonText(json: JsonText): HeldText {
  if (typeof json === "string") return new Held(json, []);
  return runAtOnce(hold(json, runAtOnce(longTexts(json))));
}

/** The whole text, long texts included. */
export function textOfJson(json: JsonText): string {
  return typeof json === "string" ? json : new TextDecoder().decode(json);
}

interface LongText {
  readonly start: number;
  readonly end: number;
}

/** Decodes UTF-8 in steps. Throws a `TypeError` when it is not UTF-8. */
export function* decodeSteps(bytes: Uint8Array<ArrayBuffer>): Steps<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  for (let at = 0; at < bytes.length; at += STEP_BYTES) {
    const part = bytes.subarray(at, at + STEP_BYTES);
    text += decoder.decode(part, { stream: true });
    yield (part.length / STEP_BYTES) * DECODE_COST;
  }
  return text + decoder.decode();
}

function* hold(bytes: Uint8Array<ArrayBuffer>, texts: readonly LongText[]): Steps<HeldText> {
  const held: Uint8Array<ArrayBuffer>[] = [];
  let text = "";
  let from = 0;
  for (const { start, end } of texts) {
    const value = bytes.subarray(start, end);
    text += `${yield* decodeSteps(bytes.subarray(from, start))}${PREFIX}`;
    text += `${held.length}:${value.length}:${paddingOf(value)}`;
    held.push(value);
    from = end;
  }
  return new Held(text + (yield* decodeSteps(bytes.subarray(from))), held);
}

/** The long texts without escapes that are values of the member, in their order. */
function* longTexts(bytes: Uint8Array<ArrayBuffer>): Steps<LongText[]> {
  const found: LongText[] = [];
  for (let at = 0; at < bytes.length;) {
    const until = at + STEP_BYTES;
    const member = memberFrom(bytes, at, until);
    if (member < 0) {
      at = until;
      yield SEARCH_COST;
      continue;
    }
    yield MEMBER_COST + ((member - at) / STEP_BYTES) * SEARCH_COST;
    at = startOfValue(bytes, member + MEMBER.length);
    if (bytes[at] !== QUOTE) continue;
    const start = at + 1;
    const end = bytes.indexOf(QUOTE, start);
    if (end < 0) break;
    at = end + 1;
    if (end - start < MIN_HELD || bytes.subarray(start, end).includes(BACKSLASH)) continue;
    found.push({ start, end });
  }
  return found;
}

/** How far a search may go on when a byte is the last one of the member's length (Horspool). */
const SKIP = new Uint8Array(256).fill(MEMBER.length);
MEMBER.subarray(0, -1).forEach((byte, index) => SKIP[byte] = MEMBER.length - 1 - index);

/** Where the member's name begins next, before `until`; -1 when it does not occur. */
function memberFrom(bytes: Uint8Array, from: number, until: number): number {
  const last = MEMBER.length - 1;
  const end = Math.min(until, bytes.length - last);
  for (let at = from; at < end; at += SKIP[bytes[at + last]!]!) {
    if (bytes[at + last] === QUOTE && isMemberAt(bytes, at)) return at;
  }
  return -1;
}

function isMemberAt(bytes: Uint8Array, at: number): boolean {
  for (let index = 0; index < MEMBER.length; index++) {
    if (bytes[at + index] !== MEMBER[index]) return false;
  }
  return true;
}

function startOfValue(bytes: Uint8Array, at: number): number {
  at = afterBlanks(bytes, at);
  return bytes[at] === COLON ? afterBlanks(bytes, at + 1) : at;
}

function afterBlanks(bytes: Uint8Array, at: number): number {
  const end = at + MAX_BLANKS;
  while (at < end && [0x20, 0x09, 0x0a, 0x0d].includes(bytes[at] ?? 0)) at++;
  return at;
}

function paddingOf(text: Uint8Array): number {
  return text.at(-2) === PADDING ? 2 : text.at(-1) === PADDING ? 1 : 0;
}

function* isBase64Text(text: Uint8Array): Steps<boolean> {
  if (text.length % 4 !== 0) return false;
  const end = text.length - paddingOf(text);
  for (let at = 0; at < end; at += STEP_BYTES) {
    const until = Math.min(end, at + STEP_BYTES);
    for (let i = at; i < until; i++) if (IS_BASE64[text[i] ?? 0] !== 1) return false;
    yield ((until - at) / STEP_BYTES) * CHECK_COST;
  }
  return true;
}

const IS_BASE64 = new Uint8Array(256);
for (const letter of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
  IS_BASE64[letter.charCodeAt(0)] = 1;
}

class Held implements HeldText {
  readonly text: string;
  readonly isEmpty: boolean;
  readonly #held: readonly Uint8Array<ArrayBuffer>[];

  constructor(text: string, held: readonly Uint8Array<ArrayBuffer>[]) {
    this.text = text;
    this.isEmpty = held.length === 0;
    this.#held = held;
  }

  restore(json: JsonText): JsonText {
    if (this.#held.length === 0) return json;
    const text = textOfJson(json);
    if (!text.includes(PREFIX)) return text;
    const encoder = new TextEncoder();
    const parts: Uint8Array[] = [];
    let from = 0;
    for (const token of text.matchAll(new RegExp(TOKEN, "g"))) {
      parts.push(encoder.encode(text.slice(from, token.index)), this.#held[Number(token[1])]!);
      from = token.index + token[0].length;
    }
    parts.push(encoder.encode(text.slice(from)));
    return joinBytes(parts);
  }

  *restoreSteps(text: string): Steps<string> {
    if (this.#held.length === 0 || !text.includes(PREFIX)) return text;
    let whole = "";
    let from = 0;
    for (const token of text.matchAll(new RegExp(TOKEN, "g"))) {
      whole += text.slice(from, token.index) + (yield* decodeSteps(this.#held[Number(token[1])]!));
      from = token.index + token[0].length;
    }
    return whole + text.slice(from);
  }

  fingerprint(): string {
    return this.text.replace(new RegExp(TOKEN, "g"), (_, index) => {
      const bytes = this.#held[Number(index)] ?? new Uint8Array();
      return createHash("sha256").update(bytes).digest("hex");
    });
  }

  release(): void {
    const [first] = this.#held;
    if (first && first.length > 0) first.buffer.transfer(0);
  }

  bytesOf(token: string): Uint8Array<ArrayBuffer> | undefined {
    const [, index] = token.startsWith(PREFIX) ? WHOLE_TOKEN.exec(token) ?? [] : [];
    return index === undefined ? undefined : this.#held[Number(index)];
  }
}
