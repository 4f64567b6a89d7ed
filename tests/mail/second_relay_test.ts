/**
 * Two relays, of which the first one dies at some stage: the second takes the mails
 * within the same attempt. Only after the final dot is it unknown whether the first
 * has a copy; that attempt is unknown, and the next one is marked.
 *
 * @module
 */

import assert from "node:assert/strict";
import { openEmailChannel } from "../../src/channels/mail/email.ts";
import { parseMailUrl, type RelaySettings } from "../../src/channels/mail/mail_settings.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { aContext, anAttempt, anEmail } from "../channels/support/attempts.ts";
import { openRawRelay, type Script } from "../channels/support/raw_relay.ts";
import { openBlackHole } from "./black_hole.ts";

// deno-lint-ignore no-explicit-any -- outcomes of many shapes
type Any = any;

const MAILS = 20;

function relayAt(port: number, { login = "", tls = "none" } = {}): RelaySettings {
  return parseMailUrl(`smtp://${login}127.0.0.1:${port}?tls=${tls}`) as RelaySettings;
}

/** Sends mails over both relays, all at once; returns the outcomes. */
async function sendAll(relays: readonly RelaySettings[], mail = anEmail()): Promise<Any[]> {
  const channel = openEmailChannel(parseMailUrl("outbox:unused"), {
    clock: systemClock,
    relays: relays.map((relay) => ({ relay })),
  });
  // A silent relay gets half of the time of an attempt.
  const deadlineAt = Date.now() + 3_000;
  const outcomes = await Promise.all(
    Array.from(
      { length: MAILS },
      () => channel.deliver(anAttempt(mail, { deadlineAt }), aContext()),
    ),
  );
  await channel.close?.();
  return outcomes;
}

const TLS = "250-relay\n250 STARTTLS";
const AUTH = "250-relay\n250 AUTH PLAIN";

const deaths: readonly {
  readonly at: string;
  readonly script: Script;
  readonly login?: string;
  readonly tls?: string;
}[] = [
  { at: "no greeting", script: { greeting: "hang" } },
  { at: "421 as its greeting", script: { greeting: "421 busy" } },
  { at: "554 as its greeting", script: { greeting: "554 no" } },
  { at: "a drop at the greeting", script: { greeting: "drop" } },
  { at: "silence at EHLO", script: { ehlo: "hang" } },
  { at: "421 at EHLO", script: { ehlo: "421 bye" } },
  { at: "a drop at EHLO", script: { ehlo: "drop" } },
  { at: "silence at STARTTLS", script: { ehlo: TLS, starttls: "hang" }, tls: "required" },
  { at: "454 at STARTTLS", script: { ehlo: TLS, starttls: "454 later" }, tls: "required" },
  { at: "no TLS at STARTTLS", script: { ehlo: TLS, starttls: "220 go" }, tls: "required" },
  {
    at: "silence within TLS",
    script: { ehlo: TLS, starttls: "220 go", quiet: true },
    tls: "required",
  },
  { at: "no STARTTLS where it is required", script: {}, tls: "required" },
  { at: "silence at AUTH", script: { ehlo: AUTH, auth: "hang" }, login: "ada:secret@" },
  { at: "454 at AUTH", script: { ehlo: AUTH, auth: "454 later" }, login: "ada:secret@" },
  { at: "535 at AUTH", script: { ehlo: AUTH, auth: "535 wrong" }, login: "ada:secret@" },
  { at: "a drop at AUTH", script: { ehlo: AUTH, auth: "drop" }, login: "ada:secret@" },
  { at: "silence at MAIL FROM", script: { mail: "hang" } },
  { at: "a drop at MAIL FROM", script: { mail: "drop" } },
  { at: "421 at MAIL FROM", script: { mail: "421 bye" } },
  { at: "530 at MAIL FROM", script: { mail: "530 log in first" } },
  { at: "silence at RCPT TO", script: { rcpt: "hang" } },
  { at: "a drop at RCPT TO", script: { rcpt: "drop" } },
  { at: "421 at RCPT TO", script: { rcpt: "421 bye" } },
  { at: "silence at DATA", script: { data: "hang" } },
  { at: "a drop at DATA", script: { data: "drop" } },
  { at: "421 at DATA", script: { data: "421 bye" } },
  { at: "250 at DATA", script: { data: "250 ok" } },
];

Deno.test.each(deaths)(
  "The second relay takes all mails within the attempt when the first one dies: $at",
  async ({ script, ...url }) => {
    await using dead = openRawRelay(script);
    await using healthy = openRawRelay();
    const outcomes = await sendAll([relayAt(dead.port, url), relayAt(healthy.port)]);
    for (const outcome of outcomes) {
      assert.equal(outcome.kind, "delivered", JSON.stringify(outcome));
      assert.equal(outcome.result.relay, `127.0.0.1:${healthy.port}`);
    }
    assert.deepEqual([dead.taken.length, healthy.taken.length], [0, MAILS]);
  },
);

Deno.test("The same when nothing listens, and when packets are dropped", async () => {
  await using healthy = openRawRelay();
  const gone = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  gone.close();
  await using hole = await openBlackHole();
  for (const { port } of [gone.addr, hole]) {
    const outcomes = await sendAll([relayAt(port), relayAt(healthy.port)]);
    assert.ok(outcomes.every(({ kind }) => kind === "delivered"), JSON.stringify(outcomes[0]));
  }
  assert.equal(healthy.taken.length, 2 * MAILS);
});

Deno.test("The same when the first relay hangs up within the body", async () => {
  await using dead = openRawRelay({ ehlo: "250 relay", body: "drop" });
  await using healthy = openRawRelay({ ehlo: "250 relay" });
  const attachments = [{ filename: "a.bin", content: btoa("x".repeat(400_000)) }];
  const outcomes = await sendAll(
    [relayAt(dead.port), relayAt(healthy.port)],
    anEmail({ attachments }),
  );
  // A relay that had the dot in its buffers may have kept the mail.
  const unknown = outcomes.filter(({ kind }) => kind === "unknown").length;
  const delivered = outcomes.filter(({ kind }) => kind === "delivered").length;
  assert.deepEqual([delivered + unknown, healthy.taken.length], [MAILS, delivered]);
});

for (const dot of ["drop", "421 bye"]) {
  Deno.test(`After the final dot (${dot}) the mail goes to no other relay, and the attempt is unknown`, async () => {
    await using dead = openRawRelay({ dot });
    await using healthy = openRawRelay();
    const outcomes = await sendAll([relayAt(dead.port), relayAt(healthy.port)]);
    assert.deepEqual([...new Set(outcomes.map(({ kind }) => kind))], ["unknown"]);
    assert.deepEqual([dead.taken.length, healthy.taken.length], [MAILS, 0]);
  });
}
