import assert from "node:assert/strict";
import { openChatChannel } from "../../../src/channels/chat/channel.ts";
import { customService } from "../../../src/channels/chat/custom.ts";
import {
  type ChannelDefinition,
  parseChannels,
} from "../../../src/channels/chat/custom_settings.ts";
import { openTargetReader, SERVICES } from "../../../src/channels/chat/table.ts";
import type { ChatPayload } from "../../../src/task/payloads.ts";
import { aContext, anAttempt } from "../support/attempts.ts";
import { openRecorder } from "./recorder.ts";

const noFile = (): string => {
  throw new Error("no such file");
};

function read(section: unknown, readFile: (path: string) => string = noFile) {
  return parseChannels(section, readFile);
}

function definitionOf(given: unknown, readFile?: (path: string) => string): ChannelDefinition {
  const parsed = read({ pager: given }, readFile);
  assert.ok("value" in parsed, JSON.stringify(parsed));
  return parsed.value.pager ?? assert.fail();
}

async function send(
  definition: ChannelDefinition,
  recorder: ReturnType<typeof openRecorder>,
  { target = "pager://", ...more }: Partial<ChatPayload> = {},
) {
  const note = {
    target,
    shown: "pager://",
    title: 'Build "42"',
    markdown: "All **tests** pass",
    attachments: [],
    ...more,
  };
  const channel = openChatChannel(customService("pager", definition), recorder.http);
  return await channel.deliver(anAttempt(note, { taskId: "tsk_1" }), aContext());
}

Deno.test("a channel of the settings brings a note by its own request", async () => {
  await using recorder = openRecorder();
  const definition = definitionOf({
    url: "https://pager.example.org/v1/{{ target.place }}/send?to={{ target.path[0] }}",
    method: "PUT",
    headers: { Authorization: "Bearer {{ secret }}", "X-Severity": "{{ severity }}" },
    secretFile: "pager.token",
    body: { message: "{{ title }}: {{ text }}", html: "{{ html }}", n: 1, id: "{{ taskId }}" },
  }, () => "s3cr3t\n");
  const outcome = await send(definition, recorder, {
    target: "pager://team%201/ada%20b",
    severity: "failure",
  });
  assert.equal(outcome.kind, "delivered");
  const [request] = recorder.requests;
  assert.equal(request?.url, "https://pager.example.org/v1/team%201/send?to=ada%20b");
  assert.equal(request?.method, "PUT");
  assert.equal(request?.headers.get("authorization"), "Bearer s3cr3t");
  assert.equal(request?.headers.get("x-severity"), "failure");
  assert.deepEqual(request?.json, {
    message: 'Build "42": All tests pass',
    html: "<p>All <strong>tests</strong> pass</p>",
    n: 1,
    id: "tsk_1",
  });
  assert.doesNotMatch(JSON.stringify(outcome), /s3cr3t/);
});

Deno.test("values are encoded for the body that they are in", async () => {
  await using recorder = openRecorder();
  const url = "https://pager.example.org/";
  const json = definitionOf({ url, body: '{"t": "{{ title }}"}' });
  const form = definitionOf({
    url,
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: "t={{ title }}&x=1",
  });
  const xml = definitionOf({
    url,
    headers: { "content-type": "text/xml" },
    body: "<t>{{ title }}</t>",
  });
  for (const definition of [json, form, xml]) {
    await send(definition, recorder, { title: 'a"b&c<d>\r\n' });
  }
  const [first, second, third] = recorder.requests.map((request) => request.json);
  assert.deepEqual(first, { t: 'a"b&c<d>\r\n' });
  assert.deepEqual(second, { t: 'a"b&c<d>\r\n', x: "1" });
  assert.match(third, /^<t>a(?:&quot;|&#34;)b&amp;c&lt;d&gt;/);
});

Deno.test("limits cut a note, and a response says what counts and how long to wait", async () => {
  const definition = definitionOf({
    url: "https://pager.example.org/",
    limits: { title: 5, text: 100, parts: 3 },
    delivered: { status: [200], contains: "queued" },
    wait: "/retry",
  });
  const answers = [
    () => new Response('{"queued":1}'),
    () => new Response('{"queued":1}'),
    () => new Response('{"error":"slow down","retry":7}', { status: 429 }),
  ];
  await using recorder = openRecorder(...answers);
  const outcome = await send(definition, recorder, { markdown: "word ".repeat(50) });
  assert.ok(outcome.kind === "deferred");
  assert.equal(outcome.retryAfterMs, 7_000);
  assert.match(outcome.error.detail, /slow down/);
  assert.equal(recorder.requests.length, 3);
  const [first] = recorder.requests;
  assert.equal(first?.json.title.length, 5);
  await using other = openRecorder(() => new Response('{"error":"no such team"}'));
  const refused = await send(definition, other);
  assert.ok(refused.kind === "rejected");
  assert.equal(refused.error.code, "not_accepted");
  assert.match(refused.error.detail, /no such team/);
});

Deno.test("a target names the channel; a wrong definition says where", () => {
  const readTargets = openTargetReader({ pager: { url: "https://pager.example.org/x" } });
  const [place] = readTargets("pager://");
  assert.ok(typeof place === "object");
  assert.deepEqual([place.channel, place.lane, place.shown], [
    "pager",
    "https://pager.example.org:443",
    "pager://",
  ]);
  const wrong: [unknown, string][] = [
    [{ slack: { url: "https://a.example" } }, "/slack"],
    [{ "a b": { url: "https://a.example" } }, "/a b"],
    [{ pager: {} }, "/pager/url"],
    [{ pager: { url: "file:///etc/passwd" } }, "/pager/url"],
    [{ pager: { url: "https://{{ target.place }}/" } }, "/pager/url"],
    [{ pager: { url: "https://a.{{ target.place }}.example/" } }, "/pager/url"],
    [{ pager: { url: "https://a.example@{{ target.place }}/" } }, "/pager/url"],
    [{ pager: { url: "https://a.example/{{ x" } }, "/pager/url"],
    [{ pager: { url: "https://a.example", body: { a: ["{{ x | nope }}"] } } }, "/pager/body"],
    [{ pager: { url: "https://a.example", method: "DELETE" } }, "/pager/method"],
    [{ pager: { url: "https://a.example", limits: { parts: 11 } } }, "/pager/limits"],
    [{ pager: { url: "https://a.example", delivered: { status: [404] } } }, "/pager/delivered"],
    [{ pager: { url: "https://a.example", wait: "retry" } }, "/pager/wait"],
    [{ pager: { url: "https://a.example", colour: "red" } }, "/pager/colour"],
    [{ pager: { url: "https://a.example", secretFile: "none" } }, "/pager/secretFile"],
  ];
  for (const [section, pointer] of wrong) {
    assert.deepEqual(read(section).issues?.map((issue) => issue.pointer), [pointer]);
  }
});

Deno.test("a channel cannot take the name of a service", () => {
  for (const name of SERVICES.flatMap(({ name, schemes }) => [name, ...schemes])) {
    const { issues = [] } = read({ [name]: { url: "https://a.example" } });
    assert.equal(issues.length, 1, name);
  }
});
