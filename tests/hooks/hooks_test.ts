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
  assert.equal(task.source, "hook:builds");
  const page = await (await world.api.raw("/ui/hooks/builds")).text();
  assert.match(page, /href="\/ui\/tasks\?source=hook%3Abuilds"/);
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
    pointer: "/notify/to",
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

Deno.test("a sender that logs in is asked to do so", async () => {
  await using api = await Api.open({ hookSettings: hooksOf({}, "alertmanager") });
  const { status, headers } = await api.post("/hooks/builds", {});
  assert.deepEqual([status, headers.get("www-authenticate")?.split(" ")[0]], [401, "Basic"]);
});

Deno.test("a delivery that could not be mapped is mapped when it comes again after a fix", async () => {
  await using world = await setup(hooksOf({ notify: { ...MAIL, text: "{{ payload.head.id }}" } }));
  const first = await world.deliver(PUSH);
  assert.equal(first.body.verdict, "failed");
  const unmended = await world.deliver(PUSH);
  assert.deepEqual([unmended.body.verdict, unmended.body.duplicate], ["failed", true]);
  world.hooks.set("builds", hooksOf().get("builds")!);
  const both = await Promise.all([world.deliver(PUSH), world.deliver(PUSH)]);
  assert.deepEqual(both.map(({ body }) => body.verdict), ["accepted", "accepted"]);
  assert.deepEqual(both.map(({ body }) => body.id), [first.body.id, first.body.id]);
  assert.equal((await world.deliver(PUSH)).body.duplicate, true);
  assert.equal((await world.api.engine.counts()).queued, 1);
  const [stored] = await world.list();
  assert.deepEqual([stored.verdict, stored.tasks.length], ["accepted", 1]);
});

Deno.test("deliveries are counted by verdict, and one that cannot be mapped is logged", async () => {
  const notify = { ...MAIL, text: "{{ payload.text }}" };
  const filter = 'payload.ref == "refs/heads/main"';
  await using world = await setup(hooksOf({ notify, filter, rate: "4/1h" }));
  const series = async () => {
    const text = await (await world.api.raw("/metrics")).text();
    return Object.fromEntries(
      [...text.matchAll(
        /^postrider_hook_deliveries_total\{hook="builds",verdict="(\w+)"\} (\d+)/gm,
      )]
        .map(([, verdict, count]) => [verdict, Number(count)]),
    );
  };
  const verdicts = [
    "accepted",
    "filtered",
    "failed",
    "duplicate",
    "rejected",
    "limited",
    "refused",
  ];
  assert.deepEqual(await series(), Object.fromEntries(verdicts.map((verdict) => [verdict, 0])));
  const accepted = { ...PUSH, text: "x" };
  await world.deliver(accepted, "a");
  await world.deliver(accepted, "a");
  await world.deliver({ ...accepted, ref: "x" }, "b");
  const failed = await world.deliver(PUSH, "c");
  await world.deliver(PUSH, "d");
  await world.deliver(PUSH, "e", { "x-hub-signature-256": "sha256=00" });
  assert.deepEqual(await series(), {
    accepted: 1,
    duplicate: 1,
    filtered: 1,
    failed: 1,
    limited: 1,
    rejected: 1,
    refused: 0,
  });
  const [warning, ...more] = world.api.warnings.filter(({ message }) => /mapped/.test(message));
  assert.deepEqual(more, []);
  assert.deepEqual(warning?.fields, {
    hook: "builds",
    delivery: failed.body.id,
    pointer: "/notify/text",
    detail: "undefined variable: payload.text (line 1, column 4 of the text)",
  });
  const page = (await (await world.api.raw("/ui/hooks")).text()).replace(/<[^>]*>/g, "");
  assert.match(page, /1 filtered, 1 failed, 1 duplicate, 1 rejected, 1 limited/);
});

Deno.test("a subscription of SNS is confirmed by a task, and the event inside a message is read", async () => {
  const notify = {
    to: "ops@example.org",
    subject: "{{ event }}: {{ payload.Message.bounce.bouncedRecipients[0].emailAddress }}",
  };
  const secret = "sns:a-password";
  await using api = await Api.open({ hookSettings: hooksOf({ notify, secret }, "ses") });
  const send = (json: unknown) =>
    api.call("POST", "/hooks/builds", {
      body: JSON.stringify(json),
      headers: { "content-type": "text/plain", authorization: `Basic ${btoa(secret)}` },
    });
  const confirmation = (host: string) => ({
    Type: "SubscriptionConfirmation",
    MessageId: host,
    SubscribeURL: `https://${host}/?Action=ConfirmSubscription&Token=hush`,
  });
  const confirmed = await send(confirmation("sns.eu-west-1.amazonaws.com"));
  const [task] = confirmed.body.tasks;
  const { url } = (await api.get(`/tasks/${task}`)).body.payload;
  assert.equal(url, "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=***");
  const foreign = await send(confirmation("sns.example.org"));
  assert.equal(foreign.body.verdict, "failed");
  const bounce = {
    eventType: "Bounce",
    bounce: { bouncedRecipients: [{ emailAddress: "a@b.org" }] },
  };
  const { body } = await send({
    Type: "Notification",
    MessageId: "m",
    Message: JSON.stringify(bounce),
  });
  assert.equal((await api.get(`/tasks/${body.tasks[0]}`)).body.payload.subject, "Bounce: a@b.org");
});

Deno.test("a payload that is nested deeply is stored as failed, whatever the preset", async () => {
  const text = "[".repeat(500_000);
  await using world = await setup();
  const headers = { ...SENDERS.github!.headers(text), "content-type": "application/json" };
  const { status, body } = await world.api.call("POST", "/hooks/builds", { body: text, headers });
  assert.deepEqual([status, body.verdict], [202, "failed"]);
  assert.match(body.error.detail, /nested at most 64 deep/);
  await using mailgun = await Api.open({ hookSettings: hooksOf({}, "mailgun") });
  assert.equal((await mailgun.call("POST", "/hooks/builds", { body: text })).status, 401);
});
