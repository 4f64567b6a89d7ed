import assert from "node:assert/strict";

import { openRawRelay } from "../channels/support/raw_relay.ts";
import { aFolder, startPostrider, type TaskView } from "../support/process.ts";

Deno.test("greylisting passes by itself: only the one put off is tried again", async () => {
  const seen: string[] = [];
  await using relay = openRawRelay({
    heard: (line) => line.startsWith("RCPT") && seen.push(line),
    get rcpt() {
      const isNew = seen.filter((line) => line === seen.at(-1)).length === 1;
      const isGrey = seen.at(-1)?.includes("grey@");
      return isNew && isGrey ? "450 4.2.0 Greylisted, try again later" : "250 ok";
    },
  });
  await using data = await aFolder();
  await using service = startPostrider({
    data: data.path,
    env: { POSTRIDER_MAIL: `smtp://127.0.0.1:${relay.port}?tls=none` },
  });
  const api = await service.listening;
  const { body } = await api.call<{ id: string }>("/notify", {
    to: ["ada@example.org", "grey@example.org"],
    subject: "Hello",
    retry: "250ms*5",
  });
  const task = await api.final(body.id) as TaskView & { result: { recipients: object[] } };
  assert.deepEqual({ state: task.state, delivery: task.delivery, attempt: task.attempt }, {
    state: "succeeded",
    delivery: "delivered",
    attempt: 2,
  });
  assert.deepEqual(relay.taken.map(({ to }) => to), [["ada@example.org"], ["grey@example.org"]]);
  const [first, second] = relay.taken.map(({ text }) => text);
  assert.equal(first, second, "the message is the same, to the byte");
});

Deno.test("templates of the operator's are read at the start, and again on SIGHUP", async () => {
  await using data = await aFolder();
  const file = `${data.path}/templates/hello.txt.liquid`;
  await Deno.mkdir(`${data.path}/templates`);
  await Deno.writeTextFile(file, "---\nsubject: Hello {{ name }}\n---\nOne");
  await using service = startPostrider({
    data: data.path,
    env: { POSTRIDER_TEMPLATES: `${data.path}/templates` },
  });
  const api = await service.listening;
  const mail = { to: "ada@example.org", template: "hello", data: { name: "Ada" } };
  const sent = async () => {
    const { body } = await api.call<{ payload: { subject: string; text: string } }>(
      "/notify",
      mail,
    );
    return [body.payload.subject, body.payload.text];
  };
  assert.deepEqual(await sent(), ["Hello Ada", "One\n"]);
  await Deno.writeTextFile(file, "---\nsubject: Hello {{ name }}\n---\nTwo");
  service.kill("SIGHUP");
  await service.lines.find(/Settings reloaded/);
  assert.deepEqual(await sent(), ["Hello Ada", "Two\n"]);
  await Deno.writeTextFile(file, "---\nsubject: Hello\n---\n{% if %}");
  service.kill("SIGHUP");
  await service.lines.find(/hello\.txt\.liquid:4:\d+/);
  assert.deepEqual(await sent(), ["Hello Ada", "Two\n"]);
});

Deno.test("a wrong template keeps the service from starting, and says where it is wrong", async () => {
  await using data = await aFolder();
  await Deno.mkdir(`${data.path}/templates`);
  await Deno.writeTextFile(
    `${data.path}/templates/a.html.liquid`,
    "---\nsubject: x\n---\n{{ a | b }}",
  );
  await using service = startPostrider({
    data: data.path,
    env: { POSTRIDER_TEMPLATES: `${data.path}/templates` },
  });
  assert.equal(await service.exit, 78);
  assert.match(service.lines.said.join("\n"), /a\.html\.liquid:4:1/);
});
