import assert from "node:assert/strict";
import { Api } from "../../support/api.ts";
import { notifyPorts } from "../../support/notify_ports.ts";
import type { Outcome } from "../../../src/task/outcome.ts";

const SLACK = "slack://T1A2/B3C4/s3cr3ts3cr3t";
const REJECTED: Outcome = { kind: "rejected", error: { code: "http_404", detail: "Gone" } };

Deno.test("several targets are a batch: one mail and a task for each other target", async () => {
  await using api = await Api.open({
    ports: notifyPorts({ aliases: { oncall: ["bob@example.org", SLACK] } }),
  });
  const { status, body, headers } = await api.post("/notify", {
    to: ["Ada <ada@example.org>", "@oncall", "ntfys://push.example.org/s3cr3t"],
    subject: "Build 42",
    markdown: "**green**",
    severity: "success",
  });
  assert.equal(status, 202);
  assert.match(headers.get("location") ?? "", /^\/batches\/bat_/);
  assert.equal(body.total, 3);
  const tasks = [];
  for (const { id } of body.tasks) tasks.push((await api.get(`/tasks/${id}`)).body);
  assert.deepEqual(tasks.map(({ payload }) => payload.to), [
    ["Ada <ada@example.org>", "bob@example.org"],
    "slack://***",
    "ntfys://push.example.org/***",
  ]);
  assert.doesNotMatch(JSON.stringify(tasks), /s3cr3t/);
  const listed = await api.get("/tasks?q=s3cr3t");
  assert.deepEqual(listed.body.data, []);
});

Deno.test("one target is one task, and its URL is masked", async () => {
  await using api = await Api.open();
  const { body } = await api.post("/notify", { to: SLACK, title: "Hello", text: "There" });
  assert.deepEqual(body.payload, { to: "slack://***", title: "Hello", text: "There" });
});

Deno.test("a failed task is followed by its fallbacks, each a task of its own", async () => {
  await using api = await Api.open();
  const { body } = await api.post("/notify", {
    to: SLACK,
    title: "Down {{task.id}}",
    fallback: ["ntfys://push.example.org/topic", "Ada <ada@example.org>"],
    expires: "1h",
  });
  await api.finish(1, REJECTED);
  const [second] = (await api.get(`/tasks?parent=${body.id}`)).body.data;
  assert.equal(second.state, "queued");
  const { payload, expiresAt } = (await api.get(`/tasks/${second.id}`)).body;
  assert.deepEqual(payload, { to: "ntfys://push.example.org/***", title: "Down {{task.id}}" });
  assert.equal(expiresAt, body.expiresAt);
  await api.finish(1, REJECTED);
  const [third] = (await api.get(`/tasks?parent=${second.id}`)).body.data;
  assert.deepEqual((await api.get(`/tasks/${third.id}`)).body.payload.to, [
    "Ada <ada@example.org>",
  ]);
  await api.finish(1, REJECTED);
  assert.deepEqual((await api.get(`/tasks?parent=${third.id}`)).body.data, []);
});

Deno.test("a callback reports the end of the first task only", async () => {
  await using api = await Api.open();
  const { body } = await api.post("/notify", {
    to: SLACK,
    title: "Down",
    fallback: "ada@example.org",
    callback: "https://example.org/hook",
  });
  await api.finish(1, REJECTED);
  const children = (await api.get(`/tasks?parent=${body.id}`)).body.data;
  assert.deepEqual(children.map(({ type }: { type: string }) => type).sort(), ["fetch", "notify"]);
  const mail = children.find(({ type }: { type: string }) => type === "notify");
  await api.finish(2, REJECTED);
  assert.deepEqual((await api.get(`/tasks?parent=${mail.id}`)).body.data, []);
});

Deno.test("a delivered task has no fallback", async () => {
  await using api = await Api.open();
  const { body } = await api.post("/notify", { to: SLACK, title: "Up", fallback: "a@example.org" });
  await api.finish(1);
  assert.deepEqual((await api.get(`/tasks?parent=${body.id}`)).body.data, []);
});

Deno.test("a template renders the mail, and missing data is refused before anything is stored", async () => {
  await using api = await Api.open();
  const { body: { payload } } = await api.post("/notify", {
    to: "ada@example.org",
    template: "password-reset",
    data: { link: "https://example.org/?a=1&b=<2>", name: "<b>Ada</b>\nBcc: x@y.example" },
  });
  assert.equal(payload.subject, "Reset your password");
  assert.match(payload.html, /href="https:\/\/example.org\/\?a=1&amp;b=&lt;2&gt;"/);
  assert.match(payload.html, /&lt;b&gt;Ada/);
  assert.match(payload.text, /https:\/\/example.org\/\?a=1&b=<2>/);
  const refused = await api.post("/notify", { to: "a@example.org", template: "password-reset" });
  assert.equal(refused.status, 422);
  assert.deepEqual(refused.body.errors, [{
    pointer: "/data",
    detail: 'Cannot render the template "password-reset": undefined variable: link',
  }]);
  assert.equal((await api.get("/tasks")).body.data.length, 1);
});

Deno.test("text of the caller is never rendered as a template", async () => {
  await using api = await Api.open();
  const { body } = await api.post("/notify", {
    to: "ada@example.org",
    template: "password-reset",
    data: { link: "https://a.example/{{ name }}{% assign a = 1 %}", name: "{{ link }}" },
  });
  assert.match(body.payload.text, /Hello \{\{ link \}\},/);
  assert.match(body.payload.text, /\{\{ name \}\}\{% assign a = 1 %\}/);
});

Deno.test("a delayed notification can be cancelled by its key", async () => {
  await using api = await Api.open();
  const { body } = await api.post("/notify", { to: SLACK, title: "?", delay: "10m", key: "r-1" });
  assert.deepEqual((await api.delete("/tasks?key=r-1")).body, { cancelled: 1, aborting: 0 });
  assert.equal((await api.get(`/tasks/${body.id}`)).body.state, "cancelled");
});

Deno.test("a target that the guard refuses is not stored", async () => {
  await using api = await Api.open({
    ports: notifyPorts({
      refuseUrl: ({ hostname }) =>
        hostname === "10.0.0.1" ? { code: "address_refused", detail: "Not public" } : undefined,
    }),
  });
  const { status, body } = await api.post("/notify", {
    to: ["a@example.org", "json://10.0.0.1/"],
    title: "x",
  });
  assert.deepEqual({ status, pointer: body.errors[0].pointer }, { status: 422, pointer: "/to/1" });
  assert.deepEqual((await api.get("/tasks")).body.data, []);
});

Deno.test("a large body that is stored lets the next one in, also while its caller waits", async () => {
  await using api = await Api.open();
  const body = {
    to: "ada@example.org",
    subject: "Long",
    text: "x",
    attachments: [{ filename: "a.bin", content: "QUJD".repeat(5 * 2 ** 20) }],
  };
  const waiting = api.post("/notify", body, { prefer: "wait=50" });
  const { status } = await api.post("/notify", body);
  assert.equal(status, 202);
  await api.clock.advance(50_000);
  assert.equal((await waiting).status, 202);
});
