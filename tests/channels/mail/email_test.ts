import assert from "node:assert/strict";
import type { Channel } from "../../../src/channels/channel.ts";
import {
  type EmailOptions,
  openEmailChannel,
  verifyRelay,
} from "../../../src/channels/mail/email.ts";
import { parseMailUrl } from "../../../src/channels/mail/mail_settings.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import type { Outcome } from "../../../src/task/outcome.ts";
import { aContext, anAttempt, anEmail } from "../support/attempts.ts";
import { openRawRelay, type RawRelay, type Script } from "../support/raw_relay.ts";
import { FakeClock } from "../../support/fake_clock.ts";

const options: EmailOptions = { clock: systemClock };

function openChannel(
  port: number,
  query = "tls=none",
  login = "",
  given = options,
): Channel & AsyncDisposable {
  const settings = parseMailUrl(`smtp://${login}127.0.0.1:${port}?${query}`);
  const channel = openEmailChannel(settings, given);
  return Object.assign(channel, { [Symbol.asyncDispose]: async () => await channel.close?.() });
}

/** Delivers a mail to a relay that follows `script`; no time passes before that hangs. */
async function deliveredTo(relay: RawRelay, query?: string, login?: string): Promise<Outcome> {
  const clock = new FakeClock();
  const waits = { connect: 500, greeting: 300, reply: 300, dot: 300 };
  await using channel = openChannel(relay.port, query, login, { clock, waits });
  let isOver = false;
  const delivering = channel.deliver(anAttempt(anEmail()), aContext()).finally(() => isOver = true);
  await Promise.race([delivering, relay.hangs]);
  while (!isOver) await clock.advance(100);
  return await delivering;
}

// deno-lint-ignore no-explicit-any -- results are JSON of many shapes
type Any = any;

function codeOf(outcome: Outcome): string | undefined {
  return outcome.kind === "delivered" ? undefined : outcome.error.code;
}

Deno.test("A mail is delivered, and the result says to whom and as what", async () => {
  await using relay = openRawRelay();
  await using channel = openChannel(relay.port);
  const attempt = anAttempt(anEmail({ bcc: [{ address: "eve@example.org" }], text: ".\nDot." }));
  const context = aContext();
  const outcome: Any = await channel.deliver(attempt, context);
  const reply = "250 2.0.0 Ok: queued as ABC123";
  assert.equal(outcome.kind, "delivered", JSON.stringify(outcome));
  assert.deepEqual(outcome.result, {
    messageId: `<${attempt.taskId}@example.org>`,
    relay: `127.0.0.1:${relay.port}`,
    queueId: "ABC123",
    recipients: [
      { address: "bob@example.org", outcome: "delivered", reply },
      { address: "eve@example.org", outcome: "delivered", reply },
    ],
  });
  assert.equal(outcome.evidence.remote, `127.0.0.1:${relay.port}`);
  assert.equal(outcome.evidence.tls, false);
  assert.deepEqual(context.said, [{ stage: "sending" }]);
  const [mail] = relay.taken;
  assert.equal(mail?.from, "ada@example.org");
  assert.deepEqual(mail?.to, ["bob@example.org", "eve@example.org"]);
  assert.match(mail?.text ?? "", /\n\.\.\nDot\.\n$/);
});

Deno.test("Mails share sessions", async () => {
  await using relay = openRawRelay();
  await using channel = openChannel(relay.port);
  for (let n = 0; n < 5; n++) await channel.deliver(anAttempt(anEmail()), aContext());
  assert.equal(relay.connections, 1);
  await Promise.all(
    Array.from({ length: 30 }, () => channel.deliver(anAttempt(anEmail()), aContext())),
  );
  assert.equal(relay.connections, 8);
  assert.equal(relay.taken.length, 35);
});

const faults: {
  when: string;
  script: Script;
  kind: Outcome["kind"];
  code: string;
  hold?: number;
}[] = [
  // Before the mail: the relay's fault, so its lane is held.
  {
    when: "421 at the greeting",
    script: { greeting: "421 busy" },
    kind: "deferred",
    code: "smtp_421",
    hold: 5_000,
  },
  {
    when: "450 at the greeting",
    script: { greeting: "450 later" },
    kind: "deferred",
    code: "smtp_450",
    hold: 5_000,
  },
  {
    when: "554 at the greeting",
    script: { greeting: "554 go away" },
    kind: "deferred",
    code: "smtp_554",
    hold: 900_000,
  },
  {
    when: "no greeting",
    script: { greeting: "hang" },
    kind: "deferred",
    code: "timeout",
    hold: 5_000,
  },
  {
    when: "a drop at the greeting",
    script: { greeting: "drop" },
    kind: "deferred",
    code: "connection_reset",
    hold: 5_000,
  },
  {
    when: "another protocol",
    script: { greeting: "HTTP/1.1 400 Bad Request" },
    kind: "deferred",
    code: "bad_response",
    hold: 5_000,
  },
  {
    when: "421 at EHLO",
    script: { ehlo: "421 busy" },
    kind: "deferred",
    code: "smtp_421",
    hold: 5_000,
  },
  {
    when: "500 at EHLO and HELO",
    script: { ehlo: "500 what" },
    kind: "deferred",
    code: "smtp_500",
    hold: 5_000,
  },
  {
    when: "silence at EHLO",
    script: { ehlo: "hang" },
    kind: "deferred",
    code: "timeout",
    hold: 5_000,
  },
  {
    when: "a drop at EHLO",
    script: { ehlo: "drop" },
    kind: "deferred",
    code: "connection_reset",
    hold: 5_000,
  },
  // The sender.
  {
    when: "421 at MAIL FROM",
    script: { mail: "421 busy" },
    kind: "deferred",
    code: "smtp_421",
    hold: 5_000,
  },
  { when: "450 at MAIL FROM", script: { mail: "450 later" }, kind: "deferred", code: "smtp_450" },
  { when: "451 at MAIL FROM", script: { mail: "451 oops" }, kind: "deferred", code: "smtp_451" },
  {
    when: "452 at MAIL FROM",
    script: { mail: "452 disk full" },
    kind: "deferred",
    code: "smtp_452",
  },
  {
    when: "550 at MAIL FROM",
    script: { mail: "550 5.7.1 not you" },
    kind: "rejected",
    code: "smtp_550",
  },
  { when: "552 at MAIL FROM", script: { mail: "552 too big" }, kind: "rejected", code: "smtp_552" },
  {
    when: "a drop at MAIL FROM",
    script: { mail: "drop" },
    kind: "deferred",
    code: "connection_reset",
  },
  { when: "silence at MAIL FROM", script: { mail: "hang" }, kind: "deferred", code: "timeout" },
  {
    when: "a SIZE too small",
    script: { ehlo: "250-relay\n250 SIZE 100" },
    kind: "rejected",
    code: "too_large",
  },
  // The recipient.
  {
    when: "450 at RCPT TO",
    script: { rcpt: "450 greylisted" },
    kind: "deferred",
    code: "smtp_450",
  },
  { when: "451 at RCPT TO", script: { rcpt: "451 oops" }, kind: "deferred", code: "smtp_451" },
  {
    when: "452 at RCPT TO",
    script: { rcpt: "452 4.5.3 too many" },
    kind: "deferred",
    code: "smtp_452",
  },
  { when: "552 at RCPT TO", script: { rcpt: "552 full" }, kind: "deferred", code: "smtp_552" },
  {
    when: "550 at RCPT TO",
    script: { rcpt: "550 5.1.1 nobody" },
    kind: "rejected",
    code: "smtp_550",
  },
  { when: "551 at RCPT TO", script: { rcpt: "551 elsewhere" }, kind: "rejected", code: "smtp_551" },
  { when: "553 at RCPT TO", script: { rcpt: "553 bad name" }, kind: "rejected", code: "smtp_553" },
  { when: "555 at RCPT TO", script: { rcpt: "555 what" }, kind: "rejected", code: "smtp_555" },
  {
    when: "a drop at RCPT TO",
    script: { rcpt: "drop" },
    kind: "deferred",
    code: "connection_reset",
  },
  { when: "silence at RCPT TO", script: { rcpt: "hang" }, kind: "deferred", code: "timeout" },
  // DATA.
  { when: "451 at DATA", script: { data: "451 oops" }, kind: "deferred", code: "smtp_451" },
  { when: "554 at DATA", script: { data: "554 no" }, kind: "rejected", code: "smtp_554" },
  { when: "a drop at DATA", script: { data: "drop" }, kind: "deferred", code: "connection_reset" },
  { when: "silence at DATA", script: { data: "hang" }, kind: "deferred", code: "timeout" },
  // The dot.
  { when: "451 at the dot", script: { dot: "451 4.3.0 oops" }, kind: "deferred", code: "smtp_451" },
  { when: "452 at the dot", script: { dot: "452 disk full" }, kind: "deferred", code: "smtp_452" },
  { when: "550 at the dot", script: { dot: "550 5.7.1 spam" }, kind: "rejected", code: "smtp_550" },
  { when: "552 at the dot", script: { dot: "552 too big" }, kind: "rejected", code: "smtp_552" },
  { when: "554 at the dot", script: { dot: "554 no" }, kind: "rejected", code: "smtp_554" },
  {
    when: "421 at the dot",
    script: { dot: "421 shutting down" },
    kind: "unknown",
    code: "smtp_421",
  },
  {
    when: "a drop after the dot",
    script: { dot: "drop" },
    kind: "unknown",
    code: "connection_reset",
  },
  { when: "silence after the dot", script: { dot: "hang" }, kind: "unknown", code: "timeout" },
  // nodemailer resets a session after a refusal.
  {
    when: "550 at RCPT TO and a drop at RSET",
    script: { rcpt: "550 nobody", rset: "drop" },
    kind: "rejected",
    code: "smtp_550",
  },
];

Deno.test("The table of replies: each fault at each stage, and what it makes of a mail", async (t) => {
  assert.ok(faults.length >= 36, `only ${faults.length} faults`);
  // With PIPELINING, and with a relay that does not offer it.
  const inTurn = faults.filter(({ script }) => script.ehlo === undefined).map((fault) => (
    { ...fault, when: `${fault.when}, in turn`, script: { ...fault.script, ehlo: "250 relay" } }
  ));
  for (const { when, script, kind, code, hold } of [...faults, ...inTurn]) {
    const held = hold === undefined ? "" : `, its lane held for ${hold / 1_000} s`;
    await t.step(`${when}: ${kind} (${code})${held}`, async () => {
      await using relay = openRawRelay(script);
      const outcome = await deliveredTo(relay);
      assert.equal(outcome.kind, kind, JSON.stringify(outcome));
      assert.equal(codeOf(outcome), code);
      assert.equal(outcome.hold?.forMs, hold);
    });
  }
});

Deno.test("A relay that is not there holds its lane", async () => {
  const gone = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = gone.addr;
  gone.close();
  await using channel = openChannel(port);
  const outcome = await channel.deliver(anAttempt(anEmail()), aContext());
  assert.equal(outcome.kind, "deferred");
  assert.equal(codeOf(outcome), "connection_refused");
  assert.equal(outcome.hold?.forMs, 5_000);
});

Deno.test("A relay without STARTTLS gets no mail when TLS is required", async () => {
  await using relay = openRawRelay();
  await using channel = openChannel(relay.port, "tls=required");
  const outcome = await channel.deliver(anAttempt(anEmail()), aContext());
  assert.equal(outcome.kind, "deferred");
  assert.equal(codeOf(outcome), "tls_required");
  assert.equal(outcome.hold?.forMs, 60_000);
  assert.equal(relay.taken.length, 0);
});

const OFFERS = "250-relay\n250-STARTTLS\n250 AUTH PLAIN LOGIN";

const gates: { when: string; script: Script; query: string; code: string; hold: number }[] = [
  {
    when: "454 at STARTTLS",
    script: { ehlo: OFFERS, starttls: "454 later" },
    query: "tls=required",
    code: "smtp_454",
    hold: 5_000,
  },
  {
    when: "502 at STARTTLS",
    script: { ehlo: OFFERS, starttls: "502 what" },
    query: "tls=required",
    code: "tls_required",
    hold: 60_000,
  },
  {
    when: "a drop at STARTTLS",
    script: { ehlo: OFFERS, starttls: "drop" },
    query: "tls=required",
    code: "connection_reset",
    hold: 5_000,
  },
  {
    when: "silence at STARTTLS",
    script: { ehlo: OFFERS, starttls: "hang" },
    query: "tls=required",
    code: "timeout",
    hold: 5_000,
  },
  {
    when: "no TLS after STARTTLS",
    script: { ehlo: OFFERS, starttls: "220 go" },
    query: "tls=required",
    code: "tls_failed",
    hold: 60_000,
  },
  {
    when: "530 at MAIL FROM",
    script: { ehlo: OFFERS, mail: "530 5.7.0 log in first" },
    query: "tls=none",
    code: "smtp_530",
    hold: 60_000,
  },
  {
    when: "535 at AUTH",
    script: { ehlo: OFFERS, auth: "535 5.7.8 no" },
    query: "tls=none",
    code: "auth_failed",
    hold: 60_000,
  },
  {
    when: "534 at AUTH",
    script: { ehlo: OFFERS, auth: "534 too weak" },
    query: "tls=none",
    code: "auth_failed",
    hold: 60_000,
  },
  {
    when: "538 at AUTH",
    script: { ehlo: OFFERS, auth: "538 encrypt" },
    query: "tls=none",
    code: "auth_failed",
    hold: 60_000,
  },
  {
    when: "454 at AUTH",
    script: { ehlo: OFFERS, auth: "454 later" },
    query: "tls=none",
    code: "smtp_454",
    hold: 5_000,
  },
  {
    when: "421 at AUTH",
    script: { ehlo: OFFERS, auth: "421 busy" },
    query: "tls=none",
    code: "smtp_421",
    hold: 5_000,
  },
  {
    when: "a drop at AUTH",
    script: { ehlo: OFFERS, auth: "drop" },
    query: "tls=none",
    code: "connection_reset",
    hold: 5_000,
  },
  {
    when: "silence at AUTH",
    script: { ehlo: OFFERS, auth: "hang" },
    query: "tls=none",
    code: "timeout",
    hold: 5_000,
  },
  { when: "no AUTH on offer", script: {}, query: "tls=none", code: "auth_failed", hold: 60_000 },
  {
    when: "a refused STARTTLS when it may be",
    script: { ehlo: OFFERS, starttls: "502 what" },
    query: "tls=opportunistic",
    code: "auth_failed",
    hold: 60_000,
  },
];

Deno.test.each(gates)(
  "$when holds the relay's lane: $code",
  async ({ script, query, code, hold }) => {
    await using relay = openRawRelay(script);
    const outcome = await deliveredTo(relay, query, "ada:secret@");
    assert.equal(outcome.kind, "deferred", JSON.stringify(outcome));
    assert.equal(codeOf(outcome), code);
    assert.equal(outcome.hold?.forMs, hold);
    assert.equal(relay.taken.length, 0);
    assert.doesNotMatch(JSON.stringify(outcome), /secret/);
  },
);

Deno.test("A mail without a login leaves in clear text when TLS is refused and optional", async () => {
  await using relay = openRawRelay({ ehlo: OFFERS, starttls: "502 what" });
  await using channel = openChannel(relay.port, "tls=opportunistic");
  assert.equal((await channel.deliver(anAttempt(anEmail()), aContext())).kind, "delivered");
});

const three = anEmail({
  to: ["a", "b", "c"].map((name) => ({ address: `${name}@example.org` })),
});

Deno.test("Recipients are told apart, and only the deferred one is tried again", async () => {
  await using relay = openRawRelay({
    rcpt: { "b@example.org": "550 nobody", "c@example.org": "450 greylisted" },
  });
  await using channel = openChannel(relay.port);
  const first: Any = await channel.deliver(anAttempt(three), aContext());
  assert.equal(first.kind, "deferred");
  assert.equal(first.delivery, "partial");
  assert.equal(first.error.code, "smtp_450");
  assert.deepEqual(first.result.recipients.map((r: Any) => r.outcome), [
    "delivered",
    "rejected",
    "deferred",
  ]);
  await using calm = openRawRelay();
  await using again = openChannel(calm.port);
  const attempt = anAttempt(three, { number: 2, carry: first.carry });
  const second: Any = await again.deliver(attempt, aContext());
  assert.deepEqual(calm.taken.map(({ to }) => to), [["c@example.org"]]);
  assert.equal(second.kind, "rejected");
  assert.equal(second.delivery, "partial");
  assert.equal(second.error.code, "smtp_550");
  assert.deepEqual(second.result.recipients.map((r: Any) => r.outcome), [
    "delivered",
    "rejected",
    "delivered",
  ]);
});

Deno.test("A revived mail asks the refused one again and spares those who have it", async () => {
  await using relay = openRawRelay();
  await using channel = openChannel(relay.port);
  const recipients = [
    { address: "a@example.org", outcome: "delivered", reply: "250 ok" },
    { address: "b@example.org", outcome: "rejected", reply: "550 nobody" },
  ];
  const attempt = anAttempt(three, { number: 1, carry: { recipients } });
  const outcome = await channel.deliver(attempt, aContext());
  assert.equal(outcome.kind, "delivered");
  assert.deepEqual(relay.taken.map(({ to }) => to), [["b@example.org", "c@example.org"]]);
});

Deno.test("A relay that has had enough recipients gets the rest at once", async () => {
  const rcpt: Record<string, string> = { "c@example.org": "452 4.5.3 too many" };
  await using relay = openRawRelay({ rcpt });
  await using channel = openChannel(relay.port);
  const delivering = channel.deliver(anAttempt(three), aContext());
  await relay.dotSeen;
  delete rcpt["c@example.org"];
  const outcome = await delivering;
  assert.equal(outcome.kind, "delivered");
  assert.deepEqual(relay.taken.map(({ to }) => to), [
    ["a@example.org", "b@example.org"],
    ["c@example.org"],
  ]);
});

Deno.test("A relay that hung up between two mails costs the second nothing", async () => {
  const mail: { answer?: "drop" } = {};
  await using relay = openRawRelay({
    get mail() {
      return mail.answer ?? "250 ok";
    },
    later: {},
  });
  await using channel = openChannel(relay.port);
  await channel.deliver(anAttempt(anEmail()), aContext());
  mail.answer = "drop";
  const outcome = await channel.deliver(anAttempt(anEmail()), aContext());
  assert.equal(outcome.kind, "delivered");
  assert.equal(relay.connections, 2);
});

Deno.test("An abort before the dot is deferred, at whatever step", async () => {
  for (const script of [{ greeting: "hang" }, { rcpt: "hang" }, { data: "hang" }] as Script[]) {
    await using relay = openRawRelay(script);
    await using channel = openEmailSlow(relay.port);
    const context = aContext();
    const delivering = channel.deliver(anAttempt(anEmail()), context);
    await until(() => relay.connections > 0);
    context.abort("cancelled");
    const outcome = await delivering;
    assert.equal(outcome.kind, "deferred");
    assert.equal(codeOf(outcome), "cancelled");
    assert.deepEqual(context.said, []);
  }
});

Deno.test("The end of the service after the dot is unknown", async () => {
  await using relay = openRawRelay({ dot: "hang" });
  await using channel = openEmailSlow(relay.port);
  const context = aContext();
  const delivering = channel.deliver(anAttempt(anEmail()), context);
  await relay.dotSeen;
  context.abort("shutdown");
  const outcome: Any = await delivering;
  assert.equal(outcome.kind, "unknown");
  assert.equal(outcome.error.code, "shutdown");
  assert.equal(outcome.result.recipients[0].outcome, "unknown");
  assert.deepEqual(context.said, [{ stage: "sending" }]);
});

Deno.test("After the dot a timeout or a cancellation waits for the reply", async () => {
  for (const cause of ["timeout", "cancelled"]) {
    const answer = Promise.withResolvers<void>();
    await using relay = openRawRelay({ beforeDot: () => answer.promise });
    await using channel = openEmailSlow(relay.port);
    const context = aContext();
    const delivering = channel.deliver(anAttempt(anEmail()), context);
    await relay.dotSeen;
    context.abort(cause);
    answer.resolve();
    assert.equal((await delivering).kind, "delivered");
    assert.equal(relay.taken.length, 1);
  }
});

Deno.test("An abort while a mail waits for a session is deferred at once", async () => {
  await using relay = openRawRelay({ dot: "hang" });
  await using channel = openEmailSlow(relay.port);
  const busy = Array.from({ length: 8 }, () => aContext());
  const delivering = busy.map((context) => channel.deliver(anAttempt(anEmail()), context));
  const context = aContext();
  const waiting = channel.deliver(anAttempt(anEmail()), context);
  context.abort("shutdown");
  assert.equal((await waiting).kind, "deferred");
  for (const { abort } of busy) abort("shutdown");
  await Promise.all(delivering);
});

Deno.test("verifyRelay() says what is wrong with a relay, or nothing", async () => {
  await using relay = openRawRelay({ later: { greeting: "554 go away" } });
  const settings = parseMailUrl(`smtp://127.0.0.1:${relay.port}?tls=none`);
  assert.equal(await verifyRelay(settings, options), undefined);
  assert.equal((await verifyRelay(settings, options))?.code, "smtp_554");
});

Deno.test("The grace after the dot is ten minutes", () => {
  assert.equal(openEmailChannel(parseMailUrl("smtp://127.0.0.1"), options).graceMs, 600_000);
});

function openEmailSlow(port: number): Channel & AsyncDisposable {
  const settings = parseMailUrl(`smtp://127.0.0.1:${port}?tls=none`);
  const channel = openEmailChannel(settings, { clock: systemClock });
  return Object.assign(channel, { [Symbol.asyncDispose]: async () => await channel.close?.() });
}

async function until(fact: () => boolean): Promise<void> {
  while (!fact()) await new Promise((resolve) => setTimeout(resolve, 1));
}
