import assert from "node:assert/strict";
import { openIds } from "../../../src/lib/ids.ts";
import { openSubmitParser } from "../../../src/task/input/parse_submit.ts";
import type { Issue } from "../../../src/task/issues.ts";
import type { Ports } from "../../../src/task/ports.ts";
import { DEFAULT_RETRIES } from "../../../src/task/retry.ts";
import { notifyPorts } from "../../support/notify_ports.ts";

const NOW = Date.UTC(2026, 0, 1);
const URL_ = "https://example.org/";
const context = () => ({ ids: openIds(() => NOW, (bytes) => bytes.fill(7)), now: NOW });
const { notify, fetch } = openSubmitParser({
  mailLaneOf: () => "mail:localhost:25",
  mailFrom: "postrider@localhost",
  readTargets: (target: string) => [
    { channel: "chat", lane: "chat", url: new URL(URL_), target, shown: "chat://***" },
  ],
  refuseUrl: (url: URL) =>
    url.hostname === "10.0.0.1" ? { code: "address_refused", detail: "Not public" } : undefined,
} as Partial<Ports> as Ports);

const MAIL = {
  to: "ada@example.org",
  subject: "It {{task.state}}",
  text: "{{task.result.status}}",
};
const fetchOf = (body: unknown) => {
  const draft = fetch(body, context());
  assert.ok(!draft.issues, JSON.stringify(draft.issues));
  return draft.value;
};
const pointersOf = (body: unknown) => fetch(body, context()).issues?.map(({ pointer }) => pointer);

Deno.test("a callback becomes a follow-up on every end, with the retries of callbacks", () => {
  const { drafted: [one] } = fetchOf({ url: URL_, callback: "https://example.org/told?token=x" });
  const [followUp, ...more] = one?.task.followUps ?? [];
  assert.deepEqual(more, []);
  assert.equal(followUp?.kind, "callback");
  assert.equal(followUp?.on.length, 6);
  assert.deepEqual(followUp?.task.retry, DEFAULT_RETRIES.callback);
  assert.equal(followUp?.task.label, "POST https://example.org/told?token=***");
  assert.equal(followUp?.task.channel, "callback");
});

Deno.test("onSuccess and onFailure become follow-ups with their own options", () => {
  const { drafted: [one] } = fetchOf({
    url: URL_,
    onSuccess: { notify: { ...MAIL, delay: "10m" } },
    onFailure: { fetch: { url: "https://example.org/{{task.id}}", retry: 0, expires: "1h" } },
  });
  const [success, failure] = one?.task.followUps ?? [];
  assert.deepEqual({ success: success?.on, failure: failure?.on }, {
    success: ["succeeded"],
    failure: ["failed", "expired"],
  });
  assert.equal(success?.task.delayMs, 600_000);
  assert.equal(success?.task.lane, "mail:localhost:25");
  assert.deepEqual({ retry: failure?.task.retry, expiresMs: failure?.task.expiresMs }, {
    retry: [],
    expiresMs: 3_600_000,
  });
  assert.ok(!("id" in (success?.task ?? {})) && !("createdAt" in (success?.task ?? {})));
});

Deno.test("beside a list, callback and onComplete are the batch's, onFailure is each request's", () => {
  const { drafted, batch } = fetchOf({
    urls: [URL_, "https://example.com/"],
    callback: "https://example.org/told",
    onComplete: {
      notify: {
        ...MAIL,
        subject: "{{batch.counts.succeeded}} of {{batch.total}}",
        text: "{{batch.list}}",
      },
    },
    onFailure: { notify: MAIL },
  });
  assert.deepEqual(batch?.followUps?.map(({ kind }) => kind), ["callback", "chain"]);
  assert.deepEqual(drafted.map(({ task }) => task.followUps?.map(({ on }) => on)), [
    [["failed", "expired"]],
    [["failed", "expired"]],
  ]);
});

Deno.test.each([
  { body: { callback: "ftp://example.org" }, pointers: ["/callback"] },
  { body: { callback: "https://10.0.0.1/" }, pointers: ["/callback"] },
  { body: { callback: "https://example.org/{{task.id}}" }, pointers: ["/callback"] },
  { body: { callback: 1 }, pointers: ["/callback"] },
  { body: { onSuccess: "mail" }, pointers: ["/onSuccess"] },
  { body: { onSuccess: {} }, pointers: ["/onSuccess"] },
  { body: { onSuccess: { notify: MAIL, fetch: { url: URL_ } } }, pointers: ["/onSuccess"] },
  { body: { onSuccess: { mail: MAIL } }, pointers: ["/onSuccess"] },
  { body: { onSuccess: { notify: { ...MAIL, to: "x" } } }, pointers: ["/onSuccess/notify/to"] },
  {
    body: { onFailure: { fetch: { url: "https://10.0.0.1/" } } },
    pointers: ["/onFailure/fetch/url"],
  },
  { body: { onFailure: { fetch: { urls: [URL_] } } }, pointers: ["/onFailure/fetch/urls"] },
  {
    body: { onFailure: { fetch: { url: URL_, onSuccess: { notify: MAIL } } } },
    pointers: ["/onFailure/fetch/onSuccess"],
  },
  { body: { onComplete: { notify: MAIL } }, pointers: ["/onComplete"] },
  {
    body: { onSuccess: { notify: { ...MAIL, quiet: "22:00-07:00" } } },
    pointers: ["/onSuccess/notify/quiet"],
  },
])("what cannot follow is refused where it stands: $body", ({ body, pointers }) => {
  assert.deepEqual(pointersOf({ url: URL_, ...body }), pointers);
});

Deno.test("in a batch a issue points into the entry, or at the default that is to blame", () => {
  const bad = { onSuccess: { notify: { ...MAIL, to: "x" } } };
  assert.deepEqual(pointersOf({ requests: [{ url: URL_ }, { url: URL_, ...bad }] }), [
    "/requests/1/onSuccess/notify/to",
  ]);
  assert.deepEqual(pointersOf({ requests: [{ url: URL_ }, { url: URL_ }], ...bad }), [
    "/onSuccess/notify/to",
  ]);
  assert.deepEqual(pointersOf({ urls: [URL_, "https://10.0.0.1/"] }), ["/urls/1"]);
  assert.deepEqual(pointersOf({ requests: [{ url: "https://10.0.0.1/" }] }), ["/requests/0/url"]);
});

Deno.test("a notification may have followUps, too", () => {
  const draft = notify({ ...MAIL, callback: URL_, onFailure: { fetch: { url: URL_ } } }, context());
  assert.ok(!draft.issues);
  assert.deepEqual(draft.value.drafted[0]?.task.followUps?.map(({ kind }) => kind), [
    "callback",
    "chain",
  ]);
});

Deno.test("a notification to several targets has one callback, and each target has its own onFailure", () => {
  const draft = notify(
    { ...MAIL, to: ["ada@example.org", "chat://a"], callback: URL_, onFailure: { notify: MAIL } },
    context(),
  );
  assert.ok(!draft.issues);
  const { drafted, batch } = draft.value;
  assert.deepEqual(batch?.followUps?.map(({ kind }) => kind), ["callback"]);
  assert.deepEqual(drafted.map(({ task }) => task.followUps?.map(({ kind }) => kind)), [
    ["chain"],
    ["chain"],
  ]);
});

const targets = (count: number) =>
  Array.from({ length: count }, (_, i) => `json://example.org/${i}`);
const long = (characters: number) => "x".repeat(characters);

Deno.test.each([
  {
    what: "more tasks than a batch holds",
    body: { notifications: Array.from({ length: 11 }, () => ({ to: targets(999), text: "x" })) },
    pointer: "/notifications",
  },
  {
    what: "a text for many targets",
    body: { to: targets(999), text: long(100_000) },
    pointer: "/to",
  },
])("$what is refused before it is multiplied", ({ body, pointer }) => {
  assert.deepEqual(notify(body, context()).issues?.map((issue) => issue.pointer), [pointer]);
});

Deno.test.each([
  { beside: { body: long(10_000), method: "POST" } },
  { beside: { json: { deep: [long(10_000)] }, method: "POST" } },
  { beside: { headers: { "x-a": long(10_000) } } },
])("a default that thousands of requests would repeat is refused", ({ beside }) => {
  const urls = Array.from({ length: 9_000 }, () => URL_);
  assert.deepEqual(pointersOf({ urls, ...beside }), ["/urls"]);
  assert.equal(pointersOf({ urls: urls.slice(0, 10), ...beside }), undefined);
});

/** A parser that counts what is rendered, and renders `letters` of text. */
function countingParser(letters: number) {
  const counted = { renders: 0 };
  const parser = openSubmitParser({
    ...notifyPorts({
      render: () => {
        counted.renders++;
        return { value: { subject: "Hello", text: "x".repeat(letters) } };
      },
    }),
    mailLaneOf: () => "mail:localhost:25",
    mailFrom: "postrider@localhost",
  });
  return { parser, counted };
}

Deno.test("a batch is parsed and drafted in steps of one request each", () => {
  const { parser, counted } = countingParser(10);
  const notifications = Array.from({ length: 500 }, (_, index) => ({
    to: "ada@example.org",
    template: "t",
    data: { index },
  }));
  const steps = parser.steps("notify", { notifications }, context());
  let count = 0;
  for (let before = 0;; before = counted.renders) {
    const { done, value } = steps.next();
    if (done) {
      assert.equal(value.issues, undefined);
      break;
    }
    count++;
    assert.ok(counted.renders - before <= 1, "more than one rendering between two steps");
  }
  assert.equal(count, 1_000);
});

Deno.test("what all entries of a batch share is rendered once", () => {
  const { parser, counted } = countingParser(10);
  const batch = {
    template: "t",
    data: { name: "Ada" },
    notifications: Array(100).fill({ to: "ada@example.org" }),
  };
  const parsed = parser.notify(batch, context());
  assert.equal(parsed.issues, undefined);
  assert.equal(counted.renders, 1);
});

Deno.test("follow-ups that all entries share are parsed once", () => {
  const requests = Array.from({ length: 50 }, () => ({ url: URL_ }));
  const { drafted } = fetchOf({ requests, onSuccess: { notify: MAIL } });
  const [first, ...others] = drafted.map(({ task }) => task.followUps);
  assert.equal(first?.length, 1);
  for (const followUps of others) assert.equal(followUps, first);
});

Deno.test("what templates make for one batch is limited, also when it is rendered once", () => {
  const { parser, counted } = countingParser(1_000_000);
  const notifications = Array(1_000).fill({ to: "ada@example.org" });
  const shared = parser.notify({ template: "t", data: {}, notifications }, context());
  const limited = [{ pointer: "/template", detail: /33554432 characters/ }];
  const told = (issues: readonly Issue[] = []) => {
    assert.equal(issues.length, limited.length);
    for (const [index, { pointer, detail }] of issues.entries()) {
      assert.equal(pointer, limited[index]?.pointer);
      assert.match(detail, limited[index]?.detail ?? assert.fail());
    }
  };
  told(shared.issues);
  const own = notifications.map((entry) => ({ ...entry, data: {} }));
  counted.renders = 0;
  told(parser.notify({ template: "t", notifications: own }, context()).issues);
  assert.ok(counted.renders <= 34, `${counted.renders} rendered`);
});

Deno.test("an issue of follow-ups that are defaults points to the default", () => {
  const onSuccess = { fetch: { url: "x" } };
  assert.deepEqual(pointersOf({ urls: [URL_], onSuccess }), ["/onSuccess/fetch/url"]);
  assert.deepEqual(pointersOf({ requests: [{ url: URL_ }], onSuccess }), ["/onSuccess/fetch/url"]);
  assert.deepEqual(pointersOf({ requests: [{ url: URL_, onSuccess }] }), [
    "/requests/0/onSuccess/fetch/url",
  ]);
});

Deno.test("defaults that every entry replaces are checked too", () => {
  const requests = [{ url: URL_, timeout: "1s", headers: {}, delay: "1s" }];
  assert.deepEqual(pointersOf({ requests, timeout: 42 }), ["/timeout"]);
  assert.deepEqual(pointersOf({ requests, headers: { a: 1 } }), ["/headers/a"]);
  assert.deepEqual(pointersOf({ requests, delay: "soon" }), ["/delay"]);
});

const at = (ms: number) => new Date(NOW + ms).toISOString();
Deno.test.each([
  { options: { expires: "1s" }, fits: true },
  { options: { expires: at(1) }, fits: true },
  { options: { expires: at(0) }, fits: false },
  { options: { expires: "2020-01-01T00:00:00Z" }, fits: false },
  { options: { expires: "1h", delay: "59m" }, fits: true },
  { options: { expires: "1h", delay: "1h" }, fits: false },
  { options: { expires: at(5_000), runAt: at(5_000) }, fits: false },
  { options: { expires: at(5_001), runAt: at(5_000) }, fits: true },
  { options: { expires: "1s", runAt: at(5_000) }, fits: false },
])("$options leave time for an attempt: $fits", ({ options, fits }) => {
  assert.deepEqual(pointersOf({ url: URL_, ...options }), fits ? undefined : ["/expires"]);
  const batch = { requests: [{ url: URL_ }, { url: URL_, ...options }] };
  assert.deepEqual(pointersOf(batch), fits ? undefined : ["/requests/1/expires"]);
});

Deno.test("the content of each fallback counts for the size of a submit", () => {
  const text = "x".repeat(20 * 2 ** 20);
  const fallback = ["a@example.org", "b@example.org", "c@example.org", "d@example.org"];
  const pointers = (to: string[]) =>
    notify({ to: "ada@example.org", text, fallback: to }, context()).issues?.map(
      ({ pointer }) => pointer,
    );
  assert.equal(pointers(fallback.slice(0, 2)), undefined);
  assert.deepEqual(pointers(fallback), ["/to"]);
});
