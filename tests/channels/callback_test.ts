import assert from "node:assert/strict";
import { Webhook } from "standardwebhooks";
import { openCallbackChannel } from "../../src/channels/callback.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { aContext, aFetch, anAttempt } from "./support/attempts.ts";
import { openTestHttp } from "./support/http_channel.ts";

const secretOf = (byte: number) => `whsec_${btoa(String.fromCharCode(...Array(32).fill(byte)))}`;
const BODY = JSON.stringify({ type: "task.succeeded", data: { text: "ünïcode 🚚" } });
const EVENT = { method: "POST", headers: { "content-type": "application/json" }, body: BODY };

/** A receiver that keeps what came in and answers with these, one after the other. */
function startReceiver(...answers: ResponseInit[]) {
  const received: { headers: Record<string, string>; body: string }[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const headers = Object.fromEntries(request.headers);
    received.push({ headers, body: await request.text() });
    return new Response(null, answers[received.length - 1] ?? { status: 200 });
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    received,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

const open = (http: ReturnType<typeof openTestHttp>, secrets: string[]) =>
  openCallbackChannel({ http, clock: systemClock, secrets });

Deno.test("the independent library verifies a callback, with the new secret and with the old one", async () => {
  await using http = openTestHttp();
  await using receiver = startReceiver();
  const channel = open(http, [secretOf(1), secretOf(2)]);
  const attempt = anAttempt(aFetch(receiver.url, { ...EVENT, redirects: 0 }));
  const outcome = await channel.deliver(attempt, aContext());
  assert.equal(outcome.kind, "delivered");
  const [{ headers, body }] = receiver.received as [
    { headers: Record<string, string>; body: string },
  ];
  assert.equal(headers["webhook-id"], attempt.taskId);
  for (const byte of [1, 2]) {
    assert.deepEqual(new Webhook(secretOf(byte)).verify(body, headers), JSON.parse(BODY));
  }
  assert.throws(() => new Webhook(secretOf(3)).verify(body, headers));
  assert.throws(() => new Webhook(secretOf(1)).verify(`${body} `, headers));
});

Deno.test("a host with a secret of its own gets signatures of that secret alone", async () => {
  await using http = openTestHttp();
  await using receiver = startReceiver();
  await using other = startReceiver();
  const own = { [new URL(receiver.url).host]: [secretOf(7)] };
  const channel = openCallbackChannel({ http, clock: systemClock, secrets: [secretOf(1)], own });
  for (const { url } of [receiver, other]) {
    await channel.deliver(anAttempt(aFetch(url, EVENT)), aContext());
  }
  const verify = ({ received: [first] }: typeof receiver, byte: number) =>
    new Webhook(secretOf(byte)).verify(first!.body, first!.headers);
  verify(receiver, 7);
  verify(other, 1);
  assert.throws(() => verify(receiver, 1));
  assert.throws(() => verify(other, 7));
});

Deno.test("without a secret a callback has an id and a time, and no signature", async () => {
  await using http = openTestHttp();
  await using receiver = startReceiver();
  await open(http, []).deliver(anAttempt(aFetch(receiver.url, EVENT)), aContext());
  const { headers = {} } = receiver.received[0] ?? {};
  assert.match(headers["webhook-timestamp"] ?? "", /^\d{10}$/);
  assert.equal(headers["webhook-signature"], undefined);
});

Deno.test.each([
  { status: 200, kind: "delivered" },
  { status: 204, kind: "delivered" },
  { status: 302, kind: "deferred" },
  { status: 400, kind: "deferred" },
  { status: 404, kind: "deferred" },
  { status: 410, kind: "rejected" },
  { status: 429, kind: "deferred" },
  { status: 500, kind: "deferred" },
])("a receiver that answers $status: $kind", async ({ status, kind }) => {
  await using http = openTestHttp();
  await using receiver = startReceiver({ status, headers: { location: "http://127.0.0.1/x" } });
  const attempt = anAttempt(aFetch(receiver.url, { ...EVENT, redirects: 0 }));
  const outcome = await open(http, [secretOf(1)]).deliver(attempt, aContext());
  assert.equal(outcome.kind, kind);
  if (kind !== "delivered") {
    assert.equal("error" in outcome && outcome.error.code, `http_${status}`);
  }
});

Deno.test("an address that may not be called stays refused", async () => {
  await using http = openTestHttp({ allow: "127.0.0.1:1" });
  const attempt = anAttempt(aFetch("http://127.0.0.1:2/", EVENT));
  const outcome = await open(http, []).deliver(attempt, aContext());
  assert.equal(outcome.kind, "rejected");
});

Deno.test("a callback that is answered 200 is delivered, whatever the page that comes with it", async () => {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () =>
      new Response("<p>Thank you</p>".repeat(10_000), { headers: { "content-type": "text/html" } }),
  );
  {
    await using http = openTestHttp();
    const channel = openCallbackChannel({ http, clock: systemClock, secrets: [] });
    const payload = aFetch(`http://127.0.0.1:${server.addr.port}/`, { ...EVENT, maxBytes: 65_536 });
    const outcome = await channel.deliver(anAttempt(payload), aContext());
    assert.equal(outcome.kind, "delivered");
  }
  await server.shutdown();
});
