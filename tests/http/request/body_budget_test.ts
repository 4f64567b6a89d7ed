import assert from "node:assert/strict";
import { readJson } from "../../../src/http/request/body.ts";
import { openBodyBudget } from "../../../src/http/request/body_budget.ts";
import { FakeClock } from "../../support/fake_clock.ts";

const MIB = 2 ** 20;

function setup() {
  const clock = new FakeClock();
  const takeOf = openBodyBudget(clock);
  const begun: string[] = [];
  const refused: string[] = [];
  const releases = new Map<string, () => void>();
  return {
    clock,
    takeOf,
    begun,
    refused,
    /** Lets the body `name` of the key `caller` ask for its share. */
    async ask(caller: string, name: string, mib: number, signal = new AbortController().signal) {
      takeOf(caller)(mib * MIB, signal).then((release) => {
        begun.push(name);
        releases.set(name, release);
      }, ({ code, details }) => refused.push(`${name} ${code} ${details.headers["retry-after"]}`));
      await clock.advance(0);
    },
    async release(name: string) {
      releases.get(name)?.();
      await clock.advance(0);
    },
  };
}

Deno.test("large bodies of one API key are read within its share, in their order", async () => {
  const { begun, ask, release } = setup();
  await ask("a", "first", 20);
  await ask("a", "second", 20);
  await ask("a", "third", 2);
  assert.deepEqual(begun, ["first"]);
  await release("first");
  assert.deepEqual(begun, ["first", "second", "third"]);
});

Deno.test("what one API key sends leaves a share to another", async () => {
  const { begun, ask, release } = setup();
  for (const name of ["a1", "a2", "a3"]) await ask("a", name, 32);
  await ask("b", "b1", 32);
  assert.deepEqual(begun, ["a1", "b1"]);
  await release("b1");
  assert.deepEqual(begun, ["a1", "b1"], "the share of a key is not exceeded by what others leave");
});

Deno.test("API keys take turns, however many bodies one of them has waiting", async () => {
  const { begun, ask, release } = setup();
  for (const name of ["a1", "a2", "a3"]) await ask("a", name, 32);
  for (const name of ["b1", "b2", "b3"]) await ask("b", name, 32);
  await ask("c", "c1", 32);
  await release("a1");
  assert.deepEqual(begun, ["a1", "b1", "c1"]);
  await release("b1");
  assert.deepEqual(begun, ["a1", "b1", "c1", "a2"]);
  await release("c1");
  assert.deepEqual(begun, ["a1", "b1", "c1", "a2", "b2"]);
});

Deno.test("a body that does not fit is not overtaken by smaller ones", async () => {
  const { begun, ask, release } = setup();
  await ask("a", "a1", 32);
  await ask("b", "b1", 16);
  await ask("c", "c1", 32);
  await ask("d", "d1", 2);
  assert.deepEqual(begun, ["a1", "b1"]);
  await release("b1");
  assert.deepEqual(begun, ["a1", "b1", "c1"]);
  await release("a1");
  assert.deepEqual(begun, ["a1", "b1", "c1", "d1"]);
});

Deno.test("a body that waited too long is refused, and those behind it go on", async () => {
  const { clock, begun, refused, ask, release } = setup();
  await ask("a", "first", 32);
  await ask("a", "second", 32);
  await clock.advance(44_999);
  await ask("a", "third", 1);
  assert.deepEqual(refused, []);
  await clock.advance(1);
  assert.deepEqual(refused, ["second rate_limited 5"]);
  await release("first");
  await release("first");
  assert.deepEqual(begun, ["first", "third"]);
  await ask("a", "fourth", 32);
  assert.deepEqual(begun, ["first", "third"], "a share that is given back twice counts once");
});

Deno.test("a caller who disconnects does not wait any more", async () => {
  const { clock, begun, refused, ask, release } = setup();
  const gone = new AbortController();
  await ask("a", "first", 32);
  await ask("a", "second", 32, gone.signal);
  gone.abort();
  await ask("a", "third", 32, gone.signal);
  assert.equal(refused.length, 2);
  assert.equal(clock.waiting, 0);
  await release("first");
  await ask("a", "fourth", 32);
  assert.deepEqual(begun, ["first", "fourth"]);
});

/** A request of `mib` MiB of JSON whose body is pulled piece by piece. */
function request(mib: number, isAnnounced: boolean) {
  const pulled = { bytes: 0 };
  const piece = new TextEncoder().encode("1".repeat(65_536));
  const length = mib * MIB;
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      if (pulled.bytes === length) return controller.close();
      const part = new Uint8Array(piece);
      if (pulled.bytes === 0) part[0] = 0x22;
      pulled.bytes += part.length;
      if (pulled.bytes === length) part[part.length - 1] = 0x22;
      controller.enqueue(part);
    },
  }, { highWaterMark: 0 });
  const headers = {
    "content-type": "application/json",
    ...(isAnnounced ? { "content-length": `${length}` } : {}),
  };
  return { pulled, request: new Request("http://localhost/", { method: "POST", body, headers }) };
}

Deno.test.each([
  { kind: "announced", isAnnounced: true, before: 0 },
  // What it was before is known by reading it.
  { kind: "not announced", isAnnounced: false, before: MIB + 65_536 },
])(
  "a large body whose length is $kind is left with its client",
  async ({ isAnnounced, before }) => {
    const { clock, takeOf, ask, release } = setup();
    await ask("a", "first", 32);
    const waiting = request(3, isAnnounced);
    const small = request(1, isAnnounced);
    const reading = readJson(waiting.request, 32 * MIB, clock, { take: takeOf("a") });
    const { size } = await readJson(small.request, 32 * MIB, clock, { take: takeOf("a") });
    assert.equal(size, MIB, "one of a MiB does not wait");
    await clock.advance(44_000);
    assert.equal(waiting.pulled.bytes, before);
    await release("first");
    // The wait was not the client's.
    await clock.advance(2_000);
    const body = await reading;
    assert.equal(body.size, 3 * MIB);
    body.release();
    assert.equal(clock.waiting, 0);
  },
);

Deno.test.each([
  { kind: "announced", headers: { "content-length": `${32 * MIB}` } },
  { kind: "not announced", headers: {} },
])("a large body whose length is $kind gives its share back when it stops", async ({ headers }) => {
  const { clock, takeOf, begun, ask } = setup();
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start: (controller) => controller.enqueue(new Uint8Array(2 * MIB)),
  });
  const stopped = new Request("http://localhost/", {
    method: "POST",
    body,
    headers: { "content-type": "application/json", ...headers },
  });
  const reading = readJson(stopped, 32 * MIB, clock, { take: takeOf("a") });
  const refused = assert.rejects(reading, { code: "malformed_json" });
  await clock.advance(0);
  await ask("a", "next", 32);
  assert.deepEqual(begun, []);
  await clock.advance(30_000);
  await refused;
  await clock.advance(0);
  assert.deepEqual(begun, ["next"]);
});
