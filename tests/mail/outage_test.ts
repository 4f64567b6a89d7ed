/**
 * A relay that refuses everybody for a minute, with thousands of mails waiting: no
 * attempt is lost, and all sessions are used again once it is back.
 *
 * `REAL=1` is the long form, by the machine's clock; it prints what it saw.
 *
 * @module
 */

import assert from "node:assert/strict";
import { say } from "../bench/table.ts";
import { openRawRelay, type Script } from "../channels/support/raw_relay.ts";
import { openWorld, pause, SPEED } from "./world.ts";

const MAILS = 5_000;
const OUTAGE_MS = 60_000;
const IS_REAL = Deno.env.has("REAL");

const outages: readonly { readonly how: string; readonly down: Script; readonly login?: string }[] =
  [
    { how: "421 as its greeting", down: { greeting: "421 4.3.2 down" } },
    { how: "a hang-up", down: { greeting: "drop" } },
    {
      how: "454 at the login",
      down: { ehlo: "250-relay\n250 AUTH PLAIN", auth: "454 later" },
      login: "ada:secret@",
    },
  ];

Deno.test.each(outages)(
  "A minute of $how with 5,000 mails queued loses no attempt",
  async ({ down, login = "" }) => {
    const state = { isDown: true, open: 0, most: 0 };
    const script = {
      get greeting() {
        return state.isDown ? down.greeting ?? "220 ready" : "220 ready";
      },
      get ehlo() {
        return down.ehlo ?? "250 relay";
      },
      get auth() {
        return state.isDown ? down.auth ?? "235 ok" : "235 ok";
      },
    } as Script;
    await using relay = openRawRelay(script);
    await using world = openWorld(relay.port, { login, speed: IS_REAL ? 1 : SPEED });
    const { clock } = world;
    const ids = await world.accept(MAILS, { retry: [1_000] });
    const until = clock.monotonic() + OUTAGE_MS;
    while (clock.monotonic() < until) await pause();
    const probes = relay.connections;
    assert.equal(relay.taken.length, 0);
    state.isDown = false;
    const backAt = clock.monotonic();
    while (relay.taken.length === 0) await pause();
    const firstAt = clock.monotonic();
    await world.allFinal(ids);
    const tasks = await Promise.all(ids.map((id) => world.engine.find(id)));
    assert.ok(tasks.every((task) => task?.state === "succeeded"));
    const listed = tasks.filter((task) => (task?.attempts.length ?? 0) > 1).length;
    assert.ok(listed <= 1, `${listed} mails list a refusal`);
    assert.ok(probes <= OUTAGE_MS / 5_000 + 2, `${probes} probes`);
    // A session carries a hundred mails.
    const sessions = relay.connections - probes;
    assert.ok(sessions >= MAILS / 100 && sessions <= MAILS / 100 + 10, `${sessions} sessions`);
    if (IS_REAL) {
      const seconds = (clock.monotonic() - firstAt) / 1_000;
      say(
        `${probes} probes; first mail ${Math.round(firstAt - backAt)} ms after the return, then ` +
          `${Math.round(MAILS / seconds)} mails a second`,
      );
    }
  },
);
