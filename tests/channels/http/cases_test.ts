/**
 * Responses that are easily misread, in one printed table: what the channel makes of each.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { brotliCompressSync, gzipSync, zstdCompressSync } from "node:zlib";
import type { Outcome } from "../../../src/task/outcome.ts";
import type { FetchPayload } from "../../../src/task/payloads.ts";
import { aFolder } from "../../support/process.ts";
import { aContext, aFetch, anAttempt } from "../support/attempts.ts";
import { openTestHttp, WAITS_FOR_SILENCE } from "../support/http_channel.ts";
import { type Answer, type MakeAnswer, serveAnswers } from "../support/answers.ts";

interface Row {
  readonly name: string;
  /** The answers to the attempts in order; the last one repeats. */
  readonly answers: readonly MakeAnswer[];
  readonly payload?: Partial<FetchPayload>;
  /** The most attempts; a deferred one is followed by the next. */
  readonly tries?: number;
  /** Outcomes, status, decoded bytes, and what else the row is about. */
  readonly expected: string;
  readonly show?: (result: Any) => unknown;
}

// deno-lint-ignore no-explicit-any -- results are JSON of many shapes
type Any = any;

const V1 = Buffer.alloc(1_000, "a");
const V2 = Buffer.alloc(1_000, "B");
const FILE = Buffer.from(Array.from({ length: 1_000 }, (_, at) => at % 251));
const TWO_FRAMES = Buffer.concat([
  zstdCompressSync("first zstd "),
  zstdCompressSync("second zstd"),
]);
const PAGE = "Hello line\n".repeat(200);

const encoded = (coding: string, body: Uint8Array, more: Partial<Answer> = {}) => (): Answer => ({
  headers: { "content-encoding": coding, "content-type": "text/plain" },
  body,
  ...more,
});
const whole = (body: string | Uint8Array, headers: Answer["headers"] = {}) => (): Answer => ({
  headers,
  body,
});
/** The file, cut off after 400 bytes. */
const cut = (): Answer => ({ headers: { etag: '"v1"' }, body: FILE, cut: 400 });
/** A part of `file` as a 206; the range that was requested when nothing else is given. */
const part = (
  file: Uint8Array,
  { etag = '"v1"', end = 1_000, total = "1000", start, headers = {} }: {
    etag?: string;
    end?: number;
    total?: string;
    start?: number;
    headers?: Record<string, string>;
  } = {},
) =>
(from: number): Answer => ({
  status: "206 Partial Content",
  headers: {
    ...(etag === "" ? {} : { etag }),
    "content-range": `bytes ${start ?? from}-${end - 1}/${total}`,
    ...headers,
  },
  body: file.subarray(start ?? from, end),
});

const SAVE = { save: true } as const;
const POST = { method: "POST", body: "x" };

const INCOMPLETE: Row[] = [
  {
    name: "zstd of two frames",
    answers: [encoded("zstd", TWO_FRAMES)],
    expected: "delivered 200 22 bytes",
  },
  {
    name: "zstd without its last bytes",
    answers: [encoded("zstd", TWO_FRAMES.subarray(0, -8))],
    expected: "deferred bad_response, delivered",
  },
  {
    name: "zstd without its second frame's end, until the connection closes",
    answers: [encoded("zstd", TWO_FRAMES.subarray(0, -3), { untilClose: true })],
    expected: "deferred bad_response, delivered",
  },
  {
    name: "brotli without its last bytes",
    answers: [encoded("br", brotliCompressSync(PAGE).subarray(0, -2))],
    expected: "deferred bad_response, delivered",
  },
  {
    name: "gzip without its last bytes, until the connection closes",
    answers: [encoded("gzip", gzipSync(PAGE).subarray(0, -2), { untilClose: true })],
    expected: "deferred bad_response, delivered",
  },
  ...(["br", "zstd", "gzip"] as const).map((coding): Row => {
    const encode = { br: brotliCompressSync, zstd: zstdCompressSync, gzip: gzipSync }[coding];
    const body = encode(PAGE);
    return {
      name: `${coding} until the connection closes, cut the first time, saved`,
      payload: SAVE,
      tries: 3,
      answers: [
        encoded(coding, body.subarray(0, body.length / 2), { untilClose: true }),
        encoded(coding, body, { untilClose: true }),
      ],
      expected: `deferred bad_response, delivered; delivered 200 ${PAGE.length} bytes`,
    };
  }),
  {
    name: "brotli in gzip, of which the brotli is incomplete",
    answers: [encoded("br, gzip", gzipSync(brotliCompressSync(PAGE).subarray(0, -1)))],
    expected: "deferred bad_response, delivered",
  },
];

const RESUMED: Row[] = ([
  {
    name: "the rest of the file",
    answers: [cut, part(FILE)],
    expected: "deferred connection_reset, delivered; delivered 200 1000 bytes, file",
  },
  {
    name: "a part with another ETag, then the whole",
    answers: [cut, part(V2, { etag: '"v2"' }), whole(FILE, { etag: '"v2"' })],
    expected: "deferred connection_reset, delivered; deferred bad_response, delivered; " +
      "delivered 200 1000 bytes, file",
  },
  {
    name: "a part without an ETag, then the whole",
    answers: [cut, part(V2, { etag: "" }), whole(FILE)],
    expected: "deferred connection_reset, delivered; deferred bad_response, delivered; " +
      "delivered 200 1000 bytes, file",
  },
  {
    name: "less than the rest, again and again",
    answers: [cut, (from) => part(FILE, { end: Math.min(1_000, from + 150) })(from)],
    expected: "deferred connection_reset, delivered; delivered 200 1000 bytes, file",
  },
  {
    name: "less than the rest, then the whole instead of the remainder",
    answers: [cut, part(FILE, { end: 600 }), whole(FILE, { etag: '"v1"' })],
    expected: "deferred connection_reset, delivered; delivered 200 1000 bytes, file",
  },
  {
    name: "less than the rest, then 503, then the remainder",
    answers: [
      cut,
      part(FILE, { end: 600 }),
      () => ({ status: "503 Service Unavailable", body: "busy" }),
      part(FILE),
    ],
    expected: "deferred connection_reset, delivered; deferred http_503; " +
      "delivered 200 1000 bytes, file",
  },
  {
    name: "a part of a file of another length, then the whole",
    answers: [cut, part(FILE, { total: "1200" }), whole(FILE)],
    expected: "deferred connection_reset, delivered; deferred bad_response, delivered; " +
      "delivered 200 1000 bytes, file",
  },
  {
    name: "a range shorter than its Content-Range, then the whole",
    answers: [
      cut,
      (from) => ({ ...part(FILE)(from), body: FILE.subarray(from, 900), untilClose: true }),
      whole(FILE),
    ],
    expected: "deferred connection_reset, delivered; deferred bad_response, delivered; " +
      "delivered 200 1000 bytes, file",
  },
  {
    name: "an encoded part, then the whole",
    answers: [cut, part(FILE, { headers: { "content-encoding": "gzip" } }), whole(FILE)],
    expected: "deferred connection_reset, delivered; deferred bad_response, delivered; " +
      "delivered 200 1000 bytes, file",
  },
  {
    name: "200 with the rest and a Content-Range, then the whole",
    answers: [
      cut,
      (from) => ({
        headers: { etag: '"v1"', "content-range": `bytes ${from}-999/1000` },
        body: FILE.subarray(from),
      }),
      whole(FILE, { "content-range": "bytes 0-999/1000" }),
    ],
    expected: "deferred connection_reset, delivered; deferred bad_response, delivered; " +
      "delivered 200 1000 bytes, file",
  },
  {
    name: "the caller's own Range is kept and never resumed",
    payload: { headers: { range: "bytes=100-" } },
    answers: [
      () => ({ ...part(FILE, { start: 100 })(0), cut: 300 }),
      part(FILE, { start: 100 }),
    ],
    expected: "deferred connection_reset, delivered; delivered 206 900 bytes",
  },
  {
    name: "a part that was not requested",
    answers: [part(FILE, { start: 0, end: 400 })],
    tries: 1,
    expected: "deferred bad_response, delivered",
  },
  {
    name: "a file that changes within a second, by its Last-Modified",
    answers: [
      () => ({
        headers: {
          date: "Mon, 05 Jan 2026 10:00:00 GMT",
          "last-modified": "Mon, 05 Jan 2026 10:00:00 GMT",
        },
        body: V1,
        cut: 400,
      }),
      (from) => from > 0 ? part(V2)(from) : whole(FILE)(),
    ],
    expected: "deferred connection_reset, delivered; delivered 200 1000 bytes, file",
  },
] as Row[]).map((row) => ({ tries: 4, ...row, payload: { ...SAVE, ...row.payload } }));

const bodyError = ({ bodyError, truncated }: Any) => `${bodyError?.code} truncated ${truncated}`;
const LONG = "x".repeat(70_000);

const STATUS_AND_BODY: Row[] = [
  {
    name: "POST: 200 with a body longer than maxBytes",
    payload: { ...POST, maxBytes: 1_000 },
    answers: [whole(LONG)],
    show: bodyError,
    expected: "delivered 200, too_large truncated true",
  },
  ...["PUT", "PATCH", "DELETE"].map((method): Row => ({
    name: `${method}: 200 with a body that says gzip and is not`,
    payload: { method },
    answers: [encoded("gzip", Buffer.from("not gzip"))],
    show: bodyError,
    expected: "delivered 200, bad_response truncated true",
  })),
  {
    name: "POST: 200 with a body that is cut",
    payload: POST,
    answers: [() => ({ body: LONG, cut: 100 })],
    show: bodyError,
    expected: "delivered 200, connection_reset truncated true",
  },
  {
    name: "POST: 200 with a body that stalls",
    payload: POST,
    answers: [() => ({ body: LONG, cut: 100, hangs: true })],
    show: bodyError,
    expected: "delivered 200, timeout truncated true",
  },
  {
    name: "POST with extract: 200 with a body that is cut",
    payload: { ...POST, extract: { words: true } },
    answers: [() => ({ body: LONG, cut: 100 })],
    show: bodyError,
    expected: "rejected connection_reset, delivered",
  },
  {
    name: "POST with save: 200 with a body longer than maxBytes",
    payload: { ...POST, ...SAVE, maxBytes: 1_000 },
    answers: [whole(LONG)],
    expected: "rejected too_large, delivered",
  },
  {
    name: "POST with expect.json: 200 with a body that is cut",
    payload: { ...POST, expect: { json: { "/a": 1 } } },
    answers: [() => ({ body: '{"a":1}', cut: 3 })],
    expected: "rejected connection_reset, delivered",
  },
  {
    name: "POST: 200 where 201 is expected",
    payload: { ...POST, expect: { status: [201] } },
    answers: [whole("ok")],
    expected: "rejected expectation_failed, delivered",
  },
  {
    name: "POST: 404 with a body that is cut",
    payload: POST,
    answers: [() => ({ status: "404 Not Found", body: LONG, cut: 100 })],
    expected: "rejected http_404",
  },
  {
    name: "GET: 200 with a body longer than maxBytes",
    payload: { maxBytes: 1_000 },
    answers: [whole(LONG)],
    expected: "rejected too_large, delivered",
  },
  {
    name: "GET: 200 with a body that is cut",
    answers: [() => ({ body: LONG, cut: 100 })],
    expected: "deferred connection_reset, delivered",
  },
];

const CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n";
const TRAP = `${CONTINUE}HTTP/1.1 100 Continue`;
const shownBody = ({ body }: Any) => JSON.stringify(body);
const location = (to: string | Uint8Array): Row["answers"] => [
  (_, path) =>
    path === "/"
      ? { status: "302 Found", headers: { location: Buffer.from(to).toString("latin1") } }
      : { body: path },
];
const named = (disposition: string, name: string): Omit<Row, "name"> => ({
  payload: SAVE,
  answers: [whole("x", { "content-disposition": disposition })],
  show: ({ saved }) => saved.name,
  expected: `delivered 200 1 bytes, ${name}`,
});

const FORMS: Row[] = [
  ...(["GET", "POST"] as const).flatMap((method): Row[] => [
    {
      name: `${method}: 100 Continue that was not asked for`,
      payload: { method },
      answers: [() => ({ interim: CONTINUE + CONTINUE, body: TRAP })],
      show: shownBody,
      expected: `delivered 200 ${TRAP.length} bytes, ${JSON.stringify(TRAP)}`,
    },
    {
      name: `${method}: 100 Continue with a header, 103, and all byte by byte`,
      payload: { method },
      answers: [() => ({
        interim:
          `HTTP/1.1 100 C\r\nx: y\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n${CONTINUE}`,
        body: TRAP,
        dripped: true,
      })],
      show: shownBody,
      expected: `delivered 200 ${TRAP.length} bytes, ${JSON.stringify(TRAP)}`,
    },
  ]),
  {
    name: "Location in UTF-8",
    answers: location("/café?x=ü"),
    show: shownBody,
    expected: 'delivered 200 19 bytes, "/caf%C3%A9?x=%C3%BC"',
  },
  {
    name: "Location in Latin-1",
    answers: location(Uint8Array.of(0x2f, 0xe9)),
    show: shownBody,
    expected: 'delivered 200 4 bytes, "/%E9"',
  },
  {
    name: "filename in raw UTF-8",
    ...named('attachment; filename="Prüfbericht.pdf"', "Prüfbericht.pdf"),
  },
  {
    name: "filename with a space, unquoted",
    ...named("attachment; filename=My Report.pdf", "My Report.pdf"),
  },
  {
    name: "filename* in quotes",
    ...named(`attachment; filename*="UTF-8''Pr%C3%BCf.pdf"`, "Prüf.pdf"),
  },
  {
    name: "a file name within another parameter",
    ...named('attachment; name="x; filename=evil.txt"; filename=good.txt', "good.txt"),
  },
  {
    name: "a header in UTF-8, as expected",
    payload: { expect: { headers: { "x-name": "Zoë" } } },
    answers: [whole("x", { "x-name": "Zoë" })],
    show: ({ headers }) => headers["x-name"],
    expected: "delivered 200 1 bytes, Zoë",
  },
  {
    name: "Retry-After with decimals",
    answers: [() => ({ status: "429 Too Many Requests", headers: { "retry-after": "30.0" } })],
    expected: "deferred http_429 after 30000 ms",
  },
  {
    name: "RateLimit in its older form",
    answers: [() => ({
      status: "429 Too Many Requests",
      headers: { ratelimit: "limit=100, remaining=0, reset=30" },
    })],
    expected: "deferred http_429 after 30000 ms",
  },
];

const GROUPS: Record<string, readonly Row[]> = {
  "The end of an encoded body is checked": INCOMPLETE,
  "A part is continued only by the rest of the same file": RESUMED,
  "Headers are read in each of their forms": FORMS,
  "The status says whether it was delivered, the body whether it can be used": STATUS_AND_BODY,
};

Deno.test.each(Object.keys(GROUPS).map((group) => ({ group })))("$group", async ({ group }) => {
  const rows = GROUPS[group] ?? [];
  const lines: string[] = [];
  const wrong: string[] = [];
  for (const row of rows) {
    const got = await run(row);
    lines.push(`  ${row.name.padEnd(64)} ${got}`);
    if (got !== row.expected) wrong.push(`${row.name}: expected ${row.expected}, got ${got}`);
  }
  Deno.stdout.writeSync(new TextEncoder().encode(`\n${group}\n${lines.join("\n")}\n`));
  assert.deepEqual(wrong, []);
});

async function run({ answers, payload = {}, tries = 1, show }: Row): Promise<string> {
  await using downloads = await aFolder();
  await using server = serveAnswers(answers);
  await using channel = openTestHttp({ downloads: downloads.path, waits: WAITS_FOR_SILENCE });
  const attempt = anAttempt(aFetch(`${server.url}/`, payload));
  const outcomes: string[] = [];
  for (let number = 1; number <= tries; number++) {
    const outcome = await channel.deliver({ ...attempt, number }, aContext());
    outcomes.push(await brief(outcome, downloads.path, show));
    if (outcome.kind === "delivered" || outcome.kind === "rejected") break;
  }
  return outcomes.join("; ");
}

async function brief(outcome: Outcome, downloads: string, show: Row["show"]): Promise<string> {
  if (outcome.kind !== "delivered") {
    const delivery = "delivery" in outcome ? `, ${outcome.delivery}` : "";
    const retryAfterMs = outcome.kind === "deferred" ? outcome.retryAfterMs : undefined;
    const after = retryAfterMs === undefined ? "" : ` after ${retryAfterMs} ms`;
    return `${outcome.kind} ${outcome.error.code}${delivery}${after}`;
  }
  const result: Any = outcome.result;
  if (result.saved) {
    const saved = await Deno.readFile(`${downloads}/${result.saved.path}`);
    assert.equal(saved.length, result.bytes);
    if (Buffer.from(saved).equals(FILE)) {
      return `delivered ${result.status} ${result.bytes} bytes, file`;
    }
  }
  const more = show ? `, ${show(result)}` : "";
  const bytes = result.bytes === undefined ? "" : ` ${result.bytes} bytes`;
  return `delivered ${result.status}${bytes}${more}`;
}
