import assert from "node:assert/strict";
import {
  brotliCompressSync,
  deflateRawSync,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from "node:zlib";
import { type Compute, TooCostlyError } from "../../../src/channels/compute/compute.ts";
import { BodyError, type BodySink, type Coding } from "../../../src/channels/compute/decoder.ts";
import { openCompute } from "../../../src/channels/compute/threaded_compute.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { FakeClock } from "../../support/fake_clock.ts";

function setup({ entry, clock = systemClock }: { entry?: URL; clock?: typeof systemClock } = {}) {
  const lost: string[] = [];
  const compute = openCompute({
    jobs: {},
    clock,
    onLost: (reason) => lost.push(reason),
    ...(entry ? { entry } : {}),
  });
  return { compute, lost, [Symbol.asyncDispose]: () => compute.close() };
}

const costly = new URL("../support/costly_jobs.ts", import.meta.url);
/** Any name: the jobs of the entry above look only at their input. */
const run = (compute: Compute, what: string, signal?: AbortSignal) =>
  compute.run("extract", [what as never, ""], signal);

class Collected implements BodySink {
  bytes = 0;
  ended = false;
  readonly chunks: Uint8Array[] = [];
  write(chunk: Uint8Array): void {
    this.bytes += chunk.length;
    if (this.bytes < 2 ** 20) this.chunks.push(new Uint8Array(chunk));
  }
  end(): void {
    this.ended = true;
  }
  abandon(): void {}
}

async function decode(compute: Compute, body: Uint8Array, codings: Coding[], step = 65_536) {
  const sink = new Collected();
  const decoder = compute.decode(sink, codings);
  for (let at = 0; at < body.length; at += step) await decoder.write(body.subarray(at, at + step));
  await decoder.end();
  return sink;
}

Deno.test("A job runs on its thread and returns its result", async () => {
  await using world = setup();
  const { json, css, errors } = await world.compute.run("extract", [
    { json: { a: "/a" }, css: { b: "b" } },
    '{"a": 1}',
  ]);
  assert.deepEqual([json, css, errors], [{ a: 1 }, { b: [] }, {}]);
});

Deno.test("A mail composed on the thread has the bytes of one composed here", async () => {
  await using world = setup();
  const { inlineCompute } = await import("../../../src/channels/compute/inline_compute.ts");
  const payload = JSON.stringify({
    from: { address: "post@example.org" },
    to: [{ address: "ada@example.org" }],
    cc: [],
    bcc: [],
    subject: "Files",
    headers: {},
    html: "<p>See <b>here</b></p>",
    attachments: [{ filename: "a.bin", content: btoa("x".repeat(100_000)) }],
  });
  const options = { taskId: "tsk_1", date: 0 };
  const there = await world.compute.run("compose", [payload, options as never]);
  const here = await inlineCompute().run("compose", [payload, options as never]);
  assert.deepEqual(new Uint8Array(there.bytes), new Uint8Array(here.bytes));
});

Deno.test("A long note is converted on the thread into the requests that its service makes", async () => {
  await using world = setup();
  const payload = JSON.stringify({
    target: "json://127.0.0.1:9/path",
    shown: "json://127.0.0.1:9/path",
    title: "t",
    markdown: "**bold** ".repeat(1_000),
    attachments: [],
  });
  const [request, ...others] =
    await world.compute.run("chat", ["json", payload, { taskId: "tsk_1" }]) ??
      [];
  assert.equal(others.length, 0);
  assert.equal(request?.url, "http://127.0.0.1:9/path");
  assert.equal(
    await world.compute.run("chat", ["json", payload.replaceAll("json:", "x:"), { taskId: "t" }]),
    undefined,
  );
});

Deno.test("A job that exceeds its memory fails alone, and the thread is replaced", async () => {
  await using world = setup({ entry: costly });
  const waiting = ["one", "memory", "two", "three"].map((what) => run(world.compute, what));
  const results = await Promise.allSettled(waiting);
  assert.deepEqual(results.map(({ status }) => status), [
    "fulfilled",
    "rejected",
    "fulfilled",
    "fulfilled",
  ]);
  const [, failed] = results;
  assert.ok(failed?.status === "rejected" && failed.reason instanceof TooCostlyError);
  assert.match(world.lost.join(), /exceeded its memory/);
});

Deno.test("A job that exceeds its time fails alone", async () => {
  const clock = new FakeClock();
  await using world = setup({ entry: costly, clock });
  // The time of a job begins when its thread has started.
  await run(world.compute, "before");
  const never = assert.rejects(run(world.compute, "never"), TooCostlyError);
  const after = run(world.compute, "after");
  await clock.advance(20_000);
  await never;
  assert.equal(await after, "after" as never);
});

Deno.test("A thread that does not start is given up after a minute", async () => {
  const clock = new FakeClock();
  const entry = new URL("data:text/javascript,import 'node:worker_threads';");
  await using world = setup({ entry, clock });
  const never = assert.rejects(run(world.compute, "never"), TooCostlyError);
  await clock.advance(59_999);
  assert.deepEqual(world.lost, []);
  await clock.advance(1);
  await never;
});

Deno.test("A thread that has many objects after its last job ends, and the next job starts another", async () => {
  await using world = setup({ entry: costly });
  const threads = [];
  for (const what of ["small", "small", "large", "small"]) {
    threads.push(await run(world.compute, what));
  }
  const [first, second, third, last] = threads;
  assert.deepEqual([second, third], [first, first]);
  assert.notEqual(last, first);
  assert.deepEqual(world.lost, []);
});

Deno.test("A job that is aborted rejects at once, and the next one runs", async () => {
  await using world = setup({ entry: costly });
  const aborter = new AbortController();
  const first = run(world.compute, "first");
  const queued = assert.rejects(
    run(world.compute, "second", aborter.signal),
    (reason) => reason === "timeout",
  );
  aborter.abort("timeout");
  await queued;
  assert.equal(await first, "first" as never);
  assert.equal(await run(world.compute, "third"), "third" as never);
});

const text = new TextEncoder().encode("A long text, again and again. ".repeat(20_000));
const noise = crypto.getRandomValues(new Uint8Array(60_000));
const encoders: { coding: Coding; encode: (body: Uint8Array) => Uint8Array }[] = [
  { coding: "gzip", encode: (body) => gzipSync(body) },
  { coding: "deflate", encode: (body) => deflateSync(body) },
  { coding: "deflate", encode: (body) => deflateRawSync(body) },
  { coding: "br", encode: (body) => brotliCompressSync(body) },
  { coding: "zstd", encode: (body) => zstdCompressSync(body) },
];

Deno.test.each(encoders)("$coding decodes, short and long", async ({ coding, encode }) => {
  await using world = setup();
  for (const body of [new Uint8Array(), noise.subarray(0, 10), noise, text]) {
    const sink = await decode(world.compute, body.length ? encode(body) : body, [coding]);
    assert.equal(sink.bytes, body.length);
    assert.deepEqual(new Uint8Array(await new Blob(sink.chunks as never).arrayBuffer()), body);
    assert.ok(sink.ended);
  }
});

Deno.test("Several codings are decoded in reverse order", async () => {
  await using world = setup();
  for (const body of [noise.subarray(0, 10), noise]) {
    const sink = await decode(world.compute, gzipSync(brotliCompressSync(body)), ["br", "gzip"]);
    assert.equal(sink.bytes, body.length);
  }
});

Deno.test("Fifty small bodies that decode to 64 MiB are refused, and a neighbour is decoded", async () => {
  await using world = setup();
  const zeros = new Uint8Array(64 * 2 ** 20);
  const bombs = [
    brotliCompressSync(zeros, { params: { 1: 4 } }),
    gzipSync(zeros),
    zstdCompressSync(zeros),
  ];
  const codings: Coding[] = ["br", "gzip", "zstd"];
  const before = Deno.memoryUsage().rss;
  const refused = Array.from({ length: 51 }, (_, n) => {
    const bomb = bombs[n % 3] ?? zeros;
    return assert.rejects(
      decode(world.compute, bomb, [codings[n % 3] ?? "br"]),
      (error) => error instanceof BodyError && error.code === "too_large",
    );
  });
  const neighbour = await decode(world.compute, gzipSync(text), ["gzip"]);
  assert.equal(neighbour.bytes, text.length);
  await Promise.all(refused);
  assert.deepEqual(world.lost, []);
  // All of them whole would be 3 GiB. The memory is that of the process, with other tests in it.
  const grown = (Deno.memoryUsage().rss - before) / 2 ** 20;
  assert.ok(grown < 1_000, `the memory grew by ${grown} MiB`);
});

Deno.test("A body that is not what it says is bad_response", async () => {
  await using world = setup();
  const plain = new TextEncoder().encode('{"this": "is JSON"}'.repeat(2_000));
  for (const body of [plain.subarray(0, 100), plain]) {
    for (const coding of ["gzip", "zstd", "br"] as const) {
      await assert.rejects(
        decode(world.compute, body, [coding]),
        (error) => error instanceof BodyError && error.code === "bad_response",
      );
    }
  }
});

Deno.test("A sink that refuses a chunk ends the decoding with its error", async () => {
  await using world = setup();
  const sink: BodySink = {
    write() {
      throw new BodyError("too_large", "enough");
    },
    end() {},
    abandon() {},
  };
  const decoder = world.compute.decode(sink, ["gzip"]);
  await assert.rejects(async () => {
    await decoder.write(gzipSync(noise));
    await decoder.end();
  }, /enough/);
  decoder.abandon();
  assert.equal((await decode(world.compute, gzipSync(text), ["gzip"])).bytes, text.length);
});
