import assert from "node:assert/strict";
import { MAX_DEPTH, readJson } from "../../../src/http/request/body.ts";
import { FakeClock } from "../../support/fake_clock.ts";

type Body = ConstructorParameters<typeof Request>[1] extends infer Init | undefined
  ? Init extends { body?: infer B } ? B : never
  : never;

function request(body: Body, headers: Record<string, string> = {}): Request {
  return new Request("http://localhost/", {
    method: "POST",
    body,
    headers: { "content-type": "application/json", ...headers },
  });
}

function read(body: Body, { limit = 1_000, headers = {} } = {}): Promise<unknown> {
  return readJson(request(body, headers), limit, new FakeClock()).then(({ value }) => value);
}

async function codeOf(reading: Promise<unknown>): Promise<string> {
  return await reading.then(() => "ok", (error) => error.code);
}

function chunks(...parts: string[]): ReadableStream<Uint8Array<ArrayBuffer>> {
  return ReadableStream.from(parts).pipeThrough(new TextEncoderStream());
}

const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);

Deno.test.each([
  "application/json",
  "application/json; charset=utf-8",
  "Application/JSON;charset=UTF-8",
  "application/vnd.api+json",
])("%s is JSON", async (type) => {
  assert.deepEqual(await read("{}", { headers: { "content-type": type } }), {});
});

Deno.test.each([
  "text/plain",
  "application/x-www-form-urlencoded",
  "multipart/form-data; boundary=x",
  "application/jsonp",
  "application/json; charset=latin1",
  "text/plain; application/json",
  "",
])("%j is not JSON", async (type) => {
  const headers = { "content-type": type };
  assert.equal(await codeOf(read("{}", { headers })), "unsupported_media_type");
});

Deno.test.each(["gzip", "br", "deflate", "x"])("a body that is %s is refused", async (encoding) => {
  const headers = { "content-encoding": encoding };
  assert.equal(await codeOf(read("{}", { headers })), "unsupported_media_type");
});

Deno.test.each([
  { says: "nothing", body: "", at: "position 0 (line 1, column 1)" },
  { says: "a broken object", body: '{"a":1,}', at: "position 7 (line 1, column 8)" },
  { says: "a second line", body: '{\n "a": x}', at: "position 8 (line 2, column 7)" },
  { says: "half of it", body: '{"a":[1,2', at: "position 9" },
  { says: "two values", body: "1 2", at: "position 2" },
  { says: "a bare control", body: '"a\nb"', at: "position 0" },
])("$says is malformed, and the place is told", async ({ body, at }) => {
  await assert.rejects(read(body), (error: { code: string; message: string }) => {
    assert.equal(error.code, "malformed_json");
    assert.ok(error.message.includes(at), error.message);
    return true;
  });
});

Deno.test.each([
  { kind: "announced", headers: { "content-length": "3" } },
  { kind: "not announced", headers: {} },
])("what is not UTF-8 is malformed, its length $kind", async ({ headers }) => {
  const body = new Uint8Array([0x22, 0xff, 0x22]);
  assert.equal(await codeOf(read(body, { headers })), "malformed_json");
});

Deno.test("a replacement character in the body is kept", async () => {
  assert.equal(await read('"\ufffd"', { headers: { "content-length": "5" } }), "\ufffd");
});

Deno.test("a byte order mark is ignored", async () => {
  assert.equal(await read("\ufeff1"), 1);
});

Deno.test.each([
  { kind: "announced", body: `"${"x".repeat(11)}"`, headers: { "content-length": "13" } },
  { kind: "not announced", body: chunks('"123456', '789012"') },
])("a body whose length is $kind is refused beyond the limit", async ({ body, headers = {} }) => {
  assert.equal(await codeOf(read(body, { limit: 12, headers })), "too_large");
});

Deno.test("a body of exactly the limit is read, in one piece or in several", async () => {
  assert.equal(await read('"1234567890"', { limit: 12 }), "1234567890");
  assert.equal(await read(chunks('"12345', '67890"'), { limit: 12 }), "1234567890");
});

Deno.test("a body with too large a Content-Length is refused before it is read", async () => {
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>(
    { pull: () => assert.fail("was read") },
    {
      highWaterMark: 0,
    },
  );
  const headers = { "content-length": "13" };
  assert.equal(await codeOf(read(body, { limit: 12, headers })), "too_large");
});

Deno.test.each([
  { body: nested(MAX_DEPTH), code: "ok" },
  { body: nested(MAX_DEPTH + 1), code: "invalid" },
  { body: '{"a":'.repeat(65) + "1" + "}".repeat(65), code: "invalid" },
  { body: `{"a":"${"[".repeat(100)}"}`, code: "ok" },
  { body: `{"a":"\\"${"[".repeat(100)}"}`, code: "ok" },
  { body: `{"a":"\\\\","b":${nested(64)}}`, code: "invalid" },
  { body: `[${Array(100).fill("[]").join()}]`, code: "ok" },
  { body: '"' + "[".repeat(100), code: "malformed_json" },
])("$body is $code", async ({ body, code }) => {
  assert.equal(await codeOf(read(body)), code);
});

Deno.test("a million brackets are refused at once", async () => {
  const reading = read("[".repeat(2 ** 20), { limit: 2 ** 21 });
  await assert.rejects(reading, { code: "invalid", message: /at most 64 deep/ });
});

Deno.test("a body that misses its deadline is refused and its stream cancelled", async () => {
  const clock = new FakeClock();
  let cancelled = false;
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start: (controller) => controller.enqueue(new TextEncoder().encode('{"a":')),
    cancel: () => {
      cancelled = true;
    },
  });
  const reading = codeOf(readJson(request(body), 1_000, clock));
  await clock.advance(30_000);
  assert.equal(await reading, "malformed_json");
  assert.ok(cancelled);
  await clock.advance(2_000);
  assert.equal(clock.waiting, 0);
});

Deno.test("the deadline also holds for a body with a Content-Length", async () => {
  const clock = new FakeClock();
  const never = new ReadableStream<Uint8Array<ArrayBuffer>>();
  const reading = codeOf(readJson(request(never, { "content-length": "9" }), 1_000, clock));
  await clock.advance(30_000);
  assert.equal(await reading, "malformed_json");
});

Deno.test("a body that ends early is malformed", async () => {
  const body = new ReadableStream({ start: (controller) => controller.error(new Error("reset")) });
  assert.equal(await codeOf(read(body)), "malformed_json");
});

Deno.test("a member named __proto__ is an ordinary member", async () => {
  const value = await read('{"__proto__":{"a":1}}');
  assert.ok(Object.hasOwn(value as object, "__proto__"));
  assert.equal((value as { a?: number }).a, undefined);
});
