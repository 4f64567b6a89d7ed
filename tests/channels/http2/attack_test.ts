/**
 * Misbehaviour of HTTP/2 servers in one table: the outcome of each, that nothing
 * stays open, and that the process survives.
 *
 * @module
 */

import assert from "node:assert/strict";
import { needs } from "../../support/needs.ts";
import { aContext, aFetch, anAttempt } from "../support/attempts.ts";
import { type Attacked, brief } from "../support/h2_attacked.ts";
import { startHttp2Servers } from "../support/h2_servers.ts";
import { openTestHttp } from "../support/http_channel.ts";

const RESET = "deferred connection_reset";
const BAD = "deferred bad_response";
const TIMEOUT = "deferred timeout";

/** The outcome of a single GET. */
const GETS: Record<string, string> = {
  "answers well": "delivered",
  "goes away when idle": "delivered",
  "goes away with a code": "delivered",
  "goes away, but stays": "delivered",
  "goes away before it answers": RESET,
  "goes away amid a body": RESET,
  "goes away from all": RESET,
  "goes away twice": "delivered",
  "closes at once": RESET,
  "closes amid a head": RESET,
  "closes amid a body": RESET,
  "resets the connection": RESET,
  "resets it amid a body": RESET,
  "closes half": RESET,
  "ends TLS alone": RESET,
  "resets with each code": RESET,
  "resets amid a body, with each code": RESET,
  "speaks noise": BAD,
  "floods settings": BAD,
  "has settings of a wrong size": BAD,
  "allows too large a window": BAD,
  "allows too small a frame": BAD,
  "floods pings": BAD,
  "floods windows": BAD,
  "floods empty bodies": BAD,
  "opens a window too far": BAD,
  "opens a window by nothing": BAD,
  "never ends its headers": BAD,
  "never ends its empty headers": BAD,
  "sends headers too long": BAD,
  "unpacks headers from little": BAD,
  "sends headers that are none": BAD,
  "sends a head without a status": BAD,
  "sends a header with a line end": BAD,
  "sends less than its length": BAD,
  "sends more than its length": BAD,
  "sends a body first": BAD,
  "pads beyond the end": BAD,
  "sends too long a frame": BAD,
  "pushes": BAD,
  "answers an unknown stream": BAD,
  "never answers": TIMEOUT,
  "stops amid a body": TIMEOUT,
  "speaks HTTP/1.1": BAD,
  "never begins": TIMEOUT,
  "begins with a ping": TIMEOUT,
  "wants to be pushed to": BAD,
  "allows no requests": RESET,
  "goes away at once": RESET,
};

/** These servers process no request, so a POST cannot have had an effect. */
const UNTOUCHED = new Set([
  "goes away from all",
  "speaks HTTP/1.1",
  "never begins",
  "begins with a ping",
  "wants to be pushed to",
  "allows no requests",
  "goes away at once",
]);

/** These servers answer 200 before they misbehave, so a POST was delivered. */
const ANSWERED = new Set([
  "goes away amid a body",
  "closes amid a body",
  "resets it amid a body",
  "closes half",
  "resets amid a body, with each code",
  "floods empty bodies",
  "sends less than its length",
  "sends more than its length",
  "pads beyond the end",
  "sends too long a frame",
  "stops amid a body",
]);

Deno.test(
  "every misbehaviour of an HTTP/2 server gets its own code and leaves nothing open",
  needs("openssl", "node"),
  async () => {
    await using servers = await startHttp2Servers();
    const found: Record<string, string[]> = {};
    const wanted: Record<string, string[]> = {};
    for (const [name, port] of Object.entries(servers.bad)) {
      // Only where a timeout is expected may the time of a slow machine decide.
      const isSilent = GETS[name] === TIMEOUT;
      for (const method of ["GET", "POST"]) {
        await using channel = openTestHttp({
          ca: servers.identity.ca,
          addresses: ["127.0.0.1"],
          allow: "localhost",
          waits: isSilent ? { connect: 1_500, idle: 500 } : { connect: 20_000, idle: 20_000 },
        });
        const context = aContext();
        const patience = setTimeout(() => context.abort("timeout"), isSilent ? 3_000 : 30_000);
        const payload = aFetch(`https://localhost:${port}/`, { method });
        (found[name] ??= []).push(brief(await channel.deliver(anAttempt(payload), context)));
        clearTimeout(patience);
      }
      const get = GETS[name] ?? "not in the table";
      const post = ANSWERED.has(name) ? "delivered" : get.replace("deferred", "unknown");
      wanted[name] = [get, UNTOUCHED.has(name) ? get : post];
    }
    assert.deepEqual(found, wanted);
    assert.deepEqual(Object.keys(found).sort(), Object.keys(GETS).sort());
  },
);

// In a process of its own, for what is feared is its end: see `session.ts`.
Deno.test(
  "a process survives all of it repeatedly while calls are aborted",
  needs("openssl", "node"),
  async () => {
    await using servers = await startHttp2Servers();
    const script = new URL("../support/h2_attacked.ts", import.meta.url).pathname;
    const ports = JSON.stringify(servers.bad);
    const { code, signal, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", script, servers.identity.certFile, "12", ports],
      stdout: "piped",
      stderr: "piped",
    }).output();
    assert.deepEqual({ code, signal }, { code: 0, signal: null }, new TextDecoder().decode(stderr));
    const { reports, leftOpen } = JSON.parse(new TextDecoder().decode(stdout));
    for (const [name, { calls }] of Object.entries(reports as Record<string, Attacked>)) {
      assert.ok(calls > 1, name);
    }
    assert.equal(Object.keys(reports).length, Object.keys(GETS).length);
    assert.ok(leftOpen < 8, `${leftOpen} descriptors more than at the beginning`);
  },
);
