/**
 * Reads the responses of an HTTP/1.1 connection (RFC 9112), one after another.
 *
 * It is strict where two readers could see different ends of a response: what is ambiguous is
 * refused, never repaired.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { HttpFault, isField, MAX_HEADER_BYTES, type RawHeaders } from "../upstream.ts";

/** Gets what was read. */
export interface ReaderListener {
  /** A head: its status, which is interim below 200, and its headers. */
  takeHead(status: number, headers: RawHeaders): void;
  /** The next bytes of the body. */
  takeData(chunk: Buffer): void;
}

/** What comes next on the connection. */
type State = "head" | "length" | "close" | "size" | "chunk" | "chunkEnd" | "trailers" | "done";

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/;
/** Its beginning, however short. */
const STATUS_START =
  /^(?:H|HT|HTT|HTTP|HTTP\/|HTTP\/1|HTTP\/1\.|HTTP\/1\.[01](?: (?:[1-9]\d?|[1-9]\d\d(?: [^\n]*)?)?)?)$/;
/** Fifteen digits are exact in a number. */
const LENGTH = /^\d{1,15}$/;
/** A size of at most 52 bits, and extensions, which are ignored (RFC 9112 §7.1.1). */
const CHUNK_SIZE =
  /^([0-9a-f]{1,13})(?:[\t ]*;[\t ]*[!#$%&'*+.^_`|~0-9a-z-][\t\x20-\x7e\x80-\xff]*)?$/i;
const MAX_CHUNK_LINE = 1_024;
/** Bytes of a piece in which the end of a head is looked for first. */
const SHORT_HEAD = 2_048;
/** RFC 9112 §6.3: these end with a framing that trailers must not change. */
const FRAMING = new Set(["content-length", "transfer-encoding"]);

/** Reads the responses of one connection. */
export class ResponseReader {
  readonly #listener: ReaderListener;
  #state: State = "done";
  #method = "";
  /** Bytes of a head that is not complete. */
  #rest: Buffer | undefined;
  /** A line of a chunked body that is not complete. */
  #line = "";
  #trailerBytes = 0;
  /** Bytes that are left of the body or of the chunk. */
  #left = 0;
  #keepAliveMs: number | undefined;

  /** Starts without a request: any byte is one too many. */
  constructor(listener: ReaderListener) {
    this.#listener = listener;
  }

  /** A request was sent: its response comes next. */
  expect(method: string): void {
    this.#state = "head";
    this.#method = method;
    this.#keepAliveMs = undefined;
  }

  /** Whether the response is complete. */
  get isDone(): boolean {
    return this.#state === "done";
  }

  /** How long the connection may wait for the next request; 0 when it takes no more. */
  get keepAliveMs(): number {
    return this.#keepAliveMs ?? 0;
  }

  /** Takes the next bytes until the response is complete; returns how many that were. Throws an `HttpFault`. */
  take(piece: Buffer): number {
    let at = 0;
    while (at < piece.length && this.#state !== "done") at = this.#step(piece, at);
    return at;
  }

  /** The connection has ended; throws an `HttpFault` when the response is not complete. */
  finish(): void {
    if (this.#state === "close") this.#state = "done";
    if (this.#state === "done") return;
    // An end that the server announced is its own mistake.
    if (this.#keepAliveMs === 0) throw broken("The body is not complete");
    throw new HttpFault("connection_reset", "The connection was lost");
  }

  /** Takes what the state asks for, from `at`; returns where the rest begins. */
  #step(piece: Buffer, at: number): number {
    switch (this.#state) {
      case "head":
        return this.#takeHead(piece, at);
      case "length":
      case "chunk": {
        const end = Math.min(piece.length, at + this.#left);
        this.#left -= end - at;
        const isLast = this.#left === 0;
        // First, so that the listener can tell whether more comes.
        if (isLast) this.#state = this.#state === "length" ? "done" : "chunkEnd";
        this.#listener.takeData(at === 0 && end === piece.length ? piece : piece.subarray(at, end));
        return end;
      }
      case "close":
        this.#listener.takeData(at === 0 ? piece : piece.subarray(at));
        return piece.length;
      default:
        return this.#takeLine(piece, at);
    }
  }

  #takeHead(piece: Buffer, from: number): number {
    const before = this.#rest?.length ?? 0;
    const bytes = this.#rest ? Buffer.concat([this.#rest, piece.subarray(from)]) : piece;
    const start = this.#rest ? 0 : from;
    const most = Math.min(bytes.length, start + MAX_HEADER_BYTES);
    let text = bytes.toString("latin1", start, Math.min(most, start + SHORT_HEAD));
    let end = text.indexOf("\r\n\r\n", Math.max(0, before - 3));
    if (end < 0 && start + SHORT_HEAD < most) {
      text = bytes.toString("latin1", start, most);
      end = text.indexOf("\r\n\r\n", Math.max(0, before - 3));
    }
    if (end < 0) {
      checkStart(text);
      if (bytes.length - start >= MAX_HEADER_BYTES) throw broken("The headers are too long");
      this.#rest = Buffer.from(bytes.subarray(start));
      return piece.length;
    }
    this.#rest = undefined;
    this.#readHead(text.slice(0, end));
    return from + end + 4 - before;
  }

  #readHead(text: string): void {
    let at = text.indexOf("\r\n");
    if (at < 0) at = text.length;
    const [, minor, digits] = STATUS_LINE.exec(text.slice(0, at)) ?? [];
    if (digits === undefined) throw broken("The status line is malformed");
    const headers: string[] = [];
    while (at < text.length) {
      const start = at + 2;
      at = text.indexOf("\r\n", start);
      if (at < 0) at = text.length;
      takeField(headers, text.slice(start, at));
    }
    const status = Number(digits);
    if (status >= 200) this.#frame(status, headers, minor === "1");
    this.#listener.takeHead(status, headers);
  }

  /** Decides how the body ends (RFC 9112 §6.3), and whether another response may follow. */
  #frame(status: number, headers: RawHeaders, isNew: boolean): void {
    const length = valueOf(headers, "content-length");
    const codings = valueOf(headers, "transfer-encoding");
    if (length !== undefined && !LENGTH.test(length)) {
      throw broken("The Content-Length is not one number");
    }
    if (length !== undefined && codings !== undefined) {
      throw broken("The response has a Content-Length and a Transfer-Encoding");
    }
    const isChunked = codings !== undefined && endsWithChunked(codings);
    const isEmpty = status === 204 || status === 304;
    this.#keepAliveMs = keepAliveMsOf(headers, isNew);
    if (this.#method === "HEAD" || isEmpty) {
      this.#state = "done";
      // A server that announces a body may send it.
      if (this.#method === "HEAD" || codings !== undefined || Number(length ?? 0) > 0) {
        this.#keepAliveMs = 0;
      }
    } else if (isChunked) {
      this.#state = "size";
      this.#trailerBytes = 0;
      // RFC 9112 §6.1: an old server that sends chunks may not know what they are.
      if (!isNew) this.#keepAliveMs = 0;
    } else if (length !== undefined) {
      this.#left = Number(length);
      this.#state = this.#left === 0 ? "done" : "length";
    } else {
      this.#state = "close";
      this.#keepAliveMs = 0;
    }
  }

  /** Takes a line of a chunked body, or its beginning. */
  #takeLine(piece: Buffer, at: number): number {
    const end = piece.indexOf(LF, at);
    const isWhole = end >= 0;
    const line = this.#line + piece.toString("latin1", at, isWhole ? end + 1 : piece.length);
    const most = this.#state === "trailers" ? MAX_HEADER_BYTES : MAX_CHUNK_LINE;
    if (line.length > most) throw broken("A line of the chunked body is too long");
    if (this.#state === "chunkEnd" && !"\r\n".startsWith(line)) {
      throw broken("A chunk is longer than its size");
    }
    this.#line = isWhole ? "" : line;
    if (!isWhole) return piece.length;
    if (!line.endsWith("\r\n")) throw broken("A line of the chunked body does not end with CRLF");
    this.#readLine(line.slice(0, -2));
    return end + 1;
  }

  #readLine(line: string): void {
    if (this.#state === "chunkEnd") this.#state = "size";
    else if (this.#state === "size") {
      const [, size] = CHUNK_SIZE.exec(line) ?? [];
      if (size === undefined) throw broken("The size of a chunk is not a number");
      this.#left = parseInt(size, 16);
      this.#state = this.#left === 0 ? "trailers" : "chunk";
    } else if (line === "") this.#state = "done";
    else {
      this.#trailerBytes += line.length;
      if (this.#trailerBytes > MAX_HEADER_BYTES) throw broken("The trailers are too long");
      const trailer: string[] = [];
      takeField(trailer, line);
      if (FRAMING.has(trailer[0] ?? "")) throw broken("A trailer changes the length of the body");
    }
  }
}

const [LF, SPACE, TAB] = [0x0a, 0x20, 0x09];

/** Reads `Name: value`; neither a folded line nor a space before the colon is one (RFC 9112 §5). */
function takeField(headers: string[], line: string): void {
  const colon = line.indexOf(":");
  const name = line.slice(0, Math.max(colon, 0)).toLowerCase();
  // Not `trim`: it takes the byte A0 of UTF-8 for a space.
  let start = colon + 1;
  let end = line.length;
  while (start < end && isBlank(line.charCodeAt(start))) start++;
  while (end > start && isBlank(line.charCodeAt(end - 1))) end--;
  const value = line.slice(start, end);
  if (!isField(name, value)) throw broken("A header is malformed");
  headers.push(name, value);
}

/** The value of a header; those of a repeated one are joined by a comma. */
function valueOf(headers: RawHeaders, name: string): string | undefined {
  let found: string | undefined;
  for (let at = 0; at < headers.length; at += 2) {
    if (headers[at] !== name) continue;
    found = found === undefined ? headers[at + 1] : `${found}, ${headers[at + 1]}`;
  }
  return found;
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}

/** Whether the body is in chunks. Chunks within another coding are refused: what they mean is not defined. */
function endsWithChunked(codings: string): boolean {
  const names = listOf(codings);
  const first = names.indexOf("chunked");
  if (first >= 0 && first < names.length - 1) throw broken("The body is chunked within a coding");
  return first >= 0;
}

/** The members of a list in lower case; empty ones do not count (RFC 9110 §5.6.1). */
function listOf(value: string): string[] {
  return value.toLowerCase().split(",").map((name) => name.replace(BLANKS, ""))
    .filter((name) => name !== "");
}

const BLANKS = /^[\t ]+|[\t ]+$/g;

/** A connection is closed after this time without a request, in milliseconds; a server may ask for another. */
export const KEEP_ALIVE_MS = 4_000;
const MAX_KEEP_ALIVE_MS = 30_000;
/** The server's own time may have begun earlier, and ends a little before. */
const KEEP_ALIVE_MARGIN_MS = 2_000;

function keepAliveMsOf(headers: RawHeaders, isNew: boolean): number {
  const connection = valueOf(headers, "connection");
  const hint = valueOf(headers, "keep-alive");
  const options = connection === undefined ? [] : listOf(connection);
  if (options.includes("close") || (!isNew && !options.includes("keep-alive"))) return 0;
  const [, seconds] = hint === undefined ? [] : /(?:^|,)[\t ]*timeout=(\d+)/i.exec(hint) ??
    [];
  if (seconds === undefined) return KEEP_ALIVE_MS;
  return Math.min(Math.max(0, Number(seconds) * 1_000 - KEEP_ALIVE_MARGIN_MS), MAX_KEEP_ALIVE_MS);
}

/** Refuses at once what cannot become a head. */
function checkStart(text: string): void {
  const end = text.indexOf("\r\n");
  const isStart = end < 0
    ? STATUS_START.test(text.endsWith("\r") ? text.slice(0, -1) : text)
    : STATUS_LINE.test(text.slice(0, end));
  if (!isStart || /(?:^|[^\r])\n/.test(text)) throw broken("The response is not HTTP/1.1");
}

function broken(why: string): HttpFault {
  return new HttpFault("bad_response", why);
}
