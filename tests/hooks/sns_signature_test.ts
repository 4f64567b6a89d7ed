import assert from "node:assert/strict";
import { createSign } from "node:crypto";
import { parseHooks } from "../../src/hooks/hook_settings.ts";
import { parseTopic, readMessage } from "../../src/hooks/sns_signature.ts";
import { openCertificateFetcher } from "../../src/service/certificates.ts";
import { openGuard, parseFetchAllow } from "../../src/channels/guard/guard.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { Api } from "../support/api.ts";
import { makeIdentity } from "../channels/support/tls_relay.ts";
import { needs } from "../support/needs.ts";
import { aFolder } from "../support/process.ts";

const ARN = "arn:aws:sns:eu-west-1:123456789012:bounces";
const ORIGIN = "https://sns.eu-west-1.amazonaws.com";
const URL = `${ORIGIN}/SimpleNotificationService-0123456789abcdef.pem`;
const FIELDS: Readonly<Record<string, string>> = {
  Notification: "Message MessageId Subject Timestamp TopicArn Type",
  SubscriptionConfirmation: "Message MessageId SubscribeURL Timestamp Token TopicArn Type",
};

/** A certificate like the one of SNS, and its key. */
async function aCertificate(): Promise<{ pem: string; key: string }> {
  await using folder = await aFolder();
  const [key, cert] = [`${folder.path}/key.pem`, `${folder.path}/cert.pem`];
  const { success } = await new Deno.Command("openssl", {
    args: [
      ..."req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=sns.amazonaws.com".split(" "),
      ...["-keyout", key, "-out", cert],
    ],
    stderr: "null",
  }).output();
  assert.ok(success);
  return { pem: await Deno.readTextFile(cert), key: await Deno.readTextFile(key) };
}

const certificate = needs("openssl").ignore ? { pem: "", key: "" } : await aCertificate();

type Message = Record<string, unknown>;

function signed(fields: Message = {}, { key = certificate.key, version = "2" } = {}): Message {
  const message: Message = {
    Type: "Notification",
    MessageId: "m-1",
    TopicArn: ARN,
    Message: '{"eventType":"Bounce"}',
    Timestamp: new Date(systemClock.now()).toISOString(),
    ...fields,
  };
  const text = (FIELDS[String(message.Type)] ?? "").split(" ")
    .filter((name) => message[name] !== undefined)
    .map((name) => `${name}\n${message[name]}\n`).join("");
  const signing = createSign(version === "1" ? "RSA-SHA1" : "RSA-SHA256").update(text);
  return {
    ...message,
    SignatureVersion: version,
    Signature: key === "" ? "" : signing.sign(key, "base64"),
    SigningCertURL: URL,
  };
}

/** Whether a message is genuine, by the certificate that its own URL names. */
function isGenuine(message: unknown, now = systemClock.now()): boolean {
  const body = new TextEncoder().encode(
    typeof message === "string" ? message : JSON.stringify(message),
  );
  return readMessage(body, parseTopic(ARN)!, now)?.isSignedWith(certificate.pem, now) ?? false;
}

Deno.test.each([
  { arn: ARN, origin: ORIGIN },
  {
    arn: "arn:aws-cn:sns:cn-north-1:123456789012:a.fifo",
    origin: "https://sns.cn-north-1.amazonaws.com.cn",
  },
  {
    arn: "arn:aws-us-gov:sns:us-gov-west-1:123456789012:a",
    origin: "https://sns.us-gov-west-1.amazonaws.com",
  },
  { arn: "arn:aws:sns:evil.example/:123456789012:a", origin: undefined },
  { arn: "arn:aws:sqs:eu-west-1:123456789012:a", origin: undefined },
  { arn: `${ARN}/x`, origin: undefined },
])("the certificates of $arn are at $origin", ({ arn, origin }) => {
  assert.equal(parseTopic(arn)?.origin, origin);
});

Deno.test("signed messages are genuine, of each kind and version", needs("openssl"), () => {
  assert.ok(isGenuine(signed()));
  assert.ok(isGenuine(signed({}, { version: "1" })));
  assert.ok(isGenuine(signed({ Subject: "a\nb ü" })));
  assert.ok(isGenuine(signed({
    Type: "SubscriptionConfirmation",
    Token: "t",
    SubscribeURL: `${ORIGIN}/?Action=ConfirmSubscription&Token=t`,
  })));
});

Deno.test("no other message is genuine", needs("openssl"), async () => {
  const hours = (count: number) => new Date(systemClock.now() + count * 3_600_000).toISOString();
  const other = await aCertificate();
  const wrong: Record<string, unknown> = {
    "another text": { ...signed(), Message: "{}" },
    "an added subject": { ...signed(), Subject: "x" },
    "another kind": { ...signed(), Type: "UnsubscribeConfirmation" },
    "an unknown kind": { ...signed(), Type: "constructor" },
    "another topic, which is signed too": signed({ TopicArn: `${ARN}2` }),
    "the topic as a list": { ...signed(), TopicArn: [ARN] },
    "another key": signed({}, { key: other.key }),
    "another version": { ...signed(), SignatureVersion: "1" },
    "an unknown version": { ...signed(), SignatureVersion: "3" },
    "no signature": { ...signed(), Signature: undefined },
    "an empty signature": { ...signed(), Signature: "" },
    "a cut signature": { ...signed(), Signature: String(signed().Signature).slice(0, 20) },
    "an old message": signed({ Timestamp: hours(-13) }),
    "a message of the future": signed({ Timestamp: hours(1) }),
    "no time": signed({ Timestamp: "soon" }),
    "a number": signed({ Message: 5 }),
    "no JSON": "{",
    "a list": [signed()],
    "deep JSON": `{"a":${"[".repeat(50)}${"]".repeat(50)}}`,
  };
  for (const [why, message] of Object.entries(wrong)) assert.ok(!isGenuine(message), why);
});

Deno.test.each([
  "https://sns.eu-west-1.amazonaws.com.evil.example/SimpleNotificationService-1.pem",
  "https://sns.eu-west-1.amazonaws.com:444/SimpleNotificationService-1.pem",
  "https://sns.eu-west-1.amazonaws.com@evil.example/SimpleNotificationService-1.pem",
  "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-1.pem",
  "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem",
  `${ORIGIN}/SimpleNotificationService-1.pem?x`,
  `${ORIGIN}/../SimpleNotificationService-1.pem`,
  `${ORIGIN}/other.pem`,
  `${ORIGIN}/?Action=x`,
  "",
])("the certificate is never fetched from %s", (SigningCertURL) => {
  const body = new TextEncoder().encode(JSON.stringify({ ...signed(), SigningCertURL }));
  assert.equal(readMessage(body, parseTopic(ARN)!, systemClock.now()), undefined);
});

const notify = { to: "ada@example.org", subject: "{{ payload.Message.eventType }}" };

function hookWith(fields: object) {
  return parseHooks({ ses: { preset: "ses", notify, ...fields } }, () => "");
}

Deno.test("a hook with a topic has no secret, and a topic is an ARN", () => {
  assert.ok("value" in hookWith({ topic: ARN }));
  const pointers = (fields: object) => hookWith(fields).issues?.map(({ pointer }) => pointer);
  assert.deepEqual(pointers({ topic: ARN, secret: "long enough" }), ["/ses/secret"]);
  assert.deepEqual(pointers({ topic: "bounces", secret: "long enough" }), ["/ses/topic"]);
  assert.deepEqual(pointers({}), ["/ses/secret"]);
});

Deno.test(
  "a hook fetches a certificate once, and not for messages that cannot be genuine",
  needs("openssl"),
  async () => {
    const fetched: string[] = [];
    let isAway = true;
    const hooks = hookWith({ topic: ARN });
    assert.ok("value" in hooks);
    await using api = await Api.open({
      hookSettings: hooks.value,
      fetchCertificate(url) {
        fetched.push(url);
        return isAway ? Promise.reject(new Error("away")) : Promise.resolve(certificate.pem);
      },
    });
    const at = (id: string) => ({
      MessageId: id,
      Timestamp: new Date(api.clock.now()).toISOString(),
    });
    const send = (message: Message) => api.post("/hooks/ses", message);
    const waiting = await send(signed(at("m-1")));
    assert.deepEqual([waiting.status, waiting.headers.get("retry-after")], [429, "30"]);
    assert.match(JSON.stringify(api.warnings), /Cannot fetch the certificate.*away/);
    assert.equal((await send(signed(at("m-1")))).status, 429);
    assert.equal(fetched.length, 1, "a failed fetch is not repeated at once");
    isAway = false;
    await api.clock.advance(30_000);
    const delivered = await send(signed(at("m-1")));
    assert.deepEqual([delivered.status, delivered.body.verdict], [202, "accepted"]);
    assert.equal((await send(signed(at("m-1")))).body.duplicate, true);
    assert.equal((await send({ ...signed(at("m-2")), Message: "{}" })).status, 401);
    assert.equal((await send(signed({ ...at("m-3"), TopicArn: `${ARN}2` }))).status, 401);
    assert.deepEqual(fetched, [URL, URL]);
    const basic = { authorization: `Basic ${btoa("a:b")}` };
    const [task] = await api.claim();
    assert.match(String(task?.payload), /"subject":"Bounce"/);
    assert.equal((await api.post("/hooks/ses", {}, basic)).status, 401);
    // Invented certificates are limited.
    for (let n = 0; n < 20; n++) {
      await send({ ...signed(at("m-4")), SigningCertURL: URL.replace("-0", `-${n}x`) });
    }
    assert.ok(fetched.length <= 12, String(fetched.length));
  },
);

Deno.test(
  "certificates are fetched over TLS, through the guard, up to 64 KiB",
  needs("openssl"),
  async () => {
    await using identity = await makeIdentity();
    const server = Deno.serve({
      hostname: "127.0.0.1",
      port: 0,
      key: identity.key,
      cert: identity.ca,
      onListen() {},
    }, (request) => {
      const { pathname } = new globalThis.URL(request.url);
      if (pathname === "/moved") return Response.redirect("https://example.org/");
      return new Response(pathname === "/long" ? "x".repeat(70_000) : certificate.pem);
    });
    const url = `https://localhost:${server.addr.port}`;
    const options = { clock: systemClock, ca: identity.ca };
    const guardWith = (allow: string) => () =>
      openGuard({ allow: parseFetchAllow(allow), resolve: () => Promise.resolve(["127.0.0.1"]) });
    const fetchPem = openCertificateFetcher({
      ...options,
      guard: guardWith("localhost,127.0.0.1"),
    });
    assert.equal(await fetchPem(`${url}/a.pem`), certificate.pem);
    await assert.rejects(fetchPem(`${url}/moved`), /status 302/);
    await assert.rejects(fetchPem(`${url}/long`), /too long/);
    const guarded = openCertificateFetcher({ ...options, guard: guardWith("") });
    await assert.rejects(guarded(`${url}/a.pem`));
    const untrusting = openCertificateFetcher({
      clock: systemClock,
      guard: guardWith("localhost,127.0.0.1"),
    });
    await assert.rejects(untrusting(`${url}/a.pem`));
    await server.shutdown();
  },
);
