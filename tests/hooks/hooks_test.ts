import assert from "node:assert/strict";
import { type Hooks, parseHooks } from "../../src/hooks/hook_settings.ts";
import { Api } from "../support/api.ts";
import { NOW, SECRET, SENDERS } from "./support.ts";

const PUSH = { ref: "refs/heads/main", after: "abc", pusher: { name: "ada" } };
const MAIL = {
  to: "ada@example.org",
  subject: "{{ payload.pusher.name }} pushed {{ payload.after }}",
};

function hooksOf(change: Record<string, unknown> = {}, preset = "github"): Hooks {
  const hook = { preset, secret: SECRET, notify: MAIL, ...change };
  const parsed = parseHooks({ builds: hook }, () => "");
  assert.ok(!parsed.issues, JSON.stringify(parsed.issues));
  return parsed.value;
}

/** An API whose hooks a test can replace, as a reload does. */
async function setup(hookSettings: Hooks = hooksOf()) {
  const hooks = new Map(hookSettings);
  const api = await Api.open({ hookSettings: hooks });
  assert.equal(api.clock.now(), NOW);
  return {
    api,
    hooks,
    deliver: (payload: unknown, id = "d-1", headers: Record<string, string> = {}) => {
      const body = JSON.stringify(payload);
      const signed = { ...SENDERS.github!.headers(body), "x-github-delivery": id, ...headers };
      return api.call("POST", "/hooks/builds", {
        body,
        headers: { "content-type": "application/json", ...signed },
      });
    },
    list: async () => (await api.get("/hooks/builds/deliveries")).body.data,
    [Symbol.asyncDispose]: () => api[Symbol.asyncDispose](),
  };
}

Deno.test("a delivery and its tasks are stored before the response", async () => {
  await using world = await setup();
  const { status, body } = await world.deliver(PUSH);
  assert.equal(status, 202);
  assert.equal(body.verdict, "accepted");
  assert.equal(body.event, "push");
  const task = (await world.api.get(`/tasks/${body.tasks[0]}`)).body;
  assert.equal(task.payload.subject, "ada pushed abc");
  assert.deepEqual((await world.list()).map(({ id }: { id: string }) => id), [body.id]);
});

Deno.test("a repeated delivery gets the first response and creates nothing", async () => {
  await using world = await setup();
  const first = await world.deliver(PUSH);
  const again = await world.deliver(PUSH);
  assert.deepEqual({ status: again.status, id: again.body.id, duplicate: again.body.duplicate }, {
    status: 202,
    id: first.body.id,
    duplicate: true,
  });
  await world.api.clock.advance(23 * 3_600_000);
  assert.equal((await world.deliver(PUSH)).body.duplicate, true);
  assert.equal((await world.api.engine.counts()).queued, 1);
});

Deno.test("a delivery with a wrong signature is refused with one text and not stored", async () => {
  await using world = await setup();
  const wrong = { "x-hub-signature-256": "sha256=00" };
  const forged = await world.deliver(PUSH, "d-1", wrong);
  const unsigned = await world.api.post("/hooks/builds", PUSH);
  assert.deepEqual({ forged: forged.status, unsigned: unsigned.status }, {
    forged: 401,
    unsigned: 401,
  });
  assert.equal(forged.body.detail, unsigned.body.detail);
  assert.deepEqual(await world.list(), []);
  assert.equal((await world.api.post("/hooks/none", PUSH)).status, 404);
});

Deno.test("a delivery that the filter excludes is stored and creates nothing", async () => {
  await using world = await setup(hooksOf({ filter: 'payload.ref == "refs/heads/main"' }));
  assert.equal((await world.deliver({ ...PUSH, ref: "x" })).body.verdict, "filtered");
  assert.equal((await world.deliver(PUSH, "d-2")).body.verdict, "accepted");
  assert.equal((await world.api.engine.counts()).queued, 1);
});

Deno.test("a mapping error is shown, and the delivery can be replayed after a fix", async () => {
  await using world = await setup(hooksOf({ notify: { ...MAIL, text: "{{ payload.head.id }}" } }));
  const { body } = await world.deliver(PUSH);
  assert.equal(body.verdict, "failed");
  assert.equal(body.error.pointer, "/notify/text");
  assert.match(body.error.detail, /undefined variable: payload.head/);
  world.hooks.set("builds", hooksOf().get("builds")!);
  const replayed = await world.api.post(`/hooks/builds/deliveries/${body.id}/replay`);
  assert.deepEqual({
    status: replayed.status,
    verdict: replayed.body.verdict,
    replays: replayed.body.replays,
  }, { status: 202, verdict: "accepted", replays: 1 });
  const [kept] = await world.list();
  assert.equal(kept.tasks.length, 1);
  assert.equal((await world.api.post("/hooks/builds/deliveries/hkd_x/replay")).status, 404);
});

Deno.test("a mapped body that is not a valid submit fails with a pointer into the mapping", async () => {
  await using world = await setup(
    hooksOf({ notify: { ...MAIL, to: "{{ payload.pusher.name }}" } }),
  );
  const { body } = await world.deliver(PUSH);
  assert.deepEqual({ verdict: body.verdict, pointer: body.error.pointer }, {
    verdict: "failed",
    pointer: "/0/notify/to",
  });
});

Deno.test("several tasks of one delivery are stored together", async () => {
  const tasks = [{ notify: MAIL }, { fetch: { url: "https://example.org/{{ payload.after }}" } }];
  await using world = await setup(hooksOf({ notify: undefined, tasks }));
  const { body } = await world.deliver(PUSH);
  assert.equal(body.tasks.length, 2);
  assert.equal(
    (await world.api.get(`/tasks/${body.tasks[1]}`)).body.payload.url,
    "https://example.org/abc",
  );
});

Deno.test("a delivery over the rate gets 429 with Retry-After, one over the size gets 413", async () => {
  await using world = await setup(hooksOf({ rate: "2/1m", maxBytes: 1_000 }));
  await world.deliver(PUSH, "d-1");
  await world.deliver(PUSH, "d-2");
  const limited = await world.deliver(PUSH, "d-3");
  assert.equal(limited.status, 429);
  assert.equal(limited.headers.get("retry-after"), "30");
  await world.api.clock.advance(30_000);
  assert.equal((await world.deliver(PUSH, "d-3")).status, 202);
  assert.equal((await world.deliver({ ...PUSH, x: "x".repeat(1_000) }, "d-4")).status, 413);
});

Deno.test("a form with the field payload is parsed, as GitHub sends it", async () => {
  await using world = await setup();
  const body = new URLSearchParams({ payload: JSON.stringify(PUSH) }).toString();
  const headers = {
    "content-type": "application/x-www-form-urlencoded",
    ...SENDERS.github!.headers(body),
  };
  const answered = await world.api.call("POST", "/hooks/builds", { body, headers });
  assert.equal(answered.body.verdict, "accepted");
});

Deno.test("secret headers of a delivery are neither stored nor available to mappings", async () => {
  const notify = { ...MAIL, text: "{{ headers['authorization'] | default: 'none' }}" };
  await using world = await setup(hooksOf({ notify }));
  const { body } = await world.deliver(PUSH, "d-1", { authorization: "Bearer hush" });
  const kept = await world.api.engine.findDelivery(body.id);
  assert.ok(!/hush|sha256=/.test(JSON.stringify(kept)));
  const [task] = body.tasks;
  assert.equal((await world.api.get(`/tasks/${task}`)).body.payload.text, "none");
});

Deno.test("a full queue answers 503, so that the sender tries again later", async () => {
  await using api = await Api.open({ hookSettings: hooksOf(), maxQueued: 0 });
  const body = JSON.stringify(PUSH);
  const answered = await api.call("POST", "/hooks/builds", {
    body,
    headers: SENDERS.github!.headers(body),
  });
  assert.deepEqual({ status: answered.status, code: answered.body.code }, {
    status: 503,
    code: "queue_full",
  });
});

Deno.test("an identical alert of the same group is a repetition only for ten minutes", async () => {
  const notify = { to: "ada@example.org", subject: "{{ payload.status }}" };
  await using api = await Api.open({ hookSettings: hooksOf({ notify }, "alertmanager") });
  const send = () =>
    api.post("/hooks/builds", { groupKey: "g", status: "firing", alerts: [] }, {
      authorization: `Bearer ${SECRET}`,
    });
  await send();
  assert.equal((await send()).body.duplicate, true);
  await api.clock.advance(600_000);
  assert.equal((await send()).body.duplicate, undefined);
});

Deno.test("a signed challenge of Slack is answered and not stored", async () => {
  await using api = await Api.open({ hookSettings: hooksOf({}, "slack") });
  const body = JSON.stringify({ type: "url_verification", challenge: "a-word" });
  const headers = SENDERS.slack!.headers(body);
  const answered = await api.call("POST", "/hooks/builds", { body, headers });
  assert.deepEqual({ status: answered.status, body: answered.body }, {
    status: 200,
    body: { challenge: "a-word" },
  });
  assert.equal((await api.call("POST", "/hooks/builds", { body })).status, 401);
  assert.deepEqual((await api.get("/hooks/builds/deliveries")).body.data, []);
});
