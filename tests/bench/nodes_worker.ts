/**
 * A node that makes no attempts: it claims, and settles what it has claimed, or it
 * stores tasks of 64 callers. Prints `{tasks, seconds, cpuMs, roundTrips}`.
 *
 * @module
 */

// @ts-types="@types/pg"
import pg from "pg";

import { systemClock } from "../../src/lib/clock.ts";
import { openIds } from "../../src/lib/ids.ts";
import { openPostgresEngine } from "../../src/queue/postgres/open.ts";
import { parsePostgresUrl } from "../../src/queue/postgres/url.ts";
import { aTask } from "./nodes_task.ts";
import { cpuMs } from "./programs.ts";
import { say } from "./table.ts";

const { url, name, seconds, does } = JSON.parse(Deno.args[0] ?? "{}");
let roundTrips = 0;
// Each call of the driver waits for one answer of the server.
const query = pg.Client.prototype.query as (...args: unknown[]) => unknown;
pg.Client.prototype.query = function (this: unknown, ...args: unknown[]) {
  roundTrips++;
  return query.apply(this, args);
} as typeof pg.Client.prototype.query;

const engine = await openPostgresEngine({
  url: parsePostgresUrl(url),
  clock: systemClock,
  random: Math.random,
  name,
  report: () => ({ role: "worker", version: "bench", running: 0, concurrency: 256 }),
});
const stop = new AbortController();
const startedAt = performance.now();
const cpuBefore = await cpuMs(Deno.pid);
const undo = systemClock.after(seconds * 1_000, () => stop.abort());
let tasks = 0;
roundTrips = 0;
await (does === "accept" ? accept() : work());
undo();
const worked = {
  tasks,
  seconds: (performance.now() - startedAt) / 1_000,
  cpuMs: await cpuMs(Deno.pid) - cpuBefore,
  roundTrips,
};
await engine[Symbol.asyncDispose]();
say(JSON.stringify(worked));

/** Stores one task after the other for each caller. */
async function accept(): Promise<void> {
  const random = crypto.getRandomValues.bind(crypto);
  const ids = openIds(() => systemClock.now(), random, engine.lastSequence, engine.idTurn);
  const caller = async () => {
    while (!stop.signal.aborted) {
      await engine.insert({ tasks: [aTask(ids("tsk"), tasks++)] });
    }
  };
  await Promise.all(Array.from({ length: 64 }, caller));
}

/** Claims and settles, 256 at once. */
async function work(): Promise<void> {
  let free = 256;
  let freed = Promise.withResolvers<void>();
  const settling = new Set<Promise<void>>();
  while (!stop.signal.aborted) {
    if (free === 0) {
      await freed.promise;
      freed = Promise.withResolvers();
      continue;
    }
    const claimed = await engine.claim(free, stop.signal);
    free -= claimed.length;
    for (const { id, attempt, startedAt } of claimed) {
      const at = systemClock.now();
      const record = { number: attempt, startedAt, endedAt: at, outcome: "delivered" } as const;
      const settled = engine
        .settle({
          id,
          attempt,
          at,
          event: "succeed",
          delivery: "delivered",
          record,
          result: { status: 200 },
        })
        .then(() => {
          tasks++;
          free++;
          freed.resolve();
          settling.delete(settled);
        });
      settling.add(settled);
    }
  }
  await Promise.all(settling);
}
