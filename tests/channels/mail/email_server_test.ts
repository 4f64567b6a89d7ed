import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { SMTPServer } from "smtp-server";
import { openEmailChannel } from "../../../src/channels/mail/email.ts";
import { parseMailUrl } from "../../../src/channels/mail/mail_settings.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { aContext, anAttempt, anEmail } from "../support/attempts.ts";

Deno.test("A real relay takes a mail after a login, and refuses one recipient of two", async () => {
  const mails: { to: string[]; text: string; user: unknown }[] = [];
  const server = new SMTPServer({
    name: "relay.test",
    allowInsecureAuth: true,
    disabledCommands: ["STARTTLS"],
    onAuth: ({ username, password }, _, done) =>
      password === "p@ss" ? done(null, { user: username }) : done(new Error("no")),
    onRcptTo: ({ address }, _, done) =>
      done(address.startsWith("nobody") ? new Error("who is that") : null),
    onData(stream, { envelope, user }, done) {
      let text = "";
      stream.setEncoding("utf8").on("data", (piece: string) => text += piece);
      stream.on("end", () => {
        mails.push({ to: envelope.rcptTo.map(({ address }) => address), text, user });
        done(null, "queued as R1");
      });
    },
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const { port } = server.server.address() as AddressInfo;
  const settings = parseMailUrl(`smtp://ada:p%40ss@127.0.0.1:${port}?tls=none`);
  const channel = openEmailChannel(settings, { clock: systemClock });
  const payload = anEmail({
    to: [{ address: "bob@example.org" }, { address: "nobody@example.org" }],
    subject: "Grüße",
    text: "Über alles.\n.\nEnde",
  });
  const outcome = await channel.deliver(anAttempt(payload), aContext());
  await channel.close?.();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  assert.ok(outcome.kind === "rejected", JSON.stringify(outcome));
  assert.equal(outcome.delivery, "partial");
  assert.equal(outcome.error.code, "smtp_550");
  const [mail] = mails;
  assert.deepEqual(mail?.to, ["bob@example.org"]);
  assert.equal(mail?.user, "ada");
  assert.match(mail?.text ?? "", /^Subject: =\?UTF-8\?/m);
  assert.match(mail?.text ?? "", /=C3=9Cber alles\.\r\n\.\r\nEnde/);
});
