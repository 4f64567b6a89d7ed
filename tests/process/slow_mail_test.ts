import assert from "node:assert/strict";

import { aFolder, type Api, startPostrider } from "../support/process.ts";

const ACCEPTS = 1_000;

Deno.test("a mail server that never answers slows no accept, and its tasks say what became of them", async () => {
  await using data = await aFolder();
  await using relay = startSilentRelay();
  const env = { POSTRIDER_MAIL: `smtp://127.0.0.1:${relay.port}` };
  await using service = startPostrider({ data: data.path, env });
  const api = await service.listening;
  await acceptTimes(api, { delay: "1h" }); // So that both are measured warm.
  const before = await acceptTimes(api, { delay: "1h" });

  const first = await notify(api, { timeout: "3s", retry: 0 });
  await relay.connected;
  const during = await acceptTimes(api, {});
  const { body: running } = await api.call<{ state: string }>(`/tasks/${first}`);
  assert.equal(running.state, "running");
  assert.ok(
    median(during) < 3 * median(before),
    `a median of ${median(during)} ms, and ${median(before)} ms before`,
  );

  const failed = await api.final(first);
  assert.deepEqual({ state: failed.state, delivery: failed.delivery }, {
    state: "failed",
    delivery: "not_delivered",
  });
  assert.ok(failed.error?.code, "the error is kept with the task");
  assert.ok(failed.error?.detail);
  service.kill("SIGINT");
  assert.equal(await service.exit, 130);
});

/** Milliseconds of each of a thousand accepts, eight at a time. */
async function acceptTimes(api: Api, options: Record<string, unknown>): Promise<number[]> {
  const times: number[] = [];
  await Promise.all(Array.from({ length: 8 }, async () => {
    while (times.length < ACCEPTS) {
      const at = performance.now();
      await notify(api, options);
      times.push(performance.now() - at);
    }
  }));
  return times;
}

async function notify(api: Api, options: Record<string, unknown>): Promise<string> {
  const mail = { to: "ada@example.org", subject: "Hello", text: "It rides.", ...options };
  const { status, body } = await api.call<{ id: string }>("/notify", mail);
  assert.equal(status, 202, JSON.stringify(body));
  return body.id;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? NaN;
}

/** Takes every connection and says nothing, not even the greeting. */
function startSilentRelay() {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connections: Deno.Conn[] = [];
  const connected = Promise.withResolvers<void>();
  const accepting = (async () => {
    for await (const connection of listener) {
      connections.push(connection);
      connected.resolve();
    }
  })();
  return {
    port: listener.addr.port,
    connected: connected.promise,
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting;
      for (const connection of connections) connection.close();
    },
  };
}
