/**
 * A worker that makes no attempts: it claims, and settles what it has claimed.
 * Prints `{tasks, seconds, cpuMs}`.
 *
 * @module
 */

import { systemClock } from "../../src/lib/clock.ts";
import { openPostgresEngine } from "../../src/queue/postgres/engine.ts";
import { parsePostgresUrl } from "../../src/queue/postgres/url.ts";
import { cpuMs } from "./programs.ts";
import { say } from "./table.ts";

const { url, name, seconds } = JSON.parse(Deno.args[0] ?? "{}");
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
undo();
const worked = {
  tasks,
  seconds: (performance.now() - startedAt) / 1_000,
  cpuMs: await cpuMs(Deno.pid) - cpuBefore,
};
await engine[Symbol.asyncDispose]();
say(JSON.stringify(worked));
