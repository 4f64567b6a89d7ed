/**
 * Claims and settlements on PostgreSQL: one to three workers, and a large queue
 * of which a fifth waits in a held lane, beside a small one.
 *
 *     deno task bench:nodes     needs Debian's postgresql
 *
 * @module
 */

import { systemClock } from "../../src/lib/clock.ts";
import { openIds } from "../../src/lib/ids.ts";
import { openPostgresEngine } from "../../src/queue/postgres/open.ts";
import { parsePostgresUrl } from "../../src/queue/postgres/url.ts";
import { openCluster } from "../support/postgres.ts";
import { aTask } from "./nodes_task.ts";
import { cpuMs, runProgram } from "./programs.ts";
import { figure, machine, say } from "./table.ts";

const HELD = "http://held.example:80";
const SECONDS = 5;

/** What a node does. */
type Does = "accept" | "run";

/** What a node prints. */
interface Worked {
  readonly tasks: number;
  readonly seconds: number;
  readonly cpuMs: number;
  /** Calls of the database that waited for an answer. */
  readonly roundTrips: number;
}

const waiting = Number(Deno.args[0] ?? 1_000_000);
await using cluster = await openCluster({ fsync: true });
await machine();
say("| queue | nodes | each task is | tasks/s | CPU of the nodes | of the server | round trips |");
say("|---|---:|---|---:|---:|---:|---:|");
// As many as the rows together can run.
await measure("small", 400_000, 0, [1, 2, 3, 1]);
await measure("large", waiting, waiting / 5, [1, 1]);
await fill(cluster.url({ schema: "accepts" }), 0, 0);
for (const nodes of [1, 2, 3, 1]) await measureRound("accepts", nodes, "accept", "empty at first");

async function measure(
  name: string,
  total: number,
  held: number,
  rounds: readonly number[],
): Promise<void> {
  const url = cluster.url({ schema: name });
  await fill(url, total, held);
  await cluster.sql("VACUUM ANALYZE");
  const what = `${figure(total)} queued${held > 0 ? `, ${figure(held)} of them held` : ""}`;
  for (const workers of rounds) await measureRound(name, workers, "run", what);
}

async function measureRound(name: string, nodes: number, does: Does, what: string): Promise<void> {
  const url = cluster.url({ schema: name });
  const before = await serverCpuMs();
  const worked = await Promise.all(
    Array.from(
      { length: nodes },
      (_, at) =>
        runProgram<Worked>("nodes_worker.ts", { url, name: `w${at}`, seconds: SECONDS, does }),
    ),
  );
  const server = await serverCpuMs() - before;
  const tasks = worked.reduce((sum, one) => sum + one.tasks, 0);
  const rate = worked.reduce((sum, one) => sum + one.tasks / one.seconds, 0);
  const cpu = worked.reduce((sum, one) => sum + one.cpuMs, 0);
  const trips = worked.reduce((sum, one) => sum + one.roundTrips, 0) / tasks;
  const each = (ms: number) => `${figure(ms * 1_000 / tasks)} µs`;
  const done = does === "accept" ? "accepted" : "claimed and settled";
  say(
    `| ${what} | ${nodes} | ${done} | ${figure(rate)} | ${each(cpu)} | ${each(server)} | ${
      figure(trips)
    } |`,
  );
}

/** Stores the tasks, with one lane held. */
async function fill(url: string, total: number, held: number): Promise<void> {
  await using engine = await openPostgresEngine({
    url: parsePostgresUrl(url),
    clock: systemClock,
    random: Math.random,
    name: "fill",
    maxQueued: total * 2,
    report: () => ({ role: "api", version: "bench", running: 0, concurrency: 0 }),
  });
  const random = crypto.getRandomValues.bind(crypto);
  const ids = openIds(() => systemClock.now(), random, engine.lastSequence, engine.idTurn);
  if (held > 0) await engine.limitLane(HELD, 0);
  for (let at = 0; at < total; at += 5_000) {
    await engine.insert({
      tasks: Array.from(
        { length: Math.min(5_000, total - at) },
        (_, n) => aTask(ids("tsk"), at + n, at + n < held ? HELD : undefined),
      ),
    });
  }
}

/** CPU of all processes of the cluster. */
async function serverCpuMs(): Promise<number> {
  const main = cluster.pid;
  let sum = await cpuMs(main);
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await Deno.readTextFile(`/proc/${name}/stat`).catch(() => "");
    const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
    if (parent === main) sum += await cpuMs(Number(name)).catch(() => 0);
  }
  // What has ended counts for the parent, in the two fields behind its own.
  const stat = await Deno.readTextFile(`/proc/${main}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return sum + (Number(fields[13]) + Number(fields[14])) * 10;
}
