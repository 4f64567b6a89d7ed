import assert from "node:assert/strict";
import { openEmailChannel, verifyRelay } from "../../../src/channels/mail/email.ts";
import { openTokens } from "../../../src/channels/mail/oauth.ts";
import { parseMailUrl } from "../../../src/channels/mail/mail_settings.ts";
import type { RelayRule } from "../../../src/channels/mail/relays.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { aContext, anAttempt, anEmail } from "../support/attempts.ts";
import { serveHttp } from "../support/http_servers.ts";
import { openRawRelay, type RawRelay } from "../support/raw_relay.ts";

// deno-lint-ignore no-explicit-any -- results are JSON of many shapes
type Any = any;

const clock = systemClock;

function relayAt(port: number): RelayRule["relay"] {
  const relay = parseMailUrl(`smtp://127.0.0.1:${port}?tls=none`);
  if (relay.kind === "outbox") throw new TypeError("Expected a relay");
  return relay;
}

function openChannel(rules: readonly RelayRule[]) {
  const settings = parseMailUrl("outbox:unused");
  const channel = openEmailChannel(settings, { clock, relays: rules });
  return Object.assign(channel, { [Symbol.asyncDispose]: async () => await channel.close?.() });
}

const taken = (relay: RawRelay) => relay.taken.length;

Deno.test("When a relay is down the next one takes the mail, within the attempt", async () => {
  await using down = openRawRelay({ greeting: "421 busy" });
  await using up = openRawRelay();
  await using channel = openChannel([{ relay: relayAt(down.port) }, { relay: relayAt(up.port) }]);
  const first: Any = await channel.deliver(anAttempt(anEmail()), aContext());
  assert.equal(first.kind, "delivered");
  assert.equal(first.result.relay, `127.0.0.1:${up.port}`);
  assert.deepEqual(first.evidence.tried, [{
    relay: `127.0.0.1:${down.port}`,
    code: "smtp_421",
    stage: "greeting",
    detail: "The relay replied at the greeting: 421 busy",
  }]);
  // For the next half minute it is not asked first.
  const second: Any = await channel.deliver(anAttempt(anEmail()), aContext());
  assert.equal(second.evidence.tried, undefined);
  assert.deepEqual([down.connections, taken(up)], [1, 2]);
});

Deno.test("When all relays are down the mail waits, and the error names each", async () => {
  await using one = openRawRelay({ greeting: "421 busy" });
  await using two = openRawRelay({ greeting: "554 go away" });
  await using channel = openChannel([{ relay: relayAt(one.port) }, { relay: relayAt(two.port) }]);
  const outcome: Any = await channel.deliver(anAttempt(anEmail()), aContext());
  assert.equal(outcome.kind, "deferred");
  assert.equal(outcome.hold.forMs, 900_000);
  assert.deepEqual(outcome.evidence.tried.map(({ code }: Any) => code), ["smtp_421", "smtp_554"]);
});

Deno.test("What a relay says of the mail is no reason to ask another", async () => {
  await using first = openRawRelay({ rcpt: "550 nobody" });
  await using second = openRawRelay();
  await using channel = openChannel([
    { relay: relayAt(first.port) },
    { relay: relayAt(second.port) },
  ]);
  assert.equal((await channel.deliver(anAttempt(anEmail()), aContext())).kind, "rejected");
  assert.equal(second.connections, 0);
});

Deno.test("A mail goes to the relay of its sender's domain", async () => {
  await using own = openRawRelay();
  await using others = openRawRelay();
  await using channel = openChannel([
    { relay: relayAt(others.port) },
    { relay: relayAt(own.port), senders: ["example.org"] },
  ]);
  await channel.deliver(anAttempt(anEmail()), aContext());
  await channel.deliver(anAttempt(anEmail({ from: { address: "a@example.com" } })), aContext());
  assert.deepEqual([taken(own), taken(others)], [1, 1]);
});

Deno.test("XOAUTH2 logs in with a token, and with a new one when the old is refused", async () => {
  const asked: string[] = [];
  await using endpoint = serveHttp(async (request) => {
    asked.push(await request.text());
    return Response.json({ access_token: `token-${asked.length}`, expires_in: 3_600 });
  });
  const said: string[] = [];
  await using relay = openRawRelay({
    ehlo: "250-relay\n250-AUTH XOAUTH2\n250 SIZE 1000000",
    heard: (line) => said.push(line),
    get auth() {
      return said.at(-1)?.includes(btoa("user=ada@example.org\x01auth=Bearer token-2\x01\x01"))
        ? "235 welcome"
        : said.at(-1)?.startsWith("AUTH")
        ? "334 eyJzdGF0dXMiOiI0MDEifQ=="
        : "535 no";
    },
  });
  const oauth = {
    user: "ada@example.org",
    tokenUrl: `${endpoint.url}/token`,
    clientId: "client",
    clientSecret: "s3cr3t",
    refreshToken: "refresh",
  };
  const rule = { ...relayAt(relay.port), oauth };
  assert.equal(await verifyRelay(rule, { clock }), undefined);
  assert.equal(asked.length, 2);
  assert.equal(
    asked[0],
    "grant_type=refresh_token&client_id=client&client_secret=s3cr3t&refresh_token=refresh",
  );
});

Deno.test("A refresh token that the endpoint replaces is used from then on, and kept over a restart", async () => {
  const folder = await Deno.makeTempDir();
  const given: (string | null)[] = [];
  await using endpoint = serveHttp(async (request) => {
    given.push(new URLSearchParams(await request.text()).get("refresh_token"));
    return Response.json({
      access_token: `access-${given.length}`,
      refresh_token: `refresh-${given.length + 1}`,
      expires_in: 3_600,
    });
  });
  const settings = {
    user: "ada@example.org",
    tokenUrl: `${endpoint.url}/token`,
    clientId: "client",
    refreshToken: "refresh-1",
  };
  const first = openTokens(settings, { clock, folder });
  assert.equal(await first.token(false), "access-1");
  assert.equal(await first.token(true), "access-2");
  const restarted = openTokens(settings, { clock, folder });
  assert.equal(await restarted.token(false), "access-3");
  const changed = openTokens({ ...settings, refreshToken: "new" }, { clock, folder });
  await changed.token(false);
  assert.deepEqual(given, ["refresh-1", "refresh-2", "refresh-3", "new"]);
  for await (const { name } of Deno.readDir(folder)) {
    assert.equal(((await Deno.stat(`${folder}/${name}`)).mode ?? 0) & 0o777, 0o600);
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("A token endpoint that refuses is named, in its own words and without secrets", async () => {
  await using endpoint = serveHttp(() =>
    Response.json({
      error: "invalid_grant",
      error_description: "Token s3cr3t-refresh has been revoked",
    }, { status: 400 })
  );
  await using relay = openRawRelay({ ehlo: "250-relay\n250 AUTH XOAUTH2" });
  const oauth = {
    user: "ada@example.org",
    tokenUrl: `${endpoint.url}/token`,
    clientId: "client",
    refreshToken: "s3cr3t-refresh",
  };
  await using channel = openChannel([{ relay: { ...relayAt(relay.port), oauth } }]);
  const outcome: Any = await channel.deliver(anAttempt(anEmail()), aContext());
  assert.deepEqual([outcome.kind, outcome.error.code], ["deferred", "oauth_failed"]);
  assert.match(
    outcome.error.detail,
    /the token endpoint refused with 400: invalid_grant: Token \*\*\* has been revoked/,
  );
  assert.doesNotMatch(JSON.stringify(outcome), /s3cr3t/);
  assert.equal(outcome.evidence.stage, "login");
});
