/**
 * Hostile addresses, subjects and headers: what is let in makes one
 * mail with the headers it was given, for the named recipients only.
 *
 * @module
 */

import assert from "node:assert/strict";
import { openEmailChannel } from "../../../src/channels/mail/email.ts";
import { parseMailUrl } from "../../../src/channels/mail/mail_settings.ts";
import { openComposer } from "../../../src/channels/mail/message.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { parseNotify } from "../../../src/task/input/notify.ts";
import type { EmailPayload } from "../../../src/task/payloads.ts";
import { notifyPorts } from "../../support/notify_ports.ts";
import { aContext, anAttempt } from "../support/attempts.ts";
import { openRawRelay } from "../support/raw_relay.ts";
import { runs } from "../../support/runs.ts";
import { seeded } from "../../support/seeded.ts";

const CASES = runs(20_000, 100_000);
/** Of those let in, so many are sent to a relay that writes down what it hears. */
const SENT = 500;
const SEED = 20261120;
const PORTS = notifyPorts();

/** What an attacker would try, and what honest people write. */
const PIECES = [
  ...["\r\n", "\n", "\r", "\0", "\u2028", "\u0085", "\t", " ", "\\", '"', "'", "<", ">", ",", ";"],
  ...[":", "@", "(", ")", "[", "]", "%", "=?utf-8?q?=0d=0aBcc:_x?=", "\u202e", "\ud800", "ü", "日"],
  ...["Bcc: eve@evil.example", "RCPT TO:<eve@evil.example>", "\r\n.\r\nMAIL FROM:<x@y.example>"],
  ...["eve@evil.example", "<eve@evil.example>", ", eve@evil.example", "> ORCPT=rfc822;eve"],
  ...["NOTIFY=SUCCESS", "=0D=0A", "%0d%0a", "\\r\\n", "Ada", "Ada Lovelace", "ada", "a.b", "+tag"],
  ...["@example.org", "@bücher.example", "@[127.0.0.1]", "@localhost", "@xn--a", "@.", "@a..b"],
];
const ADDRESS = /^[\p{L}\p{M}\p{N}!#$%&'*+/=?^_`{|}~.-]{1,64}@[a-z0-9.-]{1,253}$/u;
const OURS = [
  ...[
    "from",
    "to",
    "cc",
    "reply-to",
    "subject",
    "message-id",
    "date",
    "mime-version",
    "auto-submitted",
  ],
  ...["content-type", "content-transfer-encoding", "x-tried"],
];

Deno.test(`${CASES} hostile addresses and headers add no recipient and no header`, async () => {
  const random = seeded(SEED);
  const pick = () => PIECES[Math.floor(random() * PIECES.length)] ?? "";
  const text = () => Array.from({ length: 1 + Math.floor(random() * 5) }, pick).join("");
  const named = (n: number) => `n${n}@named.example`;
  const compose = openComposer();
  const letIn: EmailPayload[] = [];
  let refused = 0;
  for (let n = 0; n < CASES; n++) {
    // Each place is honest most of the time, or hardly anything would be let in.
    const honest = (value: string) => random() < 0.75 ? value : text();
    const wrapped = random() < 0.5 ? named(n) : `${text()} <${named(n)}>`;
    const body = {
      to: honest(wrapped),
      ...(random() < 0.5 ? { bcc: [honest(named(n))] } : {}),
      ...(random() < 0.3 ? { cc: honest(`"${text()}" <${named(n)}>`) } : {}),
      ...(random() < 0.3 ? { replyTo: honest("reply@example.org") } : {}),
      ...(random() < 0.3 ? { from: honest("Ada <ada@example.org>") } : {}),
      subject: honest("Hello"),
      headers: { "X-Tried": honest("42") },
      text: "Hello",
    };
    const parsed = parseNotify(body, PORTS);
    const mail = "value" in parsed ? parsed.value.requests[0]?.mail : undefined;
    if (!mail) {
      refused++;
      continue;
    }
    const payload = { ...mail, from: mail.from ?? { address: "post@example.org" } };
    const fields = [[body.to, mail.to], [body.cc, mail.cc], [body.bcc?.[0], mail.bcc]] as const;
    for (const [said, boxes] of fields) {
      assert.deepEqual(boxes.map(({ address }) => localOf(address)), said ? [localOf(said)] : []);
      for (const { address } of boxes) assert.match(address, ADDRESS);
    }
    assert.match(payload.from.address, ADDRESS);
    letIn.push(payload);
  }
  assert.ok(letIn.length > CASES / 10 && refused > CASES / 10, `${letIn.length} let in`);
  // deno-lint-ignore no-console -- the figures are what one runs it for
  console.log(`      ${CASES} tried, seed ${SEED}: ${refused} refused, ${letIn.length} let in`);

  const options = { taskId: "tsk_x", date: 0 };
  for (const payload of letIn) {
    const { bytes, recipients } = await compose(payload, options);
    const all = [...payload.to, ...payload.cc, ...payload.bcc].map(({ address }) => address);
    assert.deepEqual(recipients, [...new Set(all)]);
    const raw = new TextDecoder().decode(bytes);
    const head = raw.slice(0, raw.indexOf("\r\n\r\n"));
    assert.doesNotMatch(head.replaceAll("\r\n", ""), /[\r\n\0]/);
    const names = head.replace(/\r\n[ \t]+/g, " ").split("\r\n").map((line) =>
      line.slice(0, line.indexOf(":")).toLowerCase()
    );
    assert.equal(new Set(names).size, names.length, `a header twice: ${names}`);
    for (const name of names) assert.ok(OURS.includes(name), `a header of nobody's: ${name}`);
    assert.equal(raw.slice(raw.indexOf("\r\n\r\n")).trim(), "Hello");
  }
});

Deno.test("what is let in leaves for those it names, in the words of SMTP", async () => {
  const random = seeded(SEED + 1);
  const pick = () => PIECES[Math.floor(random() * PIECES.length)] ?? "";
  await using relay = openRawRelay({ ehlo: "250-relay\n250-SMTPUTF8\n250 SIZE 1000000" });
  const channel = openEmailChannel(parseMailUrl(`smtp://127.0.0.1:${relay.port}?tls=none`), {
    clock: systemClock,
  });
  let sent = 0;
  while (sent < SENT) {
    const to = `${pick()}${pick()} <${pick()}${pick()}@example.org>`;
    const parsed = parseNotify({ to: [to, "ada@example.org"], subject: "x" }, PORTS);
    const mail = "value" in parsed ? parsed.value.requests[0]?.mail : undefined;
    if (!mail) continue;
    const payload = { ...mail, from: { address: "post@example.org" } };
    assert.equal((await channel.deliver(anAttempt(payload), aContext())).kind, "delivered");
    const expected = [...new Set(mail.to.map(({ address }) => address))];
    assert.deepEqual(relay.taken[sent]?.to, expected);
    sent++;
  }
  await channel.close?.();
});

Deno.test("an address with a line break, which no submit lets in, sends no command of its own", async () => {
  const heard: string[] = [];
  await using relay = openRawRelay({ heard: (line) => heard.push(line) });
  const channel = openEmailChannel(parseMailUrl(`smtp://127.0.0.1:${relay.port}?tls=none`), {
    clock: systemClock,
  });
  const parsed = parseNotify({ to: "ada@example.org", subject: "x" }, PORTS);
  assert.ok("value" in parsed);
  const mail = parsed.value.requests[0]?.mail as EmailPayload;
  const address = "ada@example.org>\r\nRCPT TO:<eve@evil.example";
  const payload = { ...mail, from: { address: "post@example.org" }, to: [{ address }] };
  await channel.deliver(anAttempt(payload), aContext()).catch(() => {});
  assert.ok(heard.some((line) => line.startsWith("EHLO")));
  assert.deepEqual(heard.filter((line) => line.includes("eve")), []);
  await channel.close?.();
});

/** Whom a text names, by a rule of this test's own: what stands last, in brackets or alone. */
function localOf(said: string): string {
  const whole = /<([^<>]*)>\s*$/.exec(said)?.[1] ?? said;
  return whole.slice(0, whole.lastIndexOf("@")).trim();
}
