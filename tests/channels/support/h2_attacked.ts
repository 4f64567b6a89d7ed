/**
 * Calls each server of `h2_servers.mjs` repeatedly, sixteen calls at a time, and prints
 * the outcomes as one line of JSON. It is a separate process: when a server crashes
 * it, its exit code says so.
 *
 * deno run h2_attacked.ts CERT_FILE TIMES PORTS
 *
 * @module
 */

import type { Outcome } from "../../../src/task/outcome.ts";
import { aContext, aFetch, anAttempt } from "./attempts.ts";
import { openGuard, parseFetchAllow } from "../../../src/channels/guard/guard.ts";
import { openHttpChannel } from "../../../src/channels/http/http.ts";
import { systemClock } from "../../../src/lib/clock.ts";

/** The outcomes of the calls to one server. */
export interface Attacked {
  /** Outcomes of GETs that were not aborted. */
  readonly GET: string[];
  /** Outcomes of POSTs. */
  readonly POST: string[];
  /** Calls in all. */
  readonly calls: number;
  /** Connections in all. */
  readonly connections: number;
}

/** An outcome in two words. */
export function brief(outcome: Outcome): string {
  return outcome.kind === "delivered" ? outcome.kind : `${outcome.kind} ${outcome.error.code}`;
}

/** These never close the connection, so each call takes its full time. */
const QUIET = new Set(["never answers", "stops amid a body", "never begins", "begins with a ping"]);

/** Calls a server until enough connections were lost; some calls are aborted at random. */
export async function attack(name: string, port: number, ca: string, times: number) {
  const seen = { GET: new Set<string>(), POST: new Set<string>() };
  let calls = 0;
  let connections = 0;
  const resolve = () => {
    connections++;
    return Promise.resolve(["127.0.0.1"]);
  };
  const guard = openGuard({ allow: parseFetchAllow("localhost"), resolve });
  const url = `https://localhost:${port}/`;
  for (
    let round = 0;
    connections < times && calls < times * (QUIET.has(name) ? 0.1 : 40);
    round++
  ) {
    const waits = { connect: 400, idle: 200 };
    const channel = openHttpChannel({ guard, version: "1", clock: systemClock, ca, waits });
    const call = async (n: number) => {
      calls++;
      const context = aContext();
      const method = n % 2 === 0 ? "GET" : "POST";
      const isCut = n % 5 >= 3;
      const payload = aFetch(url, { method, ...(n % 4 === 1 ? { body: "x".repeat(90_000) } : {}) });
      const done = channel.deliver(anAttempt(payload), context);
      const patience = setTimeout(() => context.abort("timeout"), isCut ? 9 * Math.random() : 900);
      const outcome = await done;
      clearTimeout(patience);
      if (!isCut) seen[method].add(brief(outcome));
    };
    // Few or many on a connection, twice on the same where it lasts; then the channel closes amid
    // a call.
    const size = [16, 1, 2, 1, 1][round % 5] ?? 1;
    for (let wave = 0; wave < 2; wave++) {
      await Promise.all(Array.from({ length: size }, (_, n) => call(n + round + wave)));
    }
    const last = aContext();
    const cutOff = channel.deliver(anAttempt(aFetch(url)), last);
    await channel.close?.();
    last.abort("shutdown");
    await cutOff;
  }
  return { GET: [...seen.GET].sort(), POST: [...seen.POST].sort(), calls, connections };
}

if (import.meta.main) {
  const [certFile = "", times = "", ports = ""] = Deno.args;
  const ca = await Deno.readTextFile(certFile);
  const open = () => [...Deno.readDirSync("/proc/self/fd")].length;
  const servers = Object.entries(JSON.parse(ports) as Record<string, number>);
  const reports: Record<string, Attacked> = {};
  for (const [name, port] of servers.slice(0, 1)) await attack(name, port, ca, 2);
  const before = open();
  for (const [name, port] of servers) {
    reports[name] = await attack(name, port, ca, Number(times));
  }
  const result = { reports, leftOpen: open() - before };
  await Deno.stdout.write(new TextEncoder().encode(`${JSON.stringify(result)}\n`));
}
