import assert from "node:assert/strict";
import { eventOf, type HookPreset, keyOf } from "../../src/hooks/preset.ts";
import type { Json } from "../../src/task/task.ts";

const DAY_MS = 86_400_000;
const bytes = (text: string) => new TextEncoder().encode(text);
const of = (headers: Record<string, string>) => ({ get: (name: string) => headers[name] ?? null });
const hmac = (id: string): HookPreset => ({
  kind: "hmac",
  header: "x-sig",
  prefix: "",
  hash: "sha256",
  encoding: "hex",
  template: "{body}",
  id,
});

Deno.test.each([
  { preset: { kind: "github" }, headers: { "x-github-delivery": "d" }, payload: null, id: "d" },
  { preset: { kind: "gitlab" }, headers: { "x-gitlab-event-uuid": "d" }, payload: null, id: "d" },
  { preset: { kind: "shopify" }, headers: { "x-shopify-webhook-id": "d" }, payload: null, id: "d" },
  { preset: { kind: "standard" }, headers: { "webhook-id": "d" }, payload: null, id: "d" },
  { preset: { kind: "standard" }, headers: { "svix-id": "d" }, payload: null, id: "d" },
  { preset: { kind: "stripe" }, headers: {}, payload: { id: "evt_1" }, id: "evt_1" },
  { preset: { kind: "slack" }, headers: {}, payload: { event_id: "Ev1" }, id: "Ev1" },
  { preset: hmac("/a~1b/0"), headers: {}, payload: { "a/b": [7] }, id: "7" },
  { preset: hmac("X-Id"), headers: { "X-Id": "d" }, payload: null, id: "d" },
] as { preset: HookPreset; headers: Record<string, string>; payload: Json; id: string }[])(
  "a delivery of $preset.kind is identified by its sender's id for a day",
  ({ preset, headers, payload, id }) => {
    const key = keyOf(preset, of(headers), payload, bytes("x"));
    assert.deepEqual(key, { senderId: id, key: id, keptMs: DAY_MS });
  },
);

Deno.test("a delivery without an id is identified by its bytes and, with a timestamp, its signature", () => {
  const preset: HookPreset = { kind: "slack" };
  const keyAt = (signature: string, body: string) =>
    keyOf(preset, of({ "x-slack-signature": signature }), {}, bytes(body));
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
  const preset: HookPreset = { kind: "alertmanager" };
  const keyOfAlerts = (alerts: string) =>
    keyOf(preset, of({}), { groupKey: "g", status: "firing" }, bytes(alerts));
  assert.equal(keyOfAlerts("[1]").senderId, "g firing");
  assert.equal(keyOfAlerts("[1]").key, keyOfAlerts("[1]").key);
  assert.notEqual(keyOfAlerts("[1]").key, keyOfAlerts("[1,2]").key);
});

Deno.test.each([
  { kind: "github", headers: { "x-github-event": "push" }, payload: {}, event: "push" },
  { kind: "gitlab", headers: { "x-gitlab-event": "Push Hook" }, payload: {}, event: "Push Hook" },
  {
    kind: "shopify",
    headers: { "x-shopify-topic": "orders/paid" },
    payload: {},
    event: "orders/paid",
  },
  { kind: "slack", headers: {}, payload: { type: "a", event: { type: "b" } }, event: "b" },
  { kind: "alertmanager", headers: {}, payload: { status: "firing" }, event: "firing" },
  { kind: "stripe", headers: {}, payload: { type: "invoice.paid" }, event: "invoice.paid" },
  { kind: "stripe", headers: {}, payload: [], event: undefined },
] as { kind: "github"; headers: Record<string, string>; payload: Json; event?: string }[])(
  "the event of a delivery of $kind is $event",
  ({ kind, headers, payload, event }) =>
    assert.equal(eventOf({ kind }, of(headers), payload), event),
);
