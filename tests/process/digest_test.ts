import assert from "node:assert/strict";

import { openRawRelay } from "../channels/support/raw_relay.ts";
import { serveHttp } from "../channels/support/http_servers.ts";
import { aFolder, startPostrider } from "../support/process.ts";

Deno.test("five notes of a digest are one message, and each task tells of it", async () => {
  const bodies: { title: string; message: string }[] = [];
  await using hook = serveHttp(async (request) => {
    bodies.push(await request.json());
    return new Response("ok");
  });
  await using data = await aFolder();
  await using service = startPostrider({
    data: data.path,
    env: { POSTRIDER_FETCH_ALLOW: `127.0.0.1:${hook.port}` },
  });
  const api = await service.listening;
  const titles = ["One", "Two", "Three", "Four", "Five"];
  const { status, body } = await api.call<{ tasks: { id: string }[] }>("/notify", {
    notifications: titles.map((title) => ({ title, text: `Text of ${title}` })),
    to: `json://127.0.0.1:${hook.port}/`,
    digest: { key: "builds", window: "1s" },
  });
  assert.equal(status, 202);
  for (const { id } of body.tasks) assert.equal((await api.final(id)).delivery, "delivered");
  assert.equal(bodies.length, 1);
  assert.equal(bodies[0]?.title, "One (and 4 more)");
  for (const title of titles) {
    assert.ok(bodies[0]?.message.includes(`**${title}**\n\nText of ${title}`), title);
  }
});

Deno.test("a digest that its relay finds too large is sent in as many mails as fit, and none fails", async () => {
  await using relay = openRawRelay({ ehlo: "250-relay\n250 SIZE 100000" });
  await using data = await aFolder();
  await using service = startPostrider({
    data: data.path,
    env: { POSTRIDER_MAIL: `smtp://127.0.0.1:${relay.port}?tls=none` },
  });
  const api = await service.listening;
  const { body } = await api.call<{ tasks: { id: string }[] }>("/notify", {
    notifications: ["One", "Two", "Three"].map((subject) => ({
      subject,
      text: `${subject} ${"word ".repeat(8_000)}`,
    })),
    to: "ada@example.org",
    digest: { key: "reports", window: "1s" },
  });
  for (const { id } of body.tasks) {
    const task = await api.final(id);
    assert.deepEqual([task.state, task.attempt], ["succeeded", 1], JSON.stringify(task.error));
  }
  const texts = relay.taken.map(({ text }) => text).join("\n");
  for (const subject of ["One", "Two", "Three"]) assert.ok(texts.includes(`${subject} word`));
});
