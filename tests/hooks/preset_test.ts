import assert from "node:assert/strict";
import { eventOf, keyOf } from "../../src/hooks/preset.ts";
import { senderOf } from "./support.ts";
import type { Json } from "../../src/task/task.ts";

const DAY_MS = 86_400_000;
const bytes = (text: string) => new TextEncoder().encode(text);
const of = (headers: Record<string, string>) => ({ get: (name: string) => headers[name] ?? null });
const hmac = (id: string) => ({
  preset: "hmac",
  header: "x-sig",
  prefix: "",
  hash: "sha256",
  encoding: "hex",
  template: "{body}",
  id,
});

Deno.test.each([
  { settings: { preset: "github" }, headers: { "x-github-delivery": "d" }, payload: null, id: "d" },
  { settings: { preset: "gitlab" }, headers: { "idempotency-key": "d" }, payload: null, id: "d" },
  {
    settings: { preset: "bitbucket" },
    headers: { "x-request-uuid": "d" },
    payload: null,
    id: "d",
  },
  { settings: { preset: "gitea" }, headers: { "x-gitea-delivery": "d" }, payload: null, id: "d" },
  {
    settings: { preset: "forgejo" },
    headers: { "x-forgejo-delivery": "d" },
    payload: null,
    id: "d",
  },
  { settings: { preset: "ses" }, headers: {}, payload: { MessageId: "m" }, id: "m" },
  {
    settings: { preset: "shopify" },
    headers: { "x-shopify-webhook-id": "d" },
    payload: null,
    id: "d",
  },
  { settings: { preset: "standard" }, headers: { "webhook-id": "d" }, payload: null, id: "d" },
  { settings: { preset: "standard" }, headers: { "svix-id": "d" }, payload: null, id: "d" },
  { settings: { preset: "stripe" }, headers: {}, payload: { id: "evt_1" }, id: "evt_1" },
  { settings: { preset: "slack" }, headers: {}, payload: { event_id: "Ev1" }, id: "Ev1" },
  { settings: hmac("/a~1b/0"), headers: {}, payload: { "a/b": [7] }, id: "7" },
  { settings: hmac("X-Id"), headers: { "X-Id": "d" }, payload: null, id: "d" },
] as {
  settings: Record<string, unknown>;
  headers: Record<string, string>;
  payload: Json;
  id: string;
}[])(
  "a delivery of $settings.preset is identified by its sender's id for a day",
  ({ settings, headers, payload, id }) => {
    const key = keyOf(senderOf(settings), of(headers), payload, bytes("x"));
    assert.deepEqual(key, { senderId: id, key: id, keptMs: DAY_MS });
  },
);

Deno.test("a delivery without an id is identified by its bytes and, with a timestamp, its signature", () => {
  const slack = senderOf({ preset: "slack" });
  const keyAt = (signature: string, body: string) =>
    keyOf(slack, of({ "x-slack-signature": signature }), {}, bytes(body));
  const one = keyAt("v0=a", "x");
  assert.deepEqual({ senderId: one.senderId, keptMs: one.keptMs }, {
    senderId: undefined,
    keptMs: 600_000,
  });
  assert.equal(keyAt("v0=a", "x").key, one.key);
  assert.notEqual(keyAt("v0=b", "x").key, one.key);
  assert.notEqual(keyAt("v0=a", "y").key, one.key);
});

Deno.test("changed alerts of the same group are not a repetition", () => {
  const alertmanager = senderOf({ preset: "alertmanager" });
  const keyOfAlerts = (alerts: string) =>
    keyOf(alertmanager, of({}), { groupKey: "g", status: "firing" }, bytes(alerts));
  assert.equal(keyOfAlerts("[1]").senderId, "g firing");
  assert.equal(keyOfAlerts("[1]").key, keyOfAlerts("[1]").key);
  assert.notEqual(keyOfAlerts("[1]").key, keyOfAlerts("[1,2]").key);
});

Deno.test.each([
  { preset: "github", headers: { "x-github-event": "push" }, payload: {}, event: "push" },
  { preset: "gitlab", headers: { "x-gitlab-event": "Push Hook" }, payload: {}, event: "Push Hook" },
  {
    preset: "shopify",
    headers: { "x-shopify-topic": "orders/paid" },
    payload: {},
    event: "orders/paid",
  },
  { preset: "slack", headers: {}, payload: { type: "a", event: { type: "b" } }, event: "b" },
  { preset: "alertmanager", headers: {}, payload: { status: "firing" }, event: "firing" },
  { preset: "stripe", headers: {}, payload: { type: "invoice.paid" }, event: "invoice.paid" },
  { preset: "stripe", headers: {}, payload: [], event: undefined },
  { preset: "bitbucket", headers: { "x-event-key": "repo:push" }, payload: {}, event: "repo:push" },
  { preset: "gitea", headers: { "x-gitea-event": "push" }, payload: {}, event: "push" },
  { preset: "forgejo", headers: { "x-forgejo-event": "push" }, payload: {}, event: "push" },
  {
    preset: "pagerduty",
    headers: {},
    payload: { event: { event_type: "incident.triggered" } },
    event: "incident.triggered",
  },
  {
    preset: "mailgun",
    headers: {},
    payload: { "event-data": { event: "failed" } },
    event: "failed",
  },
  { preset: "postmark", headers: {}, payload: { RecordType: "Bounce" }, event: "Bounce" },
  { preset: "ses", headers: {}, payload: { Message: { eventType: "Bounce" } }, event: "Bounce" },
  { preset: "ses", headers: {}, payload: { eventType: "Bounce" }, event: "Bounce" },
  {
    preset: "ses",
    headers: {},
    payload: { Message: { notificationType: "Complaint" } },
    event: "Complaint",
  },
] as { preset: string; headers: Record<string, string>; payload: Json; event?: string }[])(
  "the event of a delivery of $preset is $event",
  ({ preset, headers, payload, event }) =>
    assert.equal(eventOf(senderOf({ preset }), of(headers), payload), event),
);

Deno.test("two webhooks of GitHub that report one event are two deliveries", () => {
  const github = senderOf({ preset: "github" });
  const keyAt = (hook: string) =>
    keyOf(github, of({ "x-github-delivery": "d", "x-github-hook-id": hook }), null, bytes("x"));
  assert.equal(keyAt("1").senderId, "d");
  assert.equal(keyAt("1").key, keyAt("1").key);
  assert.notEqual(keyAt("1").key, keyAt("2").key);
});

Deno.test("another event of GitLab with the same event UUID is another delivery", () => {
  const gitlab = senderOf({ preset: "gitlab" });
  const keyOfBody = (body: string) =>
    keyOf(gitlab, of({ "x-gitlab-event-uuid": "d" }), null, bytes(body));
  assert.equal(keyOfBody("a").senderId, "d");
  assert.equal(keyOfBody("a").keptMs, DAY_MS);
  assert.equal(keyOfBody("a").key, keyOfBody("a").key);
  assert.notEqual(keyOfBody("a").key, keyOfBody("b").key);
});

Deno.test("a token of Mailgun counts once, whatever comes with it", () => {
  const mailgun = senderOf({ preset: "mailgun" });
  const keyOfEvent = (id: string, token: string) =>
    keyOf(mailgun, of({}), { signature: { token }, "event-data": { id } }, bytes(id));
  assert.equal(keyOfEvent("a", "t").senderId, "a");
  assert.equal(keyOfEvent("a", "t").key, keyOfEvent("b", "t").key);
  assert.notEqual(keyOfEvent("a", "t").key, keyOfEvent("a", "u").key);
});

Deno.test("each subscription of PagerDuty delivers an event once", () => {
  const pagerduty = senderOf({ preset: "pagerduty" });
  const keyAt = (id: string, webhook: string) =>
    keyOf(pagerduty, of({ "x-webhook-id": webhook }), { event: { id } }, bytes(id)).key;
  assert.equal(keyAt("e", "1"), keyAt("e", "1"));
  assert.notEqual(keyAt("e", "1"), keyAt("e", "2"));
  assert.notEqual(keyAt("e", "1"), keyAt("f", "1"));
});

Deno.test("events of one message of Postmark are deliveries of their own", () => {
  const postmark = senderOf({ preset: "postmark" });
  const keyOfEvent = (payload: Json) =>
    keyOf(postmark, of({}), payload, bytes(JSON.stringify(payload))).key;
  const opened = (at: string) => keyOfEvent({ RecordType: "Open", MessageID: "m", At: at });
  assert.equal(opened("1"), opened("1"));
  assert.notEqual(opened("1"), opened("2"));
  const bounce = (type: string) => keyOfEvent({ RecordType: type, ID: 5, MessageID: "m" });
  assert.notEqual(bounce("Bounce"), bounce("SpamComplaint"));
});

Deno.test("every file of presets/ is in the table", async () => {
  const table = await Deno.readTextFile(new URL("../../src/hooks/table.ts", import.meta.url));
  for (const { name } of Deno.readDirSync(new URL("../../src/hooks/presets", import.meta.url))) {
    assert.ok(table.includes(`"./presets/${name}"`), name);
  }
});
