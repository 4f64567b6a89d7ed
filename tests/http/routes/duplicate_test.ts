import assert from "node:assert/strict";
import { parseApiKeys } from "../../../src/http/auth/auth.ts";
import type { FollowUp } from "../../../src/task/task.ts";
import { Api } from "../../support/api.ts";

const REQUEST = {
  url: "https://example.org/?token=s3cret",
  method: "POST",
  headers: { Authorization: "Bearer s3cret", "X-Old": "1" },
  body: "a=1",
  redirects: 2,
  expect: { status: [200, 404], within: "2s", json: { "/ok": true } },
  extract: { lines: 3, css: { title: "h1" } },
  key: "deploys",
  tags: ["core"],
  priority: 2,
  retry: "5s, 10m*3",
  timeout: "12s",
  onUnknown: "stop",
};

Deno.test("a task is submitted once more with all that it keeps, secrets too", async () => {
  await using api = await Api.open();
  const id = await api.accept(REQUEST);
  const { status, body } = await api.post(`/tasks/${id}/duplicate`);
  assert.equal(status, 202);
  assert.notEqual(body.id, id);
  assert.ok(!JSON.stringify(body).includes("s3cret"));
  const [first, second] = await Promise.all([api.engine.find(id), api.engine.find(body.id)]);
  assert.deepEqual(JSON.parse(second?.payload ?? ""), JSON.parse(first?.payload ?? ""));
  const kept = (
    { key, tags, priority, retry, timeoutMs, onUnknown }: NonNullable<typeof first>,
  ) => ({
    key,
    tags,
    priority,
    retry,
    timeoutMs,
    onUnknown,
  });
  assert.ok(first && second);
  assert.deepEqual(kept(second), kept(first));
});

Deno.test.each([
  {
    name: "a mail",
    draft: {
      to: ["Ada <ada@example.org>", "bob@example.org"],
      cc: "carl@example.org",
      replyTo: "Help Desk <help@example.org>",
      subject: "s",
      text: "t",
      html: "<b>h</b>",
      severity: "failure",
      headers: { "X-Build": "42" },
      attachments: [
        { filename: "a.txt", content: "aGk=" },
        { filename: "b.txt", url: "https://example.org/b.txt" },
      ],
      unsubscribe: "https://example.org/u",
    },
  },
  { name: "a message", draft: { to: "json://example.org/s3cret", title: "t", markdown: "**m**" } },
])("$name is submitted once more as it was", async ({ draft }) => {
  await using api = await Api.open();
  const first = await api.post("/notify", draft);
  assert.equal(first.status, 202, JSON.stringify(first.body));
  const second = await api.post(`/tasks/${first.body.id}/duplicate`);
  assert.equal(second.status, 202, JSON.stringify(second.body));
  const payload = async (id: string) => JSON.parse((await api.engine.find(id))?.payload ?? "");
  assert.deepEqual(await payload(second.body.id), await payload(first.body.id));
});

Deno.test("what is submitted once more has the callback and the follow-ups too", async () => {
  await using api = await Api.open();
  const id = await api.accept({
    ...REQUEST,
    callback: "https://example.org/done?token=s3cret",
    onSuccess: {
      fetch: {
        url: "https://example.org/next/{{task.result.status}}",
        method: "POST",
        headers: { Authorization: "Bearer s3cret" },
        delay: "10m",
        retry: "5s, 10m*3",
        tags: ["next"],
      },
    },
    onFailure: {
      notify: {
        to: ["Ada <ada@example.org>", "json://example.org/s3cret", "ntfy://ntfy.sh/topic"],
        subject: "{{task.id}} failed",
        text: "{{task.error.detail}}",
        expires: "2h",
      },
    },
  });
  const { status, body } = await api.post(`/tasks/${id}/duplicate`);
  assert.equal(status, 202, JSON.stringify(body));
  const followUpsOf = async (id: string) =>
    (await api.engine.followUps(id)).map(({ task, ...rest }) => ({
      ...rest,
      task: { ...task, payload: JSON.parse(task.payload) },
    }));
  const followUps = await followUpsOf(id);
  assert.deepEqual(followUps.map(({ kind }) => kind), [
    "callback",
    ...["chain", "chain", "chain", "chain"],
  ]);
  assert.deepEqual(await followUpsOf(body.id), followUps);

  const onSuccess = { fetch: { url: "https://other.example.org/" } };
  const changed = await api.post(`/tasks/${id}/duplicate`, {
    callback: null,
    onFailure: null,
    onSuccess,
  });
  const [next, ...others] = await followUpsOf(changed.body.id);
  assert.deepEqual(others, []);
  // A follow-up is replaced as a whole: the secret goes to no other receiver.
  assert.deepEqual(next?.task.payload.headers, {});
});

Deno.test("what is submitted once more has the fallbacks too, and those of its follow-ups", async () => {
  await using api = await Api.open();
  const notice = { subject: "Hello", text: "It rides." };
  const fallback = [
    "json://example.org/s3cret",
    '"Ada, Countess" <ada@example.org>',
    "bob@example.org",
  ];
  const { body } = await api.post("/notify", {
    ...notice,
    to: "ntfy://ntfy.sh/topic",
    fallback,
    expires: "1h",
    onFailure: { notify: { ...notice, to: "ops@example.org", fallback } },
  });
  const again = await api.post(`/tasks/${body.id}/duplicate`);
  assert.equal(again.status, 202, JSON.stringify(again.body));
  const plain = await api.post("/notify", {
    ...notice,
    to: "ntfy://ntfy.sh/topic",
    fallback,
    onFailure: { notify: { ...notice, to: "ops@example.org", fallback } },
  });
  const followUpsOf = async (id: string) =>
    JSON.parse(
      JSON.stringify(await api.engine.followUps(id)),
      (name, value) => name === "payload" ? JSON.parse(value) : value,
    );
  const made: readonly FollowUp[] = await followUpsOf(again.body.id);
  assert.deepEqual(made.map(({ kind }) => kind), ["chain", "fallback"]);
  assert.deepEqual(made, await followUpsOf(plain.body.id));
});

Deno.test("a merge patch changes what is submitted once more", async () => {
  await using api = await Api.open();
  const id = await api.accept(REQUEST);
  const patch = { headers: { "x-old": null, "X-New": "2" }, priority: null, delay: "1h" };
  const { body } = await api.post(`/tasks/${id}/duplicate`, patch);
  const task = await api.engine.find(body.id);
  const { headers } = JSON.parse(task?.payload ?? "");
  const { "content-type": _, ...given } = headers;
  assert.deepEqual(given, { authorization: "Bearer s3cret", "x-new": "2" });
  assert.equal(task?.priority, 5);
  assert.equal(task?.dueAt, api.clock.now() + 3_600_000);
  const plan = await api.post(`/tasks/${id}/duplicate?dryRun=true`, { method: "GET", body: null });
  assert.equal(plan.body.tasks[0].payload.method, "GET");
});

Deno.test.each([
  { patch: { url: "https://example.org/?token=***" }, pointer: "/url" },
  { patch: { priority: 99 }, pointer: "/priority" },
  { patch: { nothing: 1 }, pointer: "/nothing" },
  { patch: [1], pointer: "" },
])("the patch $patch is refused at $pointer", async ({ patch, pointer }) => {
  await using api = await Api.open();
  const { status, body } = await api.post(`/tasks/${await api.accept(REQUEST)}/duplicate`, patch);
  assert.equal(status, 422);
  assert.equal(body.errors[0].pointer, pointer);
});

Deno.test("what was erased is not submitted once more", async () => {
  await using api = await Api.open();
  const id = await api.accept({ url: "https://example.org/", retain: "none" });
  await api.finish();
  const { status, body } = await api.post(`/tasks/${id}/duplicate`);
  assert.equal(status, 409);
  assert.match(body.detail, /erased/);
});

Deno.test("the secrets of another API key's request go to no other origin", async () => {
  const keys = parseApiKeys("alice:a1:fetch,ops:o1:fetch+operate+read");
  await using api = await Api.open({ keys });
  const [alice, ops] = ["a1", "o1"].map((key) => ({ authorization: `Bearer ${key}` }));
  const duplicate = (id: string, url: string, headers = ops) =>
    api.post(`/tasks/${id}/duplicate`, { url }, headers);
  const id = await api.accept(REQUEST, alice);
  for (const url of ["https://evil.example/", "http://example.org/", "https://example.org:8443/"]) {
    const { status, body } = await duplicate(id, url);
    assert.deepEqual([status, body.errors?.[0].pointer], [422, "/url"]);
  }
  assert.equal((await duplicate(id, "https://example.org/other")).status, 202);
  assert.equal((await duplicate(id, "https://example.com/", alice)).status, 202);
  const plain = await api.accept({ url: "https://example.org/" }, alice);
  assert.equal((await duplicate(plain, "https://example.com/")).status, 202);
});
