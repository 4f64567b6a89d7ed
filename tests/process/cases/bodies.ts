/**
 * F1 to F3: the end of a body is checked, a file is continued only by its own rest, and the
 * status is not judged by the body.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { brotliCompressSync, constants, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import type { Answer, MakeAnswer } from "../../channels/support/answers.ts";
import { type Any, brief, type Case, type World } from "./world.ts";

const TWO_FRAMES = Buffer.concat([
  zstdCompressSync("first zstd "),
  zstdCompressSync("second zstd"),
]);
const PAGE = "Hello line\n".repeat(200);
const FILE = Buffer.from(Array.from({ length: 1_000 }, (_, at) => at % 251));
const OTHER = Buffer.alloc(1_000, "B");

const sent = (coding: string, body: Uint8Array, more: Partial<Answer> = {}): MakeAnswer => () => ({
  headers: { "content-encoding": coding, "content-type": "text/plain" },
  body,
  ...more,
});
const raw = (text: string, body: Uint8Array | string = ""): MakeAnswer => () => ({
  raw: Buffer.concat([Buffer.from(text.replaceAll("\n", "\r\n") + "\r\n\r\n"), Buffer.from(body)]),
});

/** The bytes of a result, also when they were saved. */
async function bytesOf({ folder }: World, { result }: Any): Promise<string | undefined> {
  if (result?.bytes === undefined) return undefined;
  if (result.saved === undefined) return `${result.bytes} bytes`;
  const saved = await Deno.readFile(`${folder}/downloads/${result.saved.path}`);
  const isFile = Buffer.from(saved).equals(FILE);
  return `${saved.length} bytes${isFile ? ", the file" : ""}`;
}

function body(
  id: string,
  input: string,
  expected: string,
  answers: readonly MakeAnswer[],
  payload: object = {},
): Case {
  return {
    id,
    input,
    expected,
    async run(world) {
      const { url } = world.serve(...answers);
      const task = await world.fetch({ url: `${url}/`, retry: "100ms*3", ...payload });
      const isAgain = task.attempt > 1 && task.state === "succeeded";
      const attempt = isAgain ? `attempt ${task.attempt}` : undefined;
      return brief(task, await bytesOf(world, task), attempt);
    },
  };
}

const SAVE = { save: true };
const INCOMPLETE = "failed, delivered, bad_response";
const BROTLI = brotliCompressSync(PAGE);
const ZSTD = zstdCompressSync(PAGE);
const twice = (coding: string, whole: Uint8Array) => [
  sent(coding, whole.subarray(0, -3), { untilClose: true }),
  sent(coding, whole, { untilClose: true }),
];
const CHECKSUM = Buffer.from(gzipSync(PAGE));
CHECKSUM.writeUInt32LE(1, CHECKSUM.length - 8);
const WRONG_ZSTD = Buffer.from(
  zstdCompressSync(PAGE, { params: { [constants.ZSTD_c_checksumFlag]: 1 } }),
);
WRONG_ZSTD.writeUInt32LE(1, WRONG_ZSTD.length - 4);

const ENDS: readonly Case[] = [
  body("F1", "zstd of two frames", "succeeded, 22 bytes", [sent("zstd", TWO_FRAMES)]),
  body("F1", "brotli without its last bytes", INCOMPLETE, [sent("br", BROTLI.subarray(0, -2))]),
  body("F1", "zstd without its last bytes", INCOMPLETE, [sent("zstd", ZSTD.subarray(0, -8))]),
  ...([["br", BROTLI], ["zstd", ZSTD]] as const).flatMap(([coding, whole]) => [
    body(
      "F1",
      `${coding} that ends with the connection, cut on the first try`,
      "succeeded, 2200 bytes, attempt 2",
      twice(coding, whole),
    ),
    body(
      "F1",
      `the same ${coding} with save`,
      "succeeded, 2200 bytes, attempt 2",
      twice(coding, whole),
      SAVE,
    ),
  ]),
  body("F1", "gzip of two members", `succeeded, ${2 * PAGE.length} bytes`, [
    sent("gzip", Buffer.concat([gzipSync(PAGE), gzipSync(PAGE)])),
  ]),
  body("F1", "gzip with a wrong checksum", INCOMPLETE, [sent("gzip", CHECKSUM)]),
  body("F1", "gzip, and a page of the proxy behind it", INCOMPLETE, [
    sent("gzip", Buffer.concat([gzipSync(PAGE), Buffer.from("<html>")])),
  ]),
  body("F1", "zstd with a wrong checksum", INCOMPLETE, [sent("zstd", WRONG_ZSTD)]),
  body("F1", "zstd, and a page of the proxy behind it", INCOMPLETE, [
    sent("zstd", Buffer.concat([ZSTD, Buffer.from("<html>")])),
  ]),
  body("F1", "brotli, and a page of the proxy behind it", INCOMPLETE, [
    sent("br", Buffer.concat([BROTLI, Buffer.from("<html>")])),
  ]),
  body("F1", "two Content-Encoding lines in capitals", INCOMPLETE, [
    raw(
      "HTTP/1.1 200 OK\nContent-Encoding: BR\nContent-Encoding: GZIP\nConnection: close",
      gzipSync(BROTLI.subarray(0, -1)),
    ),
  ]),
  body("F1", "deflate without its last byte", INCOMPLETE, [
    sent("deflate", deflateSync(PAGE).subarray(0, -1)),
  ]),
  body("F1", "brotli within gzip, the brotli cut", INCOMPLETE, [
    sent("br, gzip", gzipSync(BROTLI.subarray(0, -1))),
  ]),
  body("F1", "chunks without the last one", "failed, delivered, connection_reset", [
    raw("HTTP/1.1 200 OK\nTransfer-Encoding: chunked", "5\r\nhello\r\n"),
  ]),
  body("F1", "a chunk that is shorter than its size", "failed, delivered, connection_reset", [
    raw("HTTP/1.1 200 OK\nTransfer-Encoding: chunked", "ff\r\nhello\r\n0\r\n\r\n"),
  ]),
  body("F1", "HTTP/1.0 with fewer bytes than its length", INCOMPLETE, [
    raw("HTTP/1.0 200 OK\nContent-Length: 10", "hello"),
  ]),
  body("F1", "two lengths that differ", "failed, not_delivered, bad_response", [
    raw("HTTP/1.1 200 OK\nContent-Length: 5\nContent-Length: 50", "hello"),
  ]),
];

const cut: MakeAnswer = () => ({ headers: { etag: '"v1"' }, body: FILE, cut: 400 });
const part = (
  file: Uint8Array,
  { etag = '"v1"', end = 1_000, total = "1000", status = "206 Partial Content", headers = {} }: {
    etag?: string;
    end?: number;
    total?: string;
    status?: string;
    headers?: Record<string, string>;
  } = {},
): MakeAnswer =>
(from) => ({
  status,
  headers: { etag, "content-range": `bytes ${from}-${end - 1}/${total}`, ...headers },
  body: file.subarray(from, end),
});
const whole: MakeAnswer = () => ({ headers: { etag: '"v2"' }, body: FILE });
const resumed = (input: string, expected: string, answers: MakeAnswer[], payload: object = {}) =>
  body("F2", `cut, then ${input}`, expected, [cut, ...answers], { ...SAVE, ...payload });
const AGAIN = "succeeded, 1000 bytes, the file, attempt 3";

const PARTS: readonly Case[] = [
  resumed("the rest", "succeeded, 1000 bytes, the file, attempt 2", [part(FILE)]),
  resumed("206 with another ETag", AGAIN, [part(OTHER, { etag: '"v2"' }), whole]),
  resumed("206 shorter than asked", "succeeded, 1000 bytes, the file, attempt 2", [
    part(FILE, { end: 600 }),
    part(FILE),
  ]),
  resumed("206 of another total", AGAIN, [part(FILE, { total: "1200" }), whole]),
  resumed("200 with Content-Range and a slice", AGAIN, [part(FILE, { status: "200 OK" }), whole]),
  body(
    "F2",
    "the caller's own Range, cut on the first try",
    "succeeded, 900 bytes, attempt 2",
    [
      () => ({ ...part(FILE)(100, "", ""), cut: 300 }),
      () => part(FILE)(100, "", ""),
    ],
    { ...SAVE, headers: { range: "bytes=100-" } },
  ),
  resumed("206 with a weak ETag", AGAIN, [part(OTHER, { etag: 'W/"v1"' }), whole]),
  resumed("206 from elsewhere", AGAIN, [() => part(FILE)(300, "", ""), whole]),
  resumed("206 of an unknown total", "succeeded, 1000 bytes, the file, attempt 2", [
    part(FILE, { total: "*", end: 900 }),
    part(FILE),
  ]),
  resumed("206 in multipart/byteranges", AGAIN, [
    () => ({
      status: "206 Partial Content",
      headers: { etag: '"v1"', "content-type": "multipart/byteranges; boundary=b" },
      body: "--b\r\n\r\nx\r\n--b--",
    }),
    whole,
  ]),
  resumed("206 encoded with gzip", AGAIN, [
    part(FILE, { headers: { "content-encoding": "gzip" } }),
    whole,
  ]),
  resumed("416", AGAIN, [() => ({ status: "416 Range Not Satisfiable" }), whole]),
  body(
    "F2",
    "cut, then the rest, by an ETag in UTF-8",
    "succeeded, 1000 bytes, the file, attempt 2",
    [
      () => ({ headers: { etag: '"vé€"' }, body: FILE, cut: 400 }),
      (from, path, head) =>
        head.includes('if-range: "vé€"')
          ? part(FILE, { etag: '"vé€"' })(from, path, head)
          : { body: OTHER },
    ],
    SAVE,
  ),
  body("F2", "206 without save, unasked", INCOMPLETE, [() => part(FILE, { end: 400 })(0, "", "")]),
  body("F2", "200 without save, with a part and its Content-Range", INCOMPLETE, [
    () => part(FILE, { end: 400, status: "200 OK" })(0, "", ""),
  ]),
  body("F2", "206 without save, where 206 is expected", "succeeded, 400 bytes", [
    () => part(FILE, { end: 400 })(0, "", ""),
  ], { expect: { status: [206] } }),
  resumed("the whole of a new version", "succeeded, 1000 bytes, the file, attempt 2", [whole]),
];

const LONG = "x".repeat(70_000);
const POST = { method: "POST", json: 1 };

/** The attempts, and what the result says of the body. */
function status(
  input: string,
  expected: string,
  answer: MakeAnswer,
  payload: object = {},
): Case {
  return {
    id: "F3",
    input,
    expected,
    async run({ serve, fetch }) {
      const server = serve(answer);
      const task = await fetch({ url: `${server.url}/`, retry: "100ms*3", ...POST, ...payload });
      const { bodyError } = task.result ?? {};
      const count = `${server.heads.length} sent`;
      if (task.state !== "succeeded") return brief(task, count);
      return brief(task, task.delivery, bodyError && `bodyError ${bodyError.code}`, count);
    },
  };
}

/** A task that follows another one, to a server that answers with 100 KiB of HTML. */
function follow(input: string, type: string, submit: (world: World, url: string) => Promise<Any>) {
  return {
    id: "F3",
    input,
    expected: "succeeded, delivered, 1 sent",
    async run(world: World) {
      const server = world.serve(() => ({
        headers: { "content-type": "text/html" },
        body: "<p>".repeat(34_000),
      }));
      const { id } = await submit(world, server.url);
      let found = id;
      while (type === "callback" && found === id) {
        const { body } = await world.api.call<Any>(`/tasks?parent=${id}`);
        found = body.data[0]?.id ?? id;
      }
      const task = await world.api.final(found);
      return brief(task, task.delivery, `${server.heads.length} sent`);
    },
  };
}

const STATUS: readonly Case[] = [
  status(
    "POST, 200 with more than maxBytes",
    "succeeded, delivered, bodyError too_large, 1 sent",
    () => ({ body: LONG }),
    { maxBytes: 1_000 },
  ),
  ...["POST", "PUT", "PATCH", "DELETE"].map((method) =>
    status(
      `${method}, 200 that says gzip and is not`,
      "succeeded, delivered, bodyError bad_response, 1 sent",
      sent("gzip", Buffer.from("ok")),
      { method },
    )
  ),
  status(
    "POST, 200 with a body that is cut",
    "succeeded, delivered, bodyError connection_reset, 1 sent",
    () => ({ body: LONG, cut: 100 }),
  ),
  status(
    "POST, 201 with a body that stalls",
    "succeeded, delivered, bodyError timeout, 1 sent",
    () => ({ status: "201 Created", body: LONG, cut: 100, hangs: true }),
    { timeout: "500ms" },
  ),
  status(
    "POST with extract, 200 with a body that is cut",
    "failed, delivered, connection_reset, 1 sent",
    () => ({ body: LONG, cut: 100 }),
    { extract: { words: true } },
  ),
  status(
    "POST with save, 200 with more than maxBytes",
    "failed, delivered, too_large, 1 sent",
    () => ({ body: LONG }),
    { save: true, maxBytes: 1_000 },
  ),
  status(
    "POST, 503 with a body that is cut",
    "failed, not_delivered, http_503, 4 sent",
    () => ({ status: "503 Service Unavailable", body: LONG, cut: 100 }),
  ),
  status(
    "POST, 404 with a body that says br and is not",
    "failed, not_delivered, http_404, 1 sent",
    () => ({ status: "404 Not Found", headers: { "content-encoding": "br" }, body: "no" }),
  ),
  status(
    "a method of one's own, 200 with a cut body",
    "succeeded, delivered, bodyError connection_reset, 1 sent",
    () => ({ body: LONG, cut: 10 }),
    { method: "PURGE" },
  ),
  follow(
    "callback, 200 with a page of 100 KiB",
    "callback",
    ({ submit, echo }, url) => submit("/fetch", { url: `${echo}/200`, callback: `${url}/` }),
  ),
  follow(
    "chat, 200 with a page of 100 KiB",
    "chat",
    ({ submit }, url) => submit("/notify", { to: url.replace("http:", "json:"), text: "hello" }),
  ),
];

/** Rows of F1, F2 and F3. */
export const BODIES: readonly Case[] = [...ENDS, ...PARTS, ...STATUS];
