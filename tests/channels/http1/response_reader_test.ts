import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { ResponseReader } from "../../../src/channels/http1/response_reader.ts";
import { HttpFault } from "../../../src/channels/upstream.ts";
import { runs } from "../../support/runs.ts";
import { fuzzCase } from "../support/fuzz_cases.ts";
import { seeded } from "../../support/seeded.ts";

/** What a reader makes of bytes that arrive in pieces, and then the connection ends. */
function read(bytes: Buffer, splits: readonly number[] = [], method = "GET") {
  const heads: string[] = [];
  const body: Buffer[] = [];
  const reader = new ResponseReader({
    takeHead: (status, headers) => void heads.push(`${status} ${headers.join(" ")}`.trim()),
    takeData: (chunk) => void body.push(Buffer.from(chunk)),
  });
  reader.expect(method);
  let taken = 0;
  let fault = "";
  try {
    let at = 0;
    for (const end of [...splits, bytes.length]) {
      taken += reader.take(bytes.subarray(at, end));
      at = end;
      if (reader.isDone) break;
    }
    if (!reader.isDone) reader.finish();
  } catch (error) {
    assert.ok(error instanceof HttpFault);
    fault = error.code;
  }
  const text = Buffer.concat(body).toString("latin1");
  return { heads, text, taken, fault, keepAliveMs: reader.keepAliveMs };
}

const OK = "HTTP/1.1 200 OK\r\n";
const LENGTH = "Content-Length: 3\r\n";

Deno.test("a response reads the same however its bytes arrive", () => {
  for (let id = 0; id < runs(500, 5_000); id++) {
    const { bytes, method, marks } = fuzzCase(7, id);
    if (bytes.length > 60_000) continue;
    const random = seeded(id);
    const whole = read(bytes, [], method);
    const bytewise = Array.from({ length: Math.min(bytes.length, 3_000) }, (_, at) => at);
    const some = bytewise.filter(() => random() < 0.01);
    for (const splits of [bytewise, some]) {
      const split = read(bytes, splits, method);
      // What is known of a fault may come in another order.
      const [a, b] = [whole, split].map((seen) => seen.fault === "" ? seen : { ...seen, taken: 0 });
      if (whole.fault === "") assert.deepEqual(b, a, `case ${id}, ${marks}`);
      else assert.equal(split.fault, whole.fault, `case ${id}, ${marks}`);
    }
  }
});

Deno.test.each([
  { why: "a length", text: `${OK}${LENGTH}\r\nabcHTTP`, body: "abc", taken: -4, stays: 4_000 },
  { why: "no body", text: `${OK}Content-Length: 0\r\n\r\n`, body: "", taken: 0, stays: 4_000 },
  { why: "the connection", text: `${OK}\r\nabc`, body: "abc", taken: 0, stays: 0 },
  {
    why: "the last chunk",
    text: `${OK}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n2;x=y\r\nbc\r\n0\r\nT: u\r\n\r\nrest`,
    body: "abc",
    taken: -4,
    stays: 4_000,
  },
  {
    why: "a 204, whatever it says",
    text: `HTTP/1.1 204 x\r\n${LENGTH}\r\nabc`,
    body: "",
    taken: -3,
    stays: 0,
  },
  {
    why: "chunks of HTTP/1.0",
    text:
      "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    body: "",
    taken: 0,
    stays: 0,
  },
  { why: "a length of HTTP/1.0", text: `HTTP/1.0 200\r\n${LENGTH}\r\nabc`, body: "abc", stays: 0 },
  {
    why: "a length of HTTP/1.0 that stays",
    text: `HTTP/1.0 200\r\n${LENGTH}Connection: Keep-Alive\r\n\r\nabc`,
    body: "abc",
    stays: 4_000,
  },
  { why: "close", text: `${OK}${LENGTH}Connection: x, Close\r\n\r\nabc`, body: "abc", stays: 0 },
  {
    why: "a time",
    text: `${OK}${LENGTH}Keep-Alive: max=2, timeout=9\r\n\r\nabc`,
    body: "abc",
    stays: 7_000,
  },
  {
    why: "a long time",
    text: `${OK}${LENGTH}Keep-Alive: timeout=900\r\n\r\nabc`,
    body: "abc",
    stays: 30_000,
  },
  {
    why: "a short time",
    text: `${OK}${LENGTH}Keep-Alive: timeout=2\r\n\r\nabc`,
    body: "abc",
    stays: 0,
  },
])("a body ends with $why", ({ text, body, taken = 0, stays }) => {
  const seen = read(Buffer.from(text));
  assert.equal(seen.fault, "");
  assert.equal(seen.text, body);
  assert.equal(seen.taken, text.length + taken);
  assert.equal(seen.keepAliveMs, stays);
});

Deno.test("a response to HEAD has no body, and the connection is not used again", () => {
  const seen = read(Buffer.from(`${OK}${LENGTH}\r\nabc`), [], "HEAD");
  assert.deepEqual([seen.text, seen.fault, seen.keepAliveMs], ["", "", 0]);
});

Deno.test.each([
  { what: "a length beside chunks", head: `${LENGTH}Transfer-Encoding: chunked\r\n` },
  { what: "a length twice", head: LENGTH + LENGTH },
  { what: "a length that is a list", head: "Content-Length: 3, 3\r\n" },
  { what: "a length with a sign", head: "Content-Length: +3\r\n" },
  { what: "chunks within a coding", head: "Transfer-Encoding: chunked, gzip\r\n" },
  { what: "a folded header", head: "X: a\r\n b\r\n" },
  { what: "a space before a colon", head: "X : a\r\n" },
  { what: "a line that ends with LF", head: "X: a\nY: b\r\n" },
  { what: "more than 32 KiB of headers", head: `X: ${"a".repeat(32_768)}\r\n` },
])("$what is refused", ({ head }) => {
  const seen = read(Buffer.from(`${OK}${head}\r\nabc`));
  assert.deepEqual([seen.fault, seen.text, seen.heads], ["bad_response", "", []]);
});

Deno.test.each([
  { what: "a size that is no number", body: "x\r\nabc\r\n0\r\n\r\n" },
  { what: "a size with a sign", body: "+3\r\nabc\r\n0\r\n\r\n" },
  { what: "a chunk longer than its size", body: "2\r\nabc\r\n0\r\n\r\n" },
  { what: "a size line without CR", body: "3\nabc\r\n0\r\n\r\n" },
  { what: "an extension without end", body: `3;${"a".repeat(2_000)}` },
  { what: "a trailer with a length", body: "0\r\nContent-Length: 3\r\n\r\n" },
  { what: "more than 32 KiB of trailers", body: `0\r\n${`X: ${"a".repeat(999)}\r\n`.repeat(40)}` },
])("$what is refused in a chunked body", ({ body }) => {
  const seen = read(Buffer.from(`${OK}Transfer-Encoding: chunked\r\n\r\n${body}`));
  assert.equal(seen.fault, "bad_response");
});

Deno.test.each([
  { when: "within a head", text: `${OK}X: `, fault: "connection_reset" },
  { when: "within a body", text: `${OK}${LENGTH}\r\na`, fault: "connection_reset" },
  {
    when: "within a body, as announced",
    text: `${OK}Connection: close\r\n${LENGTH}\r\na`,
    fault: "bad_response",
  },
])("a connection that ends $when is $fault", ({ text, fault }) => {
  assert.equal(read(Buffer.from(text)).fault, fault);
});

Deno.test("what cannot become a head is refused before it ends", () => {
  for (const text of ["HTTP/1.2 ", "SSH-2.0", "\r\n", "HTTP/1.1 abc\r\n", `${OK}X: a\n`]) {
    const reader = new ResponseReader({ takeHead() {}, takeData() {} });
    reader.expect("GET");
    assert.throws(() => reader.take(Buffer.from(text)), { code: "bad_response" }, text);
  }
});

Deno.test("interim responses come before the response", () => {
  const text =
    `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103\r\nLink: </a>\r\n\r\n${OK}${LENGTH}\r\nabc`;
  const { heads, text: body } = read(Buffer.from(text));
  assert.deepEqual(heads, ["100", "103 link </a>", "200 content-length 3"]);
  assert.equal(body, "abc");
});
