import assert from "node:assert/strict";

import { makeIdentity, openTlsRelay } from "../channels/support/tls_relay.ts";
import { needs } from "../support/needs.ts";
import { aFolder, type Api, startPostrider, type TaskView } from "../support/process.ts";
import { startUpstream } from "../support/upstream.ts";

interface BatchView {
  readonly id: string;
  readonly done: boolean;
  readonly counts: Readonly<Record<string, number>>;
}

Deno.test(
  "a mail reaches a real relay over STARTTLS with login",
  needs("node", "openssl"),
  async () => {
    await using identity = await makeIdentity();
    await using relay = await openTlsRelay(identity);
    await using data = await aFolder();
    await using service = startPostrider({
      data: data.path,
      env: {
        POSTRIDER_MAIL: `smtp://ada:p%40ss%3Aword@localhost:${relay.plain}?tls=required`,
        POSTRIDER_CA_FILE: identity.certFile,
      },
    });
    const api = await service.listening;
    const mail = { to: "Ada <ada@example.org>", subject: "Hello", text: "It rides." };
    const { body: accepted } = await api.call<{ id: string }>("/notify", mail);

    const received = await relay.next();
    assert.deepEqual({ user: received.user, secure: received.secure }, {
      user: "ada",
      secure: true,
    });
    assert.deepEqual(received.to, ["ada@example.org"]);
    assert.match(received.body, /It rides\./);
    const task = await api.final(accepted.id) as TaskView & { result: { relay: string } };
    assert.deepEqual({ state: task.state, delivery: task.delivery }, {
      state: "succeeded",
      delivery: "delivered",
    });
    assert.match(task.result.relay, /localhost/);
  },
);

Deno.test("an address on this machine is fetched when it is allowed, and no other", async () => {
  await using upstream = startUpstream();
  await using data = await aFolder();
  await using service = startPostrider({ data: data.path, env: upstream.env });
  const api = await service.listening;
  const { body: accepted } = await api.call<{ id: string }>("/fetch", { url: upstream.url });
  const task = await api.final(accepted.id) as TaskView & { result: { body: string } };
  assert.equal(task.result.body, "ridden");

  const { status, body } = await api.call<{ code: string; errors: { pointer: string }[] }>(
    "/fetch",
    { url: "http://10.0.0.1/" },
  );
  assert.deepEqual({ status, code: body.code, pointer: body.errors[0]?.pointer }, {
    status: 422,
    code: "address_refused",
    pointer: "/url",
  });
  assert.equal((await api.counts())["succeeded"], 1, "nothing of the refused one is stored");
});

Deno.test("a batch of 1,000 URLs runs concurrently and is gathered by one call", async () => {
  await using upstream = startUpstream();
  await using data = await aFolder();
  await using service = startPostrider({ data: data.path, env: upstream.env });
  const api = await service.listening;
  const urls = Array.from({ length: 1_000 }, (_, i) => `${upstream.url}/hold/${i}`);
  const { status, body: batch } = await api.call<BatchView>("/fetch", { urls });
  assert.equal(status, 202);
  // Nothing is answered before this many requests are under way at once.
  await upstream.held(64);
  upstream.release();
  const gathered = await gather(api, batch.id);
  assert.equal(gathered.counts["succeeded"], 1_000);
  assert.equal(upstream.asked.size, 1_000);
});

async function gather(api: Api, id: string): Promise<BatchView> {
  for (;;) {
    const { body } = await api.call<BatchView>(`/batches/${id}?wait=30s`);
    if (body.done) return body;
  }
}
