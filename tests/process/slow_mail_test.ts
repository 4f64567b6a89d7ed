import assert from "node:assert/strict";

import { aFolder, type Api, startPostrider } from "../support/process.ts";

const ACCEPTS = 1_000;

Deno.test("a mail server that never answers slows no accept, and its tasks say what became of them", async () => {
  await using data = await aFolder();
  await using relay = startSilentRelay();
  const env = { POSTRIDER_MAIL: `smtp://127.0.0.1:${relay.port}` };
  await using service = startPostrider({ data: data.path, env });
  const api = await service.listening;

  const first = await notify(api, { timeout: "1h", retry: 0 });
  await relay.connected;
  // All are accepted while the relay has not said a word to the first one.
  await Promise.all(Array.from({ length: 8 }, async () => {
    for (let n = 0; n < ACCEPTS / 8; n++) await notify(api, {});
  }));
  const { body: running } = await api.call<{ state: string }>(`/tasks/${first}`);
  assert.equal(running.state, "running");

  relay.hangUp();
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

async function notify(api: Api, options: Record<string, unknown>): Promise<string> {
  const mail = { to: "ada@example.org", subject: "Hello", text: "It rides.", ...options };
  const { status, body } = await api.call<{ id: string }>("/notify", mail);
  assert.equal(status, 202, JSON.stringify(body));
  return body.id;
}

/** Takes every connection and says nothing, not even the greeting. */
function startSilentRelay() {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connections: Deno.Conn[] = [];
  let isClosed = false;
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
    /** Closes all connections; new ones are refused. */
    hangUp() {
      if (!isClosed) listener.close();
      isClosed = true;
      for (const connection of connections.splice(0)) connection.close();
    },
    async [Symbol.asyncDispose]() {
      this.hangUp();
      await accepting;
    },
  };
}
