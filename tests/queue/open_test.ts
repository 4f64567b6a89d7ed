import assert from "node:assert/strict";
import { openQueue, parseQueueUrl } from "../../src/queue/open.ts";
import { FakeClock } from "../support/fake_clock.ts";

Deno.test("a queue is opened by its URL, and its folder is created", async () => {
  const folder = await Deno.makeTempDir();
  {
    const path = `${folder}/deep/er/q.db`;
    await using sqlite = await openQueue(`sqlite:${path}`, { clock: new FakeClock() });
    await using memory = await openQueue("memory:", { clock: new FakeClock() });
    assert.deepEqual({ name: sqlite.name, durable: sqlite.durable }, {
      name: "sqlite",
      durable: true,
    });
    assert.deepEqual({ name: memory.name, durable: memory.durable }, {
      name: "memory",
      durable: false,
    });
    assert.ok((await Deno.stat(path)).isFile);
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a queue's URL names where tasks are stored", () => {
  assert.deepEqual(parseQueueUrl("sqlite:./data/q.db"), { kind: "sqlite", path: "./data/q.db" });
  assert.deepEqual(parseQueueUrl("memory:"), { kind: "memory" });
});

Deno.test.each([{ url: "" }, { url: "sqlite:" }, { url: "memory:x" }, { url: "mysql://db" }])(
  `"$url" is no queue`,
  ({ url }) => {
    assert.throws(() => parseQueueUrl(url), {
      name: "RangeError",
      message: `Cannot open queue "${url}": expected "sqlite:PATH", "postgres://…" or "memory:"`,
    });
  },
);
