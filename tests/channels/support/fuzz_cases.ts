/**
 * Generated HTTP/1.1 responses: most are well formed, some are what a careless or hostile server
 * sends.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { seeded } from "../../support/seeded.ts";

/** One response and how it is sent. */
export interface FuzzCase {
  /** Names the response: it is in its headers and its body. */
  readonly id: number;
  /** The method of the request. */
  readonly method: "GET" | "HEAD" | "POST";
  /** All that the server sends. */
  readonly bytes: Buffer;
  /** Where the writes of the server end. */
  readonly splits: readonly number[];
  /** Sent once the response has been read. */
  readonly late: string;
  /** What the server does then: keep the connection, or close it at once. */
  readonly end: "stays" | "closes";
  /** What is odd about it. */
  readonly marks: readonly string[];
}

const WEIRD_LINES = [
  ["a version of 0.9", "HTTP/0.9 200 OK"],
  ["a version of 2.0", "HTTP/2.0 200 OK"],
  ["a version of 1.2", "HTTP/1.2 200 OK"],
  ["a version in lower case", "http/1.1 200 OK"],
  ["two spaces before the status", "HTTP/1.1  200 OK"],
  ["a status of two digits", "HTTP/1.1 20 OK"],
  ["a status of four digits", "HTTP/1.1 2000 OK"],
  ["the status 099", "HTTP/1.1 099 OK"],
  ["the status 999", "HTTP/1.1 999 OK"],
  ["no space behind the status", "HTTP/1.1 200"],
  ["no reason", "HTTP/1.1 200 "],
  ["a reason in Latin-1", "HTTP/1.1 200 \xe9\xff"],
  ["a reason with a tab", "HTTP/1.1 200 a\tb"],
  ["a reason with a control character", "HTTP/1.1 200 a\x01b"],
  ["CRLF before the status line", "\r\nHTTP/1.1 200 OK"],
  ["a space before the status line", " HTTP/1.1 200 OK"],
  ["bytes before the status line", "xHTTP/1.1 200 OK"],
  ["a status of letters", "HTTP/1.1 abc OK"],
  ["another protocol", "220 relay ready"],
] as const;

const WEIRD_HEADERS = [
  ["a folded header", "X-Fold: a\r\n b"],
  ["a folded header with a tab", "X-Fold: a\r\n\tb"],
  ["a first header that is folded", " x: y"],
  ["a space before the colon", "X-Space : a"],
  ["no colon", "nonsense"],
  ["an empty name", ": a"],
  ["NUL in a value", "X: a\0b"],
  ["NUL in a name", "X\0: a"],
  ["a bare CR in a value", "X: a\rb"],
  ["a line that ends with LF", "X: a\nY: b"],
  ["a control character in a value", "X: a\x01b"],
  ["DEL in a value", "X: a\x7fb"],
  ["a name in Latin-1", "X\xe9: a"],
  ["a name with brackets", "X(y): a"],
  ["a value in Latin-1", "X: \xe9\xa0"],
  ["a value of blanks", "X:  \t "],
  ["an empty value", "X:"],
  ["a value between blanks", "X: \t a b \t"],
  ["the name __proto__", "__proto__: a"],
  ["the name constructor", "constructor: a"],
  ["30,000 bytes of headers", `X: ${"a".repeat(30_000)}`],
  ["40,000 bytes of headers", `X: ${"a".repeat(40_000)}`],
  ["1,000 headers", Array.from({ length: 1_000 }, (_, n) => `X-${n}: ${n}`).join("\r\n")],
  ["Upgrade", "Upgrade: h2c\r\nConnection: upgrade"],
] as const;

const WEIRD_LENGTHS: readonly (readonly [string, (length: number) => string[]])[] = [
  ["a length twice", (n) => [`Content-Length: ${n}`, `Content-Length: ${n}`]],
  ["two lengths", (n) => [`Content-Length: ${n}`, `Content-Length: ${n + 5}`]],
  ["two lengths, the longer first", (n) => [`Content-Length: ${n + 5}`, `Content-Length: ${n}`]],
  ["a list of lengths", (n) => [`Content-Length: ${n}, ${n}`]],
  ["a length with a sign", (n) => [`Content-Length: +${n}`]],
  ["a negative length", () => ["Content-Length: -1"]],
  ["a length in hex", (n) => [`Content-Length: 0x${n.toString(16)}`]],
  ["a length with a fraction", (n) => [`Content-Length: ${n}.0`]],
  ["an empty length", () => ["Content-Length:"]],
  ["a length of letters", () => ["Content-Length: abc"]],
  ["blanks behind a length", (n) => [`Content-Length: ${n} \t`]],
  ["a blank within a length", (n) => [`Content-Length: ${n} 1`]],
  ["zeros before a length", (n) => [`Content-Length: 000${n}`]],
  ["many zeros before a length", (n) => [`Content-Length: ${"0".repeat(20)}${n}`]],
  ["a length of 20 digits", () => ["Content-Length: 99999999999999999999"]],
  ["a length of 19 digits", () => ["Content-Length: 1844674407370955161"]],
  ["a length of 16 digits", () => ["Content-Length: 9007199254740993"]],
  ["a folded length", (n) => ["Content-Length:", ` ${n}`]],
  ["a space before the colon of a length", (n) => [`Content-Length : ${n}`]],
  ["a length in another script", () => ["Content-Length: \xb2"]],
];

/** Those before the bar end with chunks. */
const WEIRD_CODINGS: readonly (readonly [string, string[], boolean])[] = [
  ["Chunked", ["Transfer-Encoding: Chunked"], true],
  ["a coding before chunked", ["Transfer-Encoding: gzip, chunked"], true],
  ["chunked twice", ["Transfer-Encoding: chunked, chunked"], true],
  ["chunked on two lines", ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], true],
  ["chunked before a coding", ["Transfer-Encoding: chunked, gzip"], true],
  ["identity before chunked", ["Transfer-Encoding: identity, chunked"], true],
  ["chunked before identity", ["Transfer-Encoding: chunked, identity"], true],
  ["a coding on the line before chunked", [
    "Transfer-Encoding: gzip",
    "Transfer-Encoding: chunked",
  ], true],
  ["a tab before chunked", ["Transfer-Encoding:\tchunked"], true],
  ["a comma behind chunked", ["Transfer-Encoding: chunked,"], true],
  ["a comma before chunked", ["Transfer-Encoding: ,chunked"], true],
  ["chunked with a parameter", ["Transfer-Encoding: chunked;q=1"], true],
  ["chunked in quotes", ['Transfer-Encoding: "chunked"'], true],
  ["xchunked", ["Transfer-Encoding: xchunked"], true],
  ["chunkedx", ["Transfer-Encoding: chunkedx"], true],
  ["a vertical tab before chunked", ["Transfer-Encoding: \vchunked"], true],
  ["A0 before chunked", ["Transfer-Encoding: \xa0chunked"], true],
  ["a folded coding", ["Transfer-Encoding:", " chunked"], true],
  ["a space before the colon of a coding", ["Transfer-Encoding : chunked"], true],
  ["an empty coding", ["Transfer-Encoding:"], false],
  ["identity", ["Transfer-Encoding: identity"], false],
  ["a coding alone", ["Transfer-Encoding: gzip"], false],
];

const WEIRD_CHUNKS: readonly (readonly [string, (good: string, body: string) => string])[] = [
  ["an extension", (good) => good.replace("\r\n", ";a=b\r\n")],
  ["an extension in quotes", (good) => good.replace("\r\n", ';a="b;c"\r\n')],
  ["an extension without a name", (good) => good.replace("\r\n", ";\r\n")],
  ["blanks before an extension", (good) => good.replace("\r\n", " ;a\r\n")],
  ["a bare LF in an extension", (good) => good.replace("\r\n", ";a\nb\r\n")],
  ["a bare CR in an extension", (good) => good.replace("\r\n", ";a\rb\r\n")],
  ["a control character in an extension", (good) => good.replace("\r\n", ";a\x01\r\n")],
  ["a long extension", (good) => good.replace("\r\n", `;${"a".repeat(900)}\r\n`)],
  ["a very long extension", (good) => good.replace("\r\n", `;${"a".repeat(9_000)}\r\n`)],
  ["a blank behind a size", (good) => good.replace("\r\n", " \r\n")],
  ["a blank before a size", (good) => ` ${good}`],
  ["zeros before a size", (good) => `0000${good}`],
  ["many zeros before a size", (good) => `${"0".repeat(20)}${good}`],
  ["0x before a size", (good) => `0x${good}`],
  ["a sign before a size", (good) => `+${good}`],
  ["a negative size", (good) => `-${good}`],
  ["an empty size", (good) => `\r\n${good}`],
  ["a size of letters", (good) => `zz${good}`],
  ["a size of 17 digits", (good) => `10000000000000000\r\n${good}`],
  ["a size of 16 digits", (good) => `1000000000000000\r\n${good}`],
  ["LF behind a size", (good) => good.replace("\r\n", "\n")],
  ["LF behind a chunk", (good, body) => good.replace(`${body}\r\n`, `${body}\n`)],
  ["nothing behind a chunk", (good, body) => good.replace(`${body}\r\n`, body)],
  ["CR alone behind a chunk", (good, body) => good.replace(`${body}\r\n`, `${body}\rX`)],
  ["two bytes behind a chunk", (good, body) => good.replace(`${body}\r\n`, `${body}XY`)],
  ["a longer chunk than its size", (good, body) => good.replace(body, `${body}x`)],
  ["a shorter chunk than its size", (good, body) => good.replace(body, body.slice(1))],
  ["a last chunk of many zeros", (good) => good.replace("\r\n0\r\n", "\r\n0000\r\n")],
  ["an extension of the last chunk", (good) => good.replace("\r\n0\r\n", "\r\n0;a=b\r\n")],
  ["a trailer", (good) => `${good.slice(0, -2)}X-T: a\r\n\r\n`],
  ["trailers", (good) => `${good.slice(0, -2)}X-T: a\r\nX-U:b\r\n\r\n`],
  ["a trailer of a length", (good) => `${good.slice(0, -2)}Content-Length: 5\r\n\r\n`],
  ["a trailer of a coding", (good) => `${good.slice(0, -2)}Transfer-Encoding: chunked\r\n\r\n`],
  ["a folded trailer", (good) => `${good.slice(0, -2)}X: a\r\n b\r\n\r\n`],
  ["a trailer without a colon", (good) => `${good.slice(0, -2)}nonsense\r\n\r\n`],
  ["a trailer that ends with LF", (good) => `${good.slice(0, -2)}X: a\n\r\n`],
  ["40,000 bytes of trailers", (good) => `${good.slice(0, -2)}X: ${"a".repeat(40_000)}\r\n\r\n`],
  ["a last line that ends with LF", (good) => `${good.slice(0, -2)}\n`],
];

const WEIRD_CONNECTIONS = [
  ["a list with close", ["Connection: x, Close"]],
  ["close on the second line", ["Connection: keep-alive", "Connection: close"]],
  ["an empty Connection", ["Connection:"]],
  ["a short keep-alive", ["Connection: keep-alive", "Keep-Alive: timeout=1"]],
  ["a long keep-alive", ["Keep-Alive: timeout=100, max=5"]],
  ["a keep-alive of letters", ["Keep-Alive: timeout=x"]],
] as const;

const INTERIMS = [
  ["100 Continue", "HTTP/1.1 100 Continue\r\n\r\n"],
  [
    "101 Switching Protocols",
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n" +
    "Connection: upgrade\r\n\r\n",
  ],
  ["101 without Upgrade", "HTTP/1.1 101 x\r\n\r\n"],
  ["102 Processing", "HTTP/1.1 102 Processing\r\n\r\n"],
  ["103 Early Hints", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"],
  ["103 with a length", "HTTP/1.1 103 x\r\nContent-Length: 5\r\n\r\n"],
  ["103 with chunked", "HTTP/1.1 103 x\r\nTransfer-Encoding: chunked\r\n\r\n"],
  ["103 with close", "HTTP/1.1 103 x\r\nConnection: close\r\n\r\n"],
  ["103 of HTTP/1.0", "HTTP/1.0 103 x\r\n\r\n"],
] as const;

/** The response of a case that does not exist: no request may ever get it. */
export const SMUGGLED = "HTTP/1.1 200 OK\r\nX-Case: evil\r\nContent-Length: 4\r\n\r\nevil";

const EXTRAS = [
  ["a second response", SMUGGLED],
  ["CRLF behind the response", "\r\n"],
  ["one byte behind the response", "x"],
  ["half a second response", SMUGGLED.slice(0, 30)],
  ["an interim response behind the response", "HTTP/1.1 103 x\r\n\r\n"],
] as const;

/** The case with this number; the same for the same seed. */
export function fuzzCase(seed: number, id: number): FuzzCase {
  const random = seeded(seed * 1_000_003 + id);
  const pick = <Item>(items: readonly Item[]): Item =>
    items[Math.floor(random() * items.length)] as Item;
  const chance = (share: number) => random() < share;
  const marks: string[] = [];
  const weird = <Item extends readonly [string, ...unknown[]]>(items: readonly Item[]): Item => {
    const item = pick(items);
    marks.push(item[0]);
    return item;
  };
  const method = pick(["GET", "GET", "GET", "GET", "HEAD", "POST"] as const);
  // Two oddities at most are likely, so that each can be told.
  const odd = (share: number) => marks.length < 2 && chance(share);

  let before = "";
  if (chance(0.12)) {
    for (let n = 1 + Math.floor(random() * 3); n > 0; n--) before += weird(INTERIMS)[1];
  }
  const status = pick([200, 200, 200, 200, 200, 201, 204, 205, 206, 301, 304, 404, 500, 503]);
  const isOld = chance(0.08);
  const isLineOdd = odd(0.05);
  if (isOld) marks.push("HTTP/1.0");
  const line = isLineOdd ? weird(WEIRD_LINES)[1] : `HTTP/1.${isOld ? 0 : 1} ${status} Some Reason`;
  const shown = isLineOdd ? 200 : status;
  const isEmpty = shown === 204 || shown === 304;
  const size = chance(0.03) ? Math.floor(random() * 200_000) : Math.floor(random() ** 2 * 2_000);
  const body = `${id}:${"abcdefghij".repeat(size / 10)}`;
  const headers = [`X-Case: ${id}`];
  if (chance(0.4)) headers.push("Date: Mon, 30 Nov 2026 00:00:00 GMT");
  if (chance(0.4)) headers.push(pick(["Content-Type: text/plain", "content-type:text/html"]));
  if (chance(0.1)) headers.push("Set-Cookie: a=1", "Set-Cookie: b=2");
  if (odd(0.07)) headers.push(weird(WEIRD_HEADERS)[1]);

  let rest: string = body;
  let isUntilClose = false;
  const framing = pick(["length", "length", "length", "chunked", "chunked", "close"]);
  if (isEmpty && chance(0.7)) {
    rest = "";
    if (chance(0.2)) {
      headers.push(`Content-Length: ${body.length}`);
      marks.push("a length without a body");
    }
  } else if (framing === "length") {
    headers.push(
      ...odd(0.15) ? weird(WEIRD_LENGTHS)[1](body.length) : [
        `Content-Length: ${body.length}`,
      ],
    );
    if (odd(0.03)) {
      headers.push("Transfer-Encoding: chunked");
      marks.push("a length and chunked");
      if (chance(0.5)) rest = inChunks(body, random);
    }
  } else if (framing === "chunked") {
    let isChunked = true;
    if (odd(0.15)) {
      const [, lines, ends] = weird(WEIRD_CODINGS);
      headers.push(...lines);
      isChunked = ends;
      isUntilClose = !ends;
    } else headers.push("Transfer-Encoding: chunked");
    if (isChunked) {
      const good = odd(0.15)
        ? weird(WEIRD_CHUNKS)[1](oneChunk(body), body)
        : inChunks(body, random);
      rest = good;
    }
    if (odd(0.03)) {
      headers.push(`Content-Length: ${rest.length}`);
      marks.push("chunked and a length");
    }
  } else isUntilClose = true;
  if (isEmpty && rest !== "") marks.push("a body where none may be");
  if (method === "HEAD") {
    if (chance(0.9)) rest = "";
    else marks.push("a body of HEAD");
    isUntilClose = false;
  }
  if (chance(0.15)) headers.push("Connection: close");
  else if (chance(0.18)) headers.push("Connection: keep-alive");
  else if (odd(0.05)) headers.push(...weird(WEIRD_CONNECTIONS)[1]);

  // The order matters to readers that decide too early.
  for (let at = headers.length - 1; at > 0; at--) {
    const other = Math.floor(random() * (at + 1));
    if (/^[ \t]/.test(headers[at + 1] ?? "") || marks.some((mark) => mark.includes("folded"))) {
      break;
    }
    [headers[at], headers[other]] = [headers[other]!, headers[at]!];
  }
  const response = `${before}${line}\r\n${headers.map((one) => `${one}\r\n`).join("")}\r\n${rest}`;
  let text = response;
  let late = "";
  if (odd(0.06)) {
    const extra = weird(EXTRAS)[1];
    if (isUntilClose || chance(0.5)) text += extra;
    else {
      late = extra;
      marks[marks.length - 1] += ", later";
    }
  }
  let bytes = Buffer.from(text, "latin1");
  if (late === "" && chance(0.12)) {
    bytes = bytes.subarray(0, Math.floor(random() * bytes.length));
    marks.push("cut");
  }
  const splits = chance(0.6) ? [] : Array.from(
    { length: 1 + Math.floor(random() * 4) },
    // What follows comes with the end of the response: by the next write, it may be too late.
    () => Math.floor(random() * Math.min(bytes.length, response.length)),
  ).sort((a, b) => a - b);
  const isPlain = marks.length === 0 && !isUntilClose;
  const end = (isPlain || late !== "") && chance(0.9) ? "stays" : "closes";
  return { id, method, bytes, splits, late, end, marks };
}

function oneChunk(body: string): string {
  return `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
}

function inChunks(body: string, random: () => number): string {
  let text = "";
  for (let at = 0; at < body.length;) {
    const chunk = body.slice(at, at + 1 + Math.floor(random() * body.length));
    const size = chunk.length.toString(16);
    text += `${random() < 0.2 ? size.toUpperCase() : size}\r\n${chunk}\r\n`;
    at += chunk.length;
  }
  return `${text}0\r\n\r\n`;
}
