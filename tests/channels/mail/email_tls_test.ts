import assert from "node:assert/strict";
import { openEmailChannel, verifyRelay } from "../../../src/channels/mail/email.ts";
import { parseMailUrl } from "../../../src/channels/mail/mail_settings.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { aContext, anAttempt, anEmail } from "../support/attempts.ts";
import { makeIdentity, openTlsRelay } from "../support/tls_relay.ts";

const LOGIN = "ada:p%40ss%3Aword@";
const waits = { connect: 2_000, greeting: 2_000, reply: 2_000, dot: 2_000 };

interface Row {
  readonly why: string;
  /** `PLAIN` and `SECURED` stand for the relay's ports. */
  readonly url: string;
  readonly trusted: boolean;
  /** The user the relay saw, or the code of the error. */
  readonly gives: string;
}

const rows: Row[] = [
  {
    why: "STARTTLS and a login",
    url: `smtp://${LOGIN}localhost:PLAIN?tls=required`,
    trusted: true,
    gives: "ada",
  },
  {
    why: "STARTTLS without a login",
    url: "smtp://localhost:PLAIN?tls=required",
    trusted: true,
    gives: "nobody",
  },
  {
    why: "STARTTLS by a stranger's certificate",
    url: "smtp://localhost:PLAIN?tls=required",
    trusted: false,
    gives: "tls_failed",
  },
  {
    why: "STARTTLS for another name",
    url: "smtp://127.0.0.1:PLAIN?tls=required",
    trusted: true,
    gives: "tls_failed",
  },
  {
    why: "STARTTLS when offered",
    url: `smtp://${LOGIN}localhost:PLAIN`,
    trusted: false,
    gives: "ada",
  },
  {
    why: "clear text where TLS comes first",
    url: "smtp://localhost:PLAIN?tls=none",
    trusted: true,
    gives: "smtp_530",
  },
  {
    why: "implicit TLS and a login",
    url: `smtps://${LOGIN}localhost:SECURED`,
    trusted: true,
    gives: "ada",
  },
  {
    why: "implicit TLS by a stranger's certificate",
    url: "smtps://localhost:SECURED",
    trusted: false,
    gives: "tls_failed",
  },
  {
    why: "implicit TLS for another name",
    url: "smtps://127.0.0.1:SECURED",
    trusted: true,
    gives: "tls_failed",
  },
  {
    why: "implicit TLS where none is spoken",
    url: "smtps://localhost:PLAIN",
    trusted: true,
    gives: "tls_failed",
  },
  {
    why: "a wrong password",
    url: "smtps://ada:wrong@localhost:SECURED",
    trusted: true,
    gives: "auth_failed",
  },
  {
    why: "a login where none is offered",
    url: `smtp://${LOGIN}localhost:PLAIN?tls=none`,
    trusted: true,
    gives: "auth_failed",
  },
];

Deno.test("A relay with TLS and a login", async (t) => {
  await using identity = await makeIdentity();
  await using relay = await openTlsRelay(identity);
  for (const { why, url, trusted, gives } of rows) {
    await t.step(`${why}: ${gives}`, async () => {
      const named = url.replace("PLAIN", `${relay.plain}`).replace("SECURED", `${relay.secured}`);
      const settings = parseMailUrl(named);
      const options = { clock: systemClock, waits, ca: trusted ? identity.ca : undefined };
      const channel = openEmailChannel(settings, options);
      const outcome = await channel.deliver(anAttempt(anEmail()), aContext());
      await channel.close?.();
      if (outcome.kind !== "delivered") {
        assert.equal(outcome.error.code, gives, JSON.stringify(outcome));
        assert.doesNotMatch(JSON.stringify(outcome), /p@ss|wrong/);
        assert.equal(outcome.kind, "deferred");
        assert.equal(outcome.hold?.forMs, 60_000);
        if (gives !== "smtp_530") {
          assert.equal((await verifyRelay(settings, options))?.code, gives);
        }
        return;
      }
      const mail = await relay.next();
      assert.equal(mail.user ?? "nobody", gives);
      assert.equal(mail.secure, true);
      assert.equal((outcome.evidence as { tls: boolean }).tls, true);
      assert.equal(await verifyRelay(settings, options), undefined);
    });
  }
});

const reasons: readonly {
  readonly url: string;
  readonly trusted: boolean;
  readonly says: RegExp;
}[] = [
  {
    url: "smtps://localhost:SECURED",
    trusted: false,
    says: /self-signed certificate: name a file with it as POSTRIDER_CA_FILE/,
  },
  {
    url: "smtp://localhost:PLAIN?tls=required",
    trusted: false,
    says: /self-signed certificate: name a file with it as POSTRIDER_CA_FILE/,
  },
  {
    url: "smtps://127.0.0.1:SECURED",
    trusted: true,
    says: /the name 127\.0\.0\.1 is not in the certificate/,
  },
  {
    url: "smtp://127.0.0.1:PLAIN?tls=required",
    trusted: true,
    says: /the name 127\.0\.0\.1 is not in the certificate/,
  },
  {
    url: "smtps://localhost:PLAIN",
    trusted: true,
    says: /does not speak TLS on this port from the first byte: use smtp:\/\//,
  },
  {
    url: "smtp://localhost:SECURED?tls=none",
    trusted: true,
    says: /if it expects TLS from the first byte, use smtps:\/\//,
  },
];

Deno.test("A fault of TLS says what is wrong and what to set", async (t) => {
  await using identity = await makeIdentity();
  await using relay = await openTlsRelay(identity);
  for (const { url, trusted, says } of reasons) {
    await t.step(`${url}${trusted ? "" : ", not trusted"}`, async () => {
      const named = url.replace("PLAIN", `${relay.plain}`).replace("SECURED", `${relay.secured}`);
      const options = {
        clock: systemClock,
        waits: { ...waits, greeting: 500 },
        ca: trusted ? identity.ca : undefined,
      };
      const fault = await verifyRelay(parseMailUrl(named), options);
      assert.match(fault?.detail ?? "", says);
    });
  }
});
