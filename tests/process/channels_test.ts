import assert from "node:assert/strict";

import { openRawRelay } from "../channels/support/raw_relay.ts";
import { aFolder, startPostrider } from "../support/process.ts";
import { serveHttp } from "../channels/support/http_servers.ts";

Deno.test("a channel of the settings file is used by its name, shown by a dry run, and reloaded", async () => {
  const received: unknown[] = [];
  await using server = serveHttp(async (request) => {
    received.push([new URL(request.url).pathname, await request.json()]);
    return new Response("ok");
  });
  await using data = await aFolder();
  const config = `${data.path}/postrider.yaml`;
  const write = (word: string) =>
    Deno.writeTextFile(
      config,
      `channels:
  pager:
    url: ${server.url}/send/{{ target.place }}
    secret: s3cr3t-token
    body: { word: ${word}, message: "{{ title }}" }
`,
    );
  await write("one");
  const env = { POSTRIDER_CONFIG: config, POSTRIDER_FETCH_ALLOW: `127.0.0.1:${server.port}` };
  await using service = startPostrider({ data: data.path, env });
  const api = await service.listening;
  const send = async (to: string) => {
    const { status, body } = await api.call<{ id: string }>("/notify", { to, title: "Hello" });
    assert.equal(status, 202, JSON.stringify(body));
    const task = await api.final(body.id);
    assert.equal(task.state, "succeeded", JSON.stringify(task));
    assert.doesNotMatch(JSON.stringify(task), /s3cr3t/);
  };
  const dry = await api.call<object>("/notify?dryRun=true", { to: "@pager", title: "Hello" });
  assert.equal(dry.status, 200);
  assert.match(JSON.stringify(dry.body), new RegExp(`127\\.0\\.0\\.1`));
  await send("@pager");
  await send("pager://team");
  await write("two");
  service.kill("SIGHUP");
  await service.lines.find(/Settings reloaded/);
  await send("@pager");
  assert.deepEqual(received, [
    ["/send/", { word: "one", message: "Hello" }],
    ["/send/team", { word: "one", message: "Hello" }],
    ["/send/", { word: "two", message: "Hello" }],
  ]);
});

Deno.test("a mail waits for its relay with no attempt burned, and says what it waits for", async () => {
  const relays = { isDown: true };
  await using relay = openRawRelay({
    get greeting() {
      return relays.isDown ? "421 4.3.2 maintenance" : "220 ready";
    },
  });
  await using data = await aFolder();
  const env = { POSTRIDER_MAIL: `smtp://127.0.0.1:${relay.port}?tls=none` };
  await using service = startPostrider({ data: data.path, env });
  const api = await service.listening;
  const mails = await Promise.all(
    Array.from({ length: 20 }, async (_, i) => {
      const mail = { to: `u${i}@example.org`, subject: "Hello", retry: "1s" };
      return (await api.call<{ id: string }>("/notify", mail)).body.id;
    }),
  );
  const holds = async () => JSON.stringify((await api.call("/status")).body);
  while (!(await holds()).includes("421 4.3.2 maintenance")) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  relays.isDown = false;
  const tasks = await Promise.all(mails.map((id) => api.final(id)));
  assert.deepEqual([...new Set(tasks.map(({ state }) => state))], ["succeeded"]);
  const attempts = tasks.map(({ attempt }) => attempt);
  assert.ok(attempts.filter((count) => count > 1).length <= 1, attempts.join());
});

Deno.test("mails that wait for a relay follow the relay that is set now", async () => {
  await using refusing = openRawRelay({ greeting: "554 5.7.1 go away" });
  await using healthy = openRawRelay();
  await using data = await aFolder();
  const env = (port: number) => ({ POSTRIDER_MAIL: `smtp://127.0.0.1:${port}?tls=none` });
  const ids: string[] = [];
  {
    await using service = startPostrider({ data: data.path, env: env(refusing.port) });
    const api = await service.listening;
    for (let i = 0; i < 5; i++) {
      const mail = { to: `u${i}@example.org`, subject: "Hello" };
      ids.push((await api.call<{ id: string }>("/notify", mail)).body.id);
    }
    const status = async () => JSON.stringify((await api.call("/status")).body);
    while (!(await status()).includes("554 5.7.1")) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const run = await api.call(`/tasks/${ids[4]}/run`, {});
    assert.equal(run.status, 409);
    service.kill("SIGTERM");
    assert.equal(await service.exit, 0);
  }
  await using service = startPostrider({ data: data.path, env: env(healthy.port) });
  const api = await service.listening;
  for (const id of ids) {
    await api.call(`/tasks/${id}/run`, {});
    assert.equal((await api.final(id)).state, "succeeded");
  }
  assert.equal(healthy.taken.length, 5);
});
