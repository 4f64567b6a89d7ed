/**
 * Relays that limit sessions, fall silent, or say something else than SMTP.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Channel } from "../../../src/channels/channel.ts";
import { type EmailOptions, openEmailChannel } from "../../../src/channels/mail/email.ts";
import { parseMailUrl, type RelaySettings } from "../../../src/channels/mail/mail_settings.ts";
import type { RelayRule } from "../../../src/channels/mail/relays.ts";
import { masking } from "../../../src/channels/mail/smtp_auth.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import type { EmailPayload } from "../../../src/task/payloads.ts";
import { aContext, anAttempt, anEmail } from "../support/attempts.ts";
import { serveHttp } from "../support/http_servers.ts";
import { openRawRelay, type Script } from "../support/raw_relay.ts";

// deno-lint-ignore no-explicit-any -- results are JSON of many shapes
type Any = any;

function relayAt(port: number, query = "tls=none", login = ""): RelaySettings {
  return parseMailUrl(`smtp://${login}127.0.0.1:${port}?${query}`) as RelaySettings;
}

function openChannel(
  relays: readonly RelayRule["relay"][],
  options: Partial<EmailOptions> = {},
): Channel & AsyncDisposable {
  const channel = openEmailChannel(parseMailUrl("outbox:unused"), {
    clock: systemClock,
    relays: relays.map((relay) => ({ relay })),
    ...options,
  });
  return Object.assign(channel, { [Symbol.asyncDispose]: async () => await channel.close?.() });
}

function to(...names: string[]): EmailPayload {
  return anEmail({ to: names.map((name) => ({ address: `${name}@example.org` })) });
}

/** An attempt that takes this long, in milliseconds. */
function within(ms: number, payload: object = anEmail()) {
  return anAttempt(payload, { deadlineAt: Date.now() + ms });
}

const limits: { readonly how: string; readonly tooMany?: Script }[] = [
  { how: "421 at the greeting" },
  { how: "554 at the greeting", tooMany: { greeting: "554 5.7.1 too many connections" } },
  { how: "a hang-up", tooMany: { greeting: "drop" } },
  { how: "421 at EHLO", tooMany: { ehlo: "421 4.7.0 too many" } },
  { how: "silence", tooMany: { greeting: "hang" } },
  { how: "421 at MAIL FROM", tooMany: { mail: "421 4.7.0 too many" } },
  { how: "450 at MAIL FROM", tooMany: { mail: "450 4.7.1 Error: too much mail" } },
  { how: "a hang-up at MAIL FROM", tooMany: { mail: "drop" } },
  { how: "421 at RCPT TO", tooMany: { rcpt: "421 too many" } },
  { how: "451 at RCPT TO", tooMany: { rcpt: "451 too many sessions" } },
  { how: "432 after the dot", tooMany: { dot: "432 4.3.2 Concurrent connections limit exceeded" } },
];

Deno.test.each(limits)(
  "A relay that refuses a third session by $how costs no mail its attempt",
  async ({ tooMany }) => {
    await using relay = openRawRelay({ sessions: 2, ...(tooMany ? { tooMany } : {}) });
    await using channel = openChannel([relayAt(relay.port)]);
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, () => channel.deliver(anAttempt(anEmail()), aContext())),
    );
    assert.deepEqual([...new Set(outcomes.map(({ kind }) => kind))], ["delivered"]);
    assert.equal(
      new Set(relay.taken.map(({ text }) => /^Message-ID: .*$/m.exec(text)?.[0])).size,
      20,
    );
  },
);

Deno.test("A refusal that is about the mail soon closes no more sessions, however often it comes", async () => {
  await using relay = openRawRelay();
  await using channel = openChannel([relayAt(relay.port)]);
  const outcomes = await Promise.all(
    Array.from({ length: 400 }, () => channel.deliver(anAttempt(to("r450")), aContext())),
  );
  assert.deepEqual([...new Set(outcomes.map(({ kind }) => kind))], ["deferred"]);
  assert.ok(relay.connections <= 30, `${relay.connections} connections`);
});

Deno.test("A mail waits for no session that is still being opened when another becomes free", async () => {
  await using relay = openRawRelay({ sessions: 2, tooMany: { greeting: "hang" } });
  await using channel = openChannel([relayAt(relay.port)]);
  const outcomes = await Promise.all(
    Array.from({ length: 40 }, () => channel.deliver(within(5_000), aContext())),
  );
  assert.ok(outcomes.every(({ kind }) => kind === "delivered"));
});

Deno.test("After an outage as many sessions are opened as before it", async () => {
  const state: { isDown: boolean } = { isDown: false };
  const script = {
    get greeting() {
      return state.isDown ? "drop" : "220 ready";
    },
    get mail() {
      return state.isDown ? "drop" : "250 ok";
    },
  } as Script;
  await using relay = openRawRelay(script);
  await using channel = openChannel([relayAt(relay.port)]);
  const send = () =>
    Promise.all(
      Array.from({ length: 30 }, () => channel.deliver(anAttempt(anEmail()), aContext())),
    );
  await send();
  state.isDown = true;
  assert.ok((await send()).every(({ kind }) => kind === "deferred"));
  state.isDown = false;
  const before = relay.connections;
  assert.ok((await send()).every(({ kind }) => kind === "delivered"));
  assert.equal(relay.connections - before, 8);
});

Deno.test("An attempt that is aborted while TLS or a token is awaited ends at once", async () => {
  const waits = { starttls: "220 go", quiet: true };
  await using relay = openRawRelay({ ehlo: "250-relay\n250 STARTTLS", ...waits });
  await using channel = openChannel([relayAt(relay.port, "tls=required")]);
  const [asked, end] = [Promise.withResolvers<void>(), Promise.withResolvers<Response>()];
  await using endpoint = serveHttp(() => {
    asked.resolve();
    return end.promise;
  });
  await using modern = openRawRelay({ ehlo: "250-relay\n250 AUTH XOAUTH2" });
  const oauth = { user: "a", tokenUrl: `${endpoint.url}/`, clientId: "c", refreshToken: "refresh" };
  await using other = openChannel([{ ...relayAt(modern.port), oauth }]);
  const [first, second] = [aContext(), aContext()];
  const outcomes = [
    channel.deliver(within(60_000), first),
    other.deliver(within(60_000), second),
  ];
  await Promise.all([relay.tlsAwaited, asked.promise]);
  first.abort("timeout");
  second.abort("timeout");
  const [tls, token]: Any = await Promise.all(outcomes);
  assert.deepEqual([tls.error.code, tls.evidence.stage], ["timeout", "tls"]);
  assert.deepEqual([token.error.code, token.evidence.stage], ["timeout", "login"]);
  end.resolve(Response.json({ access_token: "late" }));
});

Deno.test("When no session can be had, one mail is refused and the others are untried", async () => {
  await using relay = openRawRelay({ greeting: "421 later" });
  await using channel = openChannel([relayAt(relay.port)]);
  const outcomes: Any[] = await Promise.all(
    Array.from({ length: 20 }, () => channel.deliver(anAttempt(anEmail()), aContext())),
  );
  assert.equal(relay.connections, 1);
  assert.equal(outcomes.filter(({ untried }) => untried).length, 19);
  const [refused] = outcomes.filter(({ untried }) => !untried);
  assert.equal(refused.uncounted, 1);
  assert.deepEqual(refused.hold, {
    forMs: 5_000,
    reason: "The relay replied at the greeting: 421 later",
    probe: true,
  });
  assert.deepEqual([refused.evidence.stage, refused.evidence.reply], ["greeting", "421 later"]);
});

Deno.test("A wrong password is tried once for all that wait", async () => {
  await using relay = openRawRelay({ ehlo: "250-relay\n250 AUTH PLAIN", auth: "535 5.7.8 no" });
  await using channel = openChannel([relayAt(relay.port, "tls=none", "ada:secret@")]);
  await Promise.all(
    Array.from({ length: 20 }, () => channel.deliver(anAttempt(anEmail()), aContext())),
  );
  assert.equal(relay.connections, 1);
});

Deno.test("A mail that waits for a session is untried at its timeout, and begins late otherwise", async () => {
  const answer = Promise.withResolvers<void>();
  await using relay = openRawRelay({ sessions: 1, beforeDot: () => answer.promise });
  await using channel = openChannel([relayAt(relay.port)]);
  const first = channel.deliver(anAttempt(anEmail()), aContext());
  await relay.dotSeen;
  const [waiting, late] = [aContext(), aContext()];
  const untried = channel.deliver(anAttempt(anEmail()), waiting);
  const begun = channel.deliver(within(30_000), late);
  await new Promise((resolve) => setTimeout(resolve, 100));
  waiting.abort("timeout");
  const outcome: Any = await untried;
  assert.deepEqual([outcome.kind, outcome.untried], ["deferred", true]);
  answer.resolve();
  assert.deepEqual([(await first).kind, (await begun).kind], ["delivered", "delivered"]);
  assert.deepEqual(late.said, [{ stage: "begun" }, { stage: "sending" }]);
});

const dots: readonly { readonly dot: string; readonly ok: string; readonly kind: string }[] = [
  { dot: "250 ok", ok: "delivered", kind: "deferred" },
  { dot: "451 later", ok: "deferred", kind: "deferred" },
  { dot: "554 spam", ok: "rejected", kind: "deferred" },
  { dot: "drop", ok: "unknown", kind: "unknown" },
];

Deno.test.each(dots)(
  "Each recipient keeps what the relay said of it when the dot is answered $dot",
  async ({ dot, ok, kind }) => {
    await using relay = openRawRelay({ dot });
    await using channel = openChannel([relayAt(relay.port)]);
    const payload = to("ok", "r550", "r450");
    const outcome: Any = await channel.deliver(anAttempt(payload), aContext());
    assert.equal(outcome.kind, kind);
    const of = Object.fromEntries(
      outcome.result.recipients.map((one: Any) => [one.address.split("@")[0], one]),
    );
    assert.deepEqual([of.ok.outcome, of.r550.outcome, of.r450.outcome], [
      ok,
      "rejected",
      "deferred",
    ]);
    assert.match(of.r550.reply, /^550 said of r550/);
    await using again = openRawRelay();
    await using later = openChannel([relayAt(again.port)]);
    await later.deliver(anAttempt(payload, { number: 2, carry: outcome.carry }), aContext());
    assert.ok(!again.taken.some((mail) => mail.to.includes("r550@example.org")));
  },
);

const garbled: readonly {
  readonly when: string;
  readonly script: Script;
  readonly kind: string;
  readonly stage: string;
  /** When each command waits for the reply to the one before. */
  readonly stageInTurn?: string;
}[] = [
  { when: "25 at MAIL FROM", script: { mail: "25" }, kind: "deferred", stage: "mail" },
  { when: "25 and NUL at MAIL FROM", script: { mail: "25\0" }, kind: "deferred", stage: "mail" },
  { when: "999 at MAIL FROM", script: { mail: "999 x" }, kind: "deferred", stage: "mail" },
  { when: "354 at MAIL FROM", script: { mail: "354 x" }, kind: "deferred", stage: "mail" },
  { when: "350 at RCPT TO", script: { rcpt: "350 x" }, kind: "deferred", stage: "rcpt" },
  { when: "250 at DATA", script: { data: "250 ok" }, kind: "deferred", stage: "data" },
  { when: "25 after the dot", script: { dot: "25" }, kind: "unknown", stage: "dot" },
  { when: "25 and NUL after the dot", script: { dot: "25\0" }, kind: "unknown", stage: "dot" },
  { when: "999 after the dot", script: { dot: "999 x" }, kind: "unknown", stage: "dot" },
  {
    when: "a second reply at MAIL FROM",
    script: { mail: "250 ok\n250 ok" },
    kind: "deferred",
    stage: "data",
    stageInTurn: "rcpt",
  },
  {
    when: "a second reply at DATA",
    script: { data: "354 go on\n250 ok" },
    kind: "deferred",
    stage: "body",
  },
  {
    when: "25 and then 250 after the dot",
    script: { dot: "25\n250 ok" },
    kind: "unknown",
    stage: "dot",
  },
  {
    when: "an empty line and then 250 at MAIL FROM",
    script: { mail: "\n250 ok" },
    kind: "deferred",
    stage: "mail",
  },
  {
    when: "two codes after the dot",
    script: { dot: "250-a\n251 b" },
    kind: "unknown",
    stage: "dot",
  },
];

/** A relay that does not offer PIPELINING. */
const IN_TURN = { ehlo: "250 relay" };

const garbledInTurn = garbled.map(({ when, script, stage, stageInTurn = stage, ...row }) => (
  { ...row, when: `${when} in turn`, script: { ...IN_TURN, ...script }, stage: stageInTurn }
));

Deno.test.each([...garbled, ...garbledInTurn])(
  "$when is bad_response, and the mail is $kind",
  async (row) => {
    const heard: string[] = [];
    await using relay = openRawRelay({ ...row.script, heard: (line) => heard.push(line) });
    await using channel = openChannel([relayAt(relay.port)]);
    const outcome: Any = await channel.deliver(anAttempt(anEmail({ text: "BODY" })), aContext());
    assert.deepEqual([outcome.kind, outcome.error?.code, outcome.evidence.stage], [
      row.kind,
      "bad_response",
      row.stage,
    ]);
    if (row.stage === "data") {
      assert.ok(!heard.some((line) => line.includes("BODY") || line.startsWith("Subject")));
    }
  },
);

const stages: readonly {
  readonly script: Script;
  readonly stage: string;
  readonly reply?: RegExp;
}[] = [
  { script: { greeting: "421 a" }, stage: "greeting", reply: /^421 a/ },
  { script: { mail: "451 b" }, stage: "mail", reply: /^451 b/ },
  { script: { mail: "drop" }, stage: "mail" },
  { script: { rcpt: "421 c" }, stage: "rcpt", reply: /^421 c/ },
  { script: { data: "drop" }, stage: "data" },
  { script: { dot: "451 d" }, stage: "dot", reply: /^451 d/ },
  { script: { dot: "drop" }, stage: "dot" },
];

Deno.test.each(stages)("The evidence names the stage $stage", async ({ script, stage, reply }) => {
  await using relay = openRawRelay(script);
  await using channel = openChannel([relayAt(relay.port)]);
  const outcome: Any = await channel.deliver(anAttempt(anEmail()), aContext());
  assert.equal(outcome.evidence.stage, stage);
  if (reply) assert.match(outcome.evidence.reply, reply);
});

Deno.test("A relay that hangs up within a long body is named by the stage body", async () => {
  await using relay = openRawRelay({ ehlo: "250 relay", body: "drop" });
  await using channel = openChannel([relayAt(relay.port)], { waits: { reply: 2_000 } });
  const attachments = [{ filename: "a.bin", content: btoa("x".repeat(9_000_000)) }];
  const outcome: Any = await channel.deliver(anAttempt(anEmail({ attachments })), aContext());
  assert.deepEqual([outcome.kind, outcome.evidence.stage], ["deferred", "body"]);
});

Deno.test("A black hole ends with the timeout, its socket is closed, and the recipients are listed", async () => {
  await using relay = openRawRelay({ greeting: "hang" });
  await using channel = openChannel([relayAt(relay.port)]);
  const context = aContext();
  const delivering = channel.deliver(within(60_000), context);
  while (relay.connections === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  context.abort("timeout");
  const outcome: Any = await delivering;
  assert.deepEqual([outcome.kind, outcome.error.code], ["deferred", "timeout"]);
  assert.equal(outcome.result.recipients[0].outcome, "deferred");
  assert.equal(outcome.hold.probe, true);
});

const user = "postrider@example.org";
const pass = "S3cr€t pass/word+";
const base64 = (text: string) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));
const echoes = [
  pass,
  pass.toUpperCase(),
  encodeURIComponent(pass),
  base64(pass),
  base64(`\0${user}\0${pass}`),
  base64(`\0${user}\0${pass}`).replace(/=+$/, "").replaceAll("+", "-").replaceAll("/", "_"),
  base64(`\0${user}\0${pass}`).slice(4, 24),
  base64(user),
  user,
  new TextEncoder().encode(pass).toHex(),
];

Deno.test("Credentials are masked in a refused login, in every form that a relay may echo", async () => {
  for (const echo of echoes) {
    await using relay = openRawRelay({
      ehlo: "250-relay\n250 AUTH PLAIN LOGIN",
      auth: `535 5.7.8 denied for ${echo} (try again)`,
    });
    const login = `${encodeURIComponent(user)}:${encodeURIComponent(pass)}@`;
    await using channel = openChannel([relayAt(relay.port, "tls=none", login)]);
    const outcome: Any = await channel.deliver(anAttempt(anEmail()), aContext());
    const text = JSON.stringify(outcome);
    assert.match(outcome.error.detail, /535 5\.7\.8 denied for \*\*\* \(try again\)/, text);
    assert.ok(!text.toLowerCase().includes(echo.toLowerCase()), text);
  }
  const mask = masking(["ada"], ["secret"]);
  assert.equal(mask("550 ada@example.org unknown", "rcpt"), "550 ada@example.org unknown");
});

const hints: readonly (readonly [script: Script, query: string, login: string, says: RegExp])[] = [
  [{}, "tls=required", "", /502 what: it offers no TLS: use smtps:/],
  [
    { ehlo: "250-r\n250 AUTH PLAIN", auth: "535 no" },
    "tls=none",
    "ada:secret@",
    /535 no: check the/,
  ],
  [{ mail: "530 log in" }, "tls=none", "", /530 log in: set tls=required, or a user/],
];

Deno.test("A fault of the settings says what to set", async () => {
  for (const [script, query, login, says] of hints) {
    await using relay = openRawRelay(script);
    await using channel = openChannel([relayAt(relay.port, query, login)]);
    const outcome: Any = await channel.deliver(anAttempt(anEmail()), aContext());
    assert.match(outcome.error.detail, says);
  }
});

Deno.test("The name in EHLO is the given one, or the address of the connection", async () => {
  for (
    const [hostname, query, expected] of [
      [undefined, "tls=none", "EHLO [127.0.0.1]"],
      ["mx.example.org", "tls=none", "EHLO mx.example.org"],
      ["mx.example.org", "tls=none&name=out.example.net", "EHLO out.example.net"],
    ] as const
  ) {
    const heard: string[] = [];
    await using relay = openRawRelay({ heard: (line) => heard.push(line) });
    await using channel = openChannel([relayAt(relay.port, query)], { hostname });
    await channel.deliver(anAttempt(anEmail()), aContext());
    assert.equal(heard[0], expected);
  }
});

Deno.test("An envelope is sent at once to a relay that offers it", async () => {
  await using relay = openRawRelay({ isPatient: true });
  await using channel = openChannel([relayAt(relay.port)], { waits: { reply: 5_000 } });
  const outcome: Any = await channel.deliver(anAttempt(to("a", "r550", "b")), aContext());
  assert.deepEqual(outcome.result.recipients.map(({ outcome }: Any) => outcome), [
    "delivered",
    "rejected",
    "delivered",
  ]);
  assert.deepEqual(relay.taken[0]?.to, ["a@example.org", "b@example.org"]);
});

Deno.test.each([
  { when: "the sender is refused", script: { mail: "550 no" }, payload: to("a") },
  { when: "all recipients are refused", script: {}, payload: to("r550", "r551") },
  { when: "DATA is refused", script: { data: "550 no" }, payload: to("a") },
])(
  "A session whose envelope was sent at once goes on after $when",
  async ({ script, payload }) => {
    await using relay = openRawRelay({ isPatient: true, ...script });
    await using channel = openChannel([relayAt(relay.port)], { waits: { reply: 5_000 } });
    for (let n = 0; n < 3; n++) {
      const { kind } = await channel.deliver(anAttempt(payload), aContext());
      assert.equal(kind, "rejected");
    }
    assert.equal(relay.connections, 1);
  },
);

Deno.test("A relay that takes DATA although it refused all recipients gets no mail", async () => {
  await using relay = openRawRelay({ data: "354 go on" });
  await using channel = openChannel([relayAt(relay.port)]);
  for (let n = 0; n < 2; n++) {
    const { kind } = await channel.deliver(anAttempt(to("r550")), aContext());
    assert.equal(kind, "rejected");
  }
  assert.equal(relay.connections, 2);
  assert.deepEqual(relay.taken, []);
});

const loginMissing: readonly { readonly when: string; readonly script: Script }[] = [
  { when: "530 at MAIL FROM", script: { mail: "530 5.7.0 Authentication required" } },
  { when: "535 at MAIL FROM", script: { mail: "535 5.7.8 Authentication required" } },
  { when: "538 at MAIL FROM", script: { mail: "538 5.7.11 Encryption required" } },
  { when: "530 at RCPT TO", script: { rcpt: "530 5.7.0 Authentication required" } },
  {
    when: "530 at the second RCPT TO",
    script: { rcpt: { "b@example.org": "530 5.7.0 Authentication required" } },
  },
  { when: "534 at DATA", script: { data: "534 5.7.9 Mechanism too weak" } },
];

Deno.test.each(loginMissing)(
  "$when is a fault of the settings: the mail waits, and another relay takes it",
  async ({ script }) => {
    await using relay = openRawRelay(script);
    const payload = to("r550", "a", "b");
    await using channel = openChannel([relayAt(relay.port)]);
    const outcome: Any = await channel.deliver(anAttempt(payload), aContext());
    assert.deepEqual([outcome.kind, outcome.uncounted, outcome.hold.forMs], [
      "deferred",
      1,
      60_000,
    ]);
    assert.match(outcome.error.detail, /set tls=required, or a user and a password/);
    assert.deepEqual(relay.taken, []);
    await using next = openRawRelay();
    await using both = openChannel([relayAt(relay.port), relayAt(next.port)]);
    const other: Any = await both.deliver(anAttempt(to("a", "b")), aContext());
    assert.equal(other.kind, "delivered");
  },
);

Deno.test("A recipient that was refused before a login is asked for keeps that", async () => {
  await using relay = openRawRelay({
    rcpt: { "b@example.org": "530 5.7.0 Authentication required" },
  });
  await using channel = openChannel([relayAt(relay.port)]);
  const outcome: Any = await channel.deliver(anAttempt(to("r550", "b")), aContext());
  assert.deepEqual(
    outcome.result.recipients.map((one: Any) => one.outcome),
    ["rejected", "deferred"],
  );
});

Deno.test("530 after the whole mail rejects the mail", async () => {
  await using relay = openRawRelay({ dot: "530 5.7.0 no" });
  await using channel = openChannel([relayAt(relay.port)]);
  assert.equal((await channel.deliver(anAttempt(anEmail()), aContext())).kind, "rejected");
});

Deno.test("Logins that are offered on several lines are all known", async () => {
  await using relay = openRawRelay({ ehlo: "250-relay\n250-AUTH PLAIN LOGIN\n250 AUTH=NTLM" });
  await using channel = openChannel([relayAt(relay.port, "tls=none", "ada:secret@")]);
  assert.equal((await channel.deliver(anAttempt(anEmail()), aContext())).kind, "delivered");
});

Deno.test("A relay that takes no mail at all (521, RFC 7504) is left alone for 15 minutes", async () => {
  await using relay = openRawRelay({ greeting: "521 5.3.2 no mail here" });
  await using channel = openChannel([relayAt(relay.port)]);
  const outcome: Any = await channel.deliver(anAttempt(anEmail()), aContext());
  assert.equal(outcome.hold.forMs, 15 * 60_000);
});

const unable = [
  { what: "SMTPUTF8", ehlo: "250 relay", address: "jörg@example.org" },
  { what: "a large SIZE", ehlo: "250-relay\n250 SIZE 100", address: "bob@example.org" },
];

Deno.test.each(unable)(
  "A mail that needs $what goes to the relay that offers it",
  async ({ ehlo, address }) => {
    await using first = openRawRelay({ ehlo });
    await using second = openRawRelay({ ehlo: "250-relay\n250-8BITMIME\n250 SMTPUTF8" });
    await using channel = openChannel([relayAt(first.port), relayAt(second.port)]);
    const payload = anEmail({ to: [{ address }] });
    const outcome: Any = await channel.deliver(anAttempt(payload), aContext());
    assert.deepEqual([outcome.kind, second.taken.length], ["delivered", 1]);
    // Others still go to the first one.
    const short: Any = await channel.deliver(anAttempt(anEmail()), aContext());
    assert.equal(
      short.result.relay,
      ehlo.includes("SIZE") ? `127.0.0.1:${second.port}` : `127.0.0.1:${first.port}`,
    );
    await using alone = openChannel([relayAt(first.port), relayAt(first.port)]);
    assert.equal((await alone.deliver(anAttempt(payload), aContext())).kind, "rejected");
  },
);

Deno.test("With several relays the error holds the words of each", async () => {
  await using own = openRawRelay({ ehlo: "250-relay\n250 AUTH PLAIN", auth: "535 5.7.8 wrong" });
  await using other = openRawRelay({ greeting: "421 busy" });
  await using channel = openChannel([
    relayAt(own.port, "tls=none", "ada:secret@"),
    relayAt(other.port),
  ]);
  const outcome: Any = await channel.deliver(anAttempt(anEmail()), aContext());
  assert.match(outcome.error.detail, /535 5\.7\.8 wrong.*421 busy/);
});

Deno.test("An address beyond ASCII is sent where the relay offers SMTPUTF8, and refused with that reason elsewhere", async () => {
  const payload = anEmail({ to: [{ address: "jörg@example.org" }] });
  const heard: string[] = [];
  await using able = openRawRelay({
    ehlo: "250-relay\n250-8BITMIME\n250 SMTPUTF8",
    heard: (line) => heard.push(line),
  });
  await using channel = openChannel([relayAt(able.port)]);
  assert.equal((await channel.deliver(anAttempt(payload), aContext())).kind, "delivered");
  assert.deepEqual(able.taken[0]?.to, ["jörg@example.org"]);
  assert.ok(heard.includes("MAIL FROM:<ada@example.org> SMTPUTF8 BODY=8BITMIME"));
  await using unable = openRawRelay();
  await using other = openChannel([relayAt(unable.port)]);
  const outcome: Any = await other.deliver(anAttempt(payload), aContext());
  assert.deepEqual([outcome.kind, outcome.error.code], ["rejected", "smtputf8_not_offered"]);
  assert.match(outcome.error.detail, /SMTPUTF8/);
});

Deno.test("Delivery reports are asked for where the relay offers them, and the result says so", async () => {
  const heard: string[] = [];
  await using able = openRawRelay({
    ehlo: "250-relay\n250 DSN",
    heard: (line) => heard.push(line),
  });
  await using channel = openChannel([relayAt(able.port)]);
  const payload = anEmail({ dsn: true, bounce: { address: "b+x=y@example.org" } });
  const attempt = anAttempt(payload);
  const outcome: Any = await channel.deliver(attempt, aContext());
  assert.equal(outcome.result.dsn, "requested");
  assert.ok(heard.includes(`MAIL FROM:<b+x=y@example.org> RET=HDRS ENVID=${attempt.taskId}`));
  assert.ok(
    heard.includes(
      "RCPT TO:<bob@example.org> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;bob@example.org",
    ),
  );
  await using both = openRawRelay({
    ehlo: "250-relay\n250-DSN\n250-8BITMIME\n250 SMTPUTF8",
    heard: (line) => heard.push(line),
  });
  await using international = openChannel([relayAt(both.port)]);
  const name = { address: "jö+rg@example.org" };
  await international.deliver(anAttempt(anEmail({ dsn: true, to: [name] })), aContext());
  // RFC 6533 §3.
  assert.ok(
    heard.some((line) => line.endsWith(String.raw`ORCPT=utf-8;j\x{F6}\x{2B}rg@example.org`)),
  );
  await using unable = openRawRelay();
  await using other = openChannel([relayAt(unable.port)]);
  const plain: Any = await other.deliver(anAttempt(payload), aContext());
  assert.deepEqual([plain.kind, plain.result.dsn], ["delivered", "not_offered"]);
});

Deno.test("A mail keeps the date of its first attempt", async () => {
  await using relay = openRawRelay({ dot: "451 later" });
  await using channel = openChannel([relayAt(relay.port)]);
  const before = Date.now();
  const payload = anEmail();
  const first: Any = await channel.deliver(anAttempt(payload), aContext());
  const carry = { ...first.carry, date: first.carry.date - 86_400_000 };
  await channel.deliver(anAttempt(payload, { number: 2, carry }), aContext());
  const dates = relay.taken.map(({ text }) => Date.parse(/^Date: (.*)$/m.exec(text)?.[1] ?? ""));
  assert.ok((dates[0] ?? 0) >= before - 1_000);
  assert.equal(dates[1], Math.floor(carry.date / 1_000) * 1_000);
});
