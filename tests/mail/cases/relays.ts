/**
 * Cases of relays that refuse, fall silent, hang up or talk nonsense.
 *
 * @module
 */

import { openEmailChannel, verifyRelay } from "../../../src/channels/mail/email.ts";
import { parseMailUrl, type RelaySettings } from "../../../src/channels/mail/mail_settings.ts";
import { openTokens } from "../../../src/channels/mail/oauth.ts";
import type { RelayRule } from "../../../src/channels/mail/relays.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import type { EmailPayload } from "../../../src/task/payloads.ts";
import { aContext, anAttempt, anEmail } from "../../channels/support/attempts.ts";
import { serveHttp } from "../../channels/support/http_servers.ts";
import { openTestHttp } from "../../channels/support/http_channel.ts";
import { aFetch } from "../../channels/support/attempts.ts";
import { openRawRelay, type RawRelay, type Script } from "../../channels/support/raw_relay.ts";
import { makeIdentity, openTlsRelay } from "../../channels/support/tls_relay.ts";
import { openBlackHole } from "../black_hole.ts";
import { openWorld, pause } from "../world.ts";
import type { Case } from "./case.ts";

// deno-lint-ignore no-explicit-any -- outcomes of many shapes
type Any = any;

const clock = systemClock;

function relayAt(port: number, login = "", query = "tls=none"): RelaySettings {
  return parseMailUrl(`smtp://${login}127.0.0.1:${port}?${query}`) as RelaySettings;
}

function openChannel(...relays: RelayRule["relay"][]) {
  const channel = openEmailChannel(parseMailUrl("outbox:unused"), {
    clock,
    relays: relays.map((relay) => ({ relay })),
  });
  return Object.assign(channel, { [Symbol.asyncDispose]: async () => await channel.close?.() });
}

/** An attempt at a mail over relays that follow these scripts. */
async function delivered(
  scripts: readonly Script[],
  { mail = anEmail(), ms = 2_000 }: { readonly mail?: EmailPayload; readonly ms?: number } = {},
) {
  await using stack = new AsyncDisposableStack();
  const relays: RawRelay[] = scripts.map((script) => stack.use(openRawRelay(script)));
  const channel = stack.use(openChannel(...relays.map(({ port }) => relayAt(port))));
  const attempt = anAttempt(mail, { deadlineAt: Date.now() + ms });
  const outcome: Any = await channel.deliver(attempt, aContext());
  return { outcome, relays };
}

function to(...names: string[]): EmailPayload {
  return anEmail({ to: names.map((name) => ({ address: `${name}@example.org` })) });
}

async function words(scripts: readonly Script[]): Promise<string> {
  const { outcome } = await delivered(scripts);
  return `${outcome.kind} ${outcome.error?.code} at ${outcome.evidence.stage}`;
}

async function recipients(dot: string): Promise<string> {
  const { outcome } = await delivered([{ dot }], { mail: to("ok", "r550", "r450") });
  await using again = openRawRelay();
  await using later = openChannel(relayAt(again.port));
  const attempt = { number: 2, carry: outcome.carry };
  await later.deliver(anAttempt(to("ok", "r550", "r450"), attempt), aContext());
  const asked = again.taken.some(({ to }) => to.includes("r550@example.org"));
  return `${outcome.result.recipients.map((one: Any) => one.outcome).join(", ")}; r550 ${
    asked ? "asked again" : "not asked again"
  }`;
}

async function reason(url: string, trusted: boolean): Promise<string> {
  await using identity = await makeIdentity();
  await using relay = await openTlsRelay(identity);
  const named = url.replace("PLAIN", `${relay.plain}`).replace("SECURED", `${relay.secured}`);
  const waits = { connect: 2_000, greeting: 500, reply: 2_000, dot: 2_000 };
  const ca = trusted ? identity.ca : undefined;
  const fault = await verifyRelay(parseMailUrl(named), { clock, waits, ca });
  return fault?.detail ?? "none";
}

const STAGES: readonly (readonly [what: string, script: Script, right: string])[] = [
  ["421 at RCPT TO", { rcpt: "421 bye" }, "deferred smtp_421 at rcpt"],
  ["a hang-up at MAIL FROM", { mail: "drop" }, "deferred connection_reset at mail"],
  ["a hang-up at DATA", { data: "drop" }, "deferred connection_reset at data"],
  ["451 at the dot", { dot: "451 x" }, "deferred smtp_451 at dot"],
  ["a hang-up after the dot", { dot: "drop" }, "unknown connection_reset at dot"],
];

const NONSENSE: readonly (readonly [what: string, script: Script, right: string])[] = [
  ["25 at MAIL FROM", { mail: "25" }, "deferred bad_response at mail"],
  ["25 and NUL at MAIL FROM", { mail: "25\0" }, "deferred bad_response at mail"],
  ["999 after the dot", { dot: "999 x" }, "unknown bad_response at dot"],
  ["250 at DATA", { data: "250 ok" }, "deferred bad_response at data"],
];

const DOTS = [
  ["451 later", "deferred, rejected, deferred; r550 not asked again"],
  ["554 spam", "rejected, rejected, deferred; r550 not asked again"],
  ["drop", "unknown, rejected, deferred; r550 not asked again"],
  ["250 ok", "delivered, rejected, deferred; r550 not asked again"],
] as const;

export const RELAY_CASES: readonly Case[] = [
  {
    id: "M12",
    kind: "a refresh token that was replaced is used again",
    right: "refresh-1, refresh-2, after a restart refresh-3",
    async run() {
      const given: (string | null)[] = [];
      await using endpoint = serveHttp(async (request) => {
        given.push(new URLSearchParams(await request.text()).get("refresh_token"));
        const n = given.length + 1;
        return Response.json({ access_token: `a${n}`, refresh_token: `refresh-${n}` });
      });
      const folder = await Deno.makeTempDir();
      const settings = {
        user: "ada@example.org",
        tokenUrl: `${endpoint.url}/token`,
        clientId: "client",
        refreshToken: "refresh-1",
      };
      const first = openTokens(settings, { clock, folder });
      await first.token(false);
      await first.token(true);
      await openTokens(settings, { clock, folder }).token(false);
      await Deno.remove(folder, { recursive: true });
      return `${given[0]}, ${given[1]}, after a restart ${given[2]}`;
    },
  },
  {
    id: "M12",
    kind: "the token endpoint's refusal is called the relay's",
    right:
      "No access token for the relay at the login: the token endpoint refused with 400: invalid_grant: Revoked",
    async run() {
      await using endpoint = serveHttp(() =>
        Response.json({ error: "invalid_grant", error_description: "Revoked" }, { status: 400 })
      );
      await using relay = openRawRelay({ ehlo: "250-relay\n250 AUTH XOAUTH2" });
      const oauth = { user: "a", tokenUrl: endpoint.url, clientId: "c", refreshToken: "secret" };
      await using channel = openChannel({ ...relayAt(relay.port), oauth });
      const outcome: Any = await channel.deliver(anAttempt(anEmail()), aContext());
      return outcome.error.detail;
    },
  },
  {
    id: "M16",
    kind: "a certificate that is not trusted",
    right:
      "TLS with the relay failed: self-signed certificate: name a file with it as POSTRIDER_CA_FILE",
    run: () => reason("smtps://localhost:SECURED", false),
  },
  {
    id: "M16",
    kind: "a certificate for another name",
    right:
      "TLS with the relay failed: the name 127.0.0.1 is not in the certificate: use one of its names in the relay's URL",
    run: async () => await reason("smtp://127.0.0.1:PLAIN?tls=required", true),
  },
  {
    id: "M16",
    kind: "clear text to a TLS port",
    right:
      "The relay did not answer in time at the greeting: if it expects TLS from the first byte, use smtps:// instead of smtp://",
    run: () => reason("smtp://localhost:SECURED?tls=none", true),
  },
  {
    id: "M16",
    kind: "the first relay's own words are lost",
    right: "535 5.7.8 wrong and 421 busy",
    async run() {
      await using own = openRawRelay({
        ehlo: "250-relay\n250 AUTH PLAIN",
        auth: "535 5.7.8 wrong",
      });
      await using other = openRawRelay({ greeting: "421 busy" });
      await using channel = openChannel(relayAt(own.port, "ada:secret@"), relayAt(other.port));
      const outcome: Any = await channel.deliver(anAttempt(anEmail()), aContext());
      const [found = outcome.error.detail] = /535 5\.7\.8 wrong(?=.*421 busy)/.exec(
        outcome.error.detail,
      ) ?? [];
      return `${found} and 421 busy`;
    },
  },
  {
    id: "M22",
    kind: "an address beyond ASCII",
    right: "delivered with SMTPUTF8, else rejected smtputf8_not_offered",
    async run() {
      const mail = anEmail({ to: [{ address: "jörg@example.org" }] });
      const able = await delivered([{ ehlo: "250-relay\n250-8BITMIME\n250 SMTPUTF8" }], { mail });
      const unable = await delivered([{}], { mail });
      return `${able.outcome.kind} with SMTPUTF8, else ${unable.outcome.kind} ${unable.outcome.error.code}`;
    },
  },
  {
    id: "X3",
    kind: "a mute relay takes all the time of an attempt",
    right: "delivered by the second, timeout by the first",
    async run() {
      const { outcome, relays } = await delivered([{ greeting: "hang" }, {}]);
      return `${outcome.kind} by the ${relays[1]?.taken.length === 1 ? "second" : "first"}, ${
        outcome.evidence.tried[0].code
      } by the first`;
    },
  },
  {
    id: "X3",
    kind: "a black hole takes all the time of an attempt",
    right: "delivered by the second, timeout at connect by the first",
    async run() {
      await using hole = await openBlackHole();
      await using healthy = openRawRelay();
      await using channel = openChannel(relayAt(hole.port), relayAt(healthy.port));
      const attempt = anAttempt(anEmail(), { deadlineAt: Date.now() + 2_000 });
      const outcome: Any = await channel.deliver(attempt, aContext());
      const [{ code, stage }] = outcome.evidence.tried;
      return `${outcome.kind} by the ${
        healthy.taken.length === 1 ? "second" : "first"
      }, ${code} at ${stage} by the first`;
    },
  },
  {
    id: "X4",
    kind: "waiting for a session is taken for an attempt: a slow relay",
    right: "100 sent in one attempt each",
    async run() {
      await using relay = openRawRelay({ beforeDot: () => afterMs(200) });
      // 200 ms are 10 s on this clock, and the timeout is a minute.
      await using world = openWorld(relay.port);
      const ids = await world.accept(100, { timeoutMs: 60_000 });
      await world.allFinal(ids);
      return await attemptsOf(world, ids);
    },
  },
  {
    id: "X4",
    kind: "waiting for a session is taken for an attempt: silence after the dot",
    right: "8 after the dot, 4 without an attempt",
    async run() {
      const gate = Promise.withResolvers<void>();
      await using relay = openRawRelay({ beforeDot: () => gate.promise });
      await using world = openWorld(relay.port);
      const ids = await world.accept(12, { timeoutMs: 5_000 });
      while (relay.taken.length < 8) await pause();
      const until = world.clock.monotonic() + 30_000;
      while (world.clock.monotonic() < until) await pause();
      const tasks = await Promise.all(ids.map((id) => world.engine.find(id)));
      const untried = tasks.filter((task) => task?.attempts.length === 0);
      const waiting = untried.length - relay.taken.length;
      gate.resolve();
      await world.allFinal(ids);
      return `${relay.taken.length - waiting} after the dot, ${waiting} without an attempt`;
    },
  },
  {
    id: "X5",
    kind: "an abort after the dot makes a duplicate",
    right: "400 sent in one attempt each, 400 copies",
    async run() {
      // 150 ms of a clock that runs five times faster.
      await using relay = openRawRelay({ beforeDot: () => afterMs(30) });
      await using world = openWorld(relay.port, { speed: 5 });
      const ids = await world.accept(400, { timeoutMs: 1_000, retry: [1_000, 1_000] });
      await world.allFinal(ids);
      return `${await attemptsOf(world, ids)}, ${relay.taken.length} copies`;
    },
  },
  {
    id: "X7",
    kind: "a relay that refuses everybody burns attempts: 421",
    right: "1 of 300 lists a refusal, 300 sent",
    async run() {
      const state = { isDown: true };
      const script = {
        get greeting() {
          return state.isDown ? "421 4.3.2 down" : "220 ready";
        },
      } as Script;
      await using relay = openRawRelay(script);
      await using world = openWorld(relay.port);
      const ids = await world.accept(300, { retry: [1_000] });
      while (relay.connections < 6) await pause();
      state.isDown = false;
      await world.allFinal(ids);
      const tasks = await Promise.all(ids.map((id) => world.engine.find(id)));
      const listed = tasks.filter((task) => (task?.attempts.length ?? 0) > 1).length;
      const sent = tasks.filter((task) => task?.state === "succeeded").length;
      return `${listed} of 300 lists a refusal, ${sent} sent`;
    },
  },
  {
    id: "X7",
    kind: "a wrong password is tried again and again",
    right: "at most 2 logins a minute, 300 queued",
    async run() {
      const script = { ehlo: "250-relay\n250 AUTH PLAIN", auth: "535 5.7.8 wrong" };
      await using relay = openRawRelay(script);
      await using world = openWorld(relay.port, { login: "ada:secret@" });
      const ids = await world.accept(300, { retry: [1_000, 1_000] });
      while (relay.connections === 0) await pause();
      const until = world.clock.monotonic() + 60_000;
      while (world.clock.monotonic() < until) await pause();
      const logins = relay.connections;
      const tasks = await Promise.all(ids.map((id) => world.engine.find(id)));
      const open = tasks.filter((task) => task?.state !== "failed").length;
      return `at most ${logins <= 2 ? 2 : logins} logins a minute, ${open} queued`;
    },
  },
  ...DOTS.map(([dot, right]): Case => ({
    id: "X8",
    kind: `what the relay said of one recipient is lost: ${dot}`,
    right,
    run: () => recipients(dot),
  })),
  ...NONSENSE.map(([what, script, right]): Case => ({
    id: "X9",
    kind: `what is no reply counts as one: ${what}`,
    right,
    run: () => words([script]),
  })),
  {
    id: "X9",
    kind: "the mail goes out as commands",
    right: "nothing after DATA",
    async run() {
      const heard: string[] = [];
      await delivered([{ data: "250 ok", heard: (line) => heard.push(line) }]);
      const after = heard.slice(heard.indexOf("DATA") + 1).filter((line) => line !== "QUIT");
      return after.length === 0 ? "nothing after DATA" : after.join();
    },
  },
  {
    id: "X10",
    kind: "an abort is read too late: a black hole",
    right: "timeout: bob@example.org deferred; cancelled: bob@example.org deferred",
    async run() {
      await using hole = await openBlackHole();
      await using channel = openChannel(relayAt(hole.port));
      const said: string[] = [];
      for (const cause of ["timeout", "cancelled"]) {
        const context = aContext();
        const delivering = channel.deliver(anAttempt(anEmail()), context);
        context.abort(cause);
        const { error, result }: Any = await delivering;
        const [{ address, outcome }] = result.recipients;
        said.push(`${error.code}: ${address} ${outcome}`);
      }
      return said.join("; ");
    },
  },
  {
    id: "X11",
    kind: "the stage is not named: nothing listens",
    right: "deferred connection_refused at connect",
    async run() {
      const gone = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      gone.close();
      await using channel = openChannel(relayAt(gone.addr.port));
      const outcome: Any = await channel.deliver(anAttempt(anEmail()), aContext());
      return `${outcome.kind} ${outcome.error.code} at ${outcome.evidence.stage}`;
    },
  },
  {
    id: "X11",
    kind: "the stage is not named: a login",
    right: "deferred auth_failed at login: 535 5.7.8 wrong",
    async run() {
      await using relay = openRawRelay({
        ehlo: "250-relay\n250 AUTH PLAIN",
        auth: "535 5.7.8 wrong",
      });
      await using channel = openChannel(relayAt(relay.port, "ada:secret@"));
      const outcome: Any = await channel.deliver(anAttempt(anEmail()), aContext());
      const { stage, reply } = outcome.evidence;
      return `${outcome.kind} ${outcome.error.code} at ${stage}: ${reply}`;
    },
  },
  {
    id: "X11",
    kind: "the stage is not named: TLS",
    right: "deferred tls_required at tls",
    async run() {
      await using relay = openRawRelay({ ehlo: "250-relay\n250 STARTTLS", starttls: "502 what" });
      await using channel = openChannel(relayAt(relay.port, "", "tls=required"));
      const outcome: Any = await channel.deliver(anAttempt(anEmail()), aContext());
      return `${outcome.kind} ${outcome.error.code} at ${outcome.evidence.stage}`;
    },
  },
  {
    id: "X11",
    kind: "the stage is not named: a cut within the body",
    right: "deferred connection_reset at body",
    async run() {
      const attachments = [{ filename: "a.bin", content: btoa("x".repeat(9_000_000)) }];
      const script = { ehlo: "250 relay", body: "drop" } as const;
      const { outcome } = await delivered([script], { mail: anEmail({ attachments }), ms: 30_000 });
      return `${outcome.kind} ${outcome.error.code} at ${outcome.evidence.stage}`;
    },
  },
  ...STAGES.map(([what, script, right]): Case => ({
    id: "X11",
    kind: `the stage is not named: ${what}`,
    right,
    run: () => words([script]),
  })),
  {
    id: "X15",
    kind: "a server asks to wait for ages",
    right: "86400000 ms",
    async run() {
      await using server = serveHttp(() =>
        new Response("", { status: 503, headers: { "retry-after": "99999999999999999999" } })
      );
      await using http = openTestHttp();
      const outcome = await http.deliver(anAttempt(aFetch(server.url)), aContext());
      return `${outcome.kind === "deferred" ? outcome.retryAfterMs : outcome.kind} ms`;
    },
  },
];

/** In words: how many were sent, and whether each took one attempt. */
async function attemptsOf(
  { engine }: ReturnType<typeof openWorld>,
  ids: readonly string[],
): Promise<string> {
  const tasks = await Promise.all(ids.map((id) => engine.find(id)));
  const sent = tasks.filter((task) => task?.state === "succeeded");
  const more = sent.filter((task) => task?.attempts.length !== 1).length;
  return `${sent.length} sent in ${more === 0 ? "one attempt each" : `more by ${more}`}`;
}

/** A relay takes its time. */
function afterMs(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
