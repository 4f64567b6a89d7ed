/**
 * A million queued tasks: `deno task bench:scale [--tasks N] [--paused]`.
 *
 * First measures the engine alone as it fills: the cost of an accept and of a claim
 * at each size, with one task in five held in one lane (or, with `--paused`, under a
 * pause of its host), in turns with an empty engine. Then starts the service on that file, and measures its start, its
 * memory, its response times and its stop.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { systemClock } from "../../src/lib/clock.ts";
import { type IdSource, openIds } from "../../src/lib/ids.ts";
import type { QueueEngine } from "../../src/queue/engine.ts";
import { openSqliteEngine } from "../../src/queue/sqlite/engine.ts";
import type { ClaimedTask, NewTask } from "../../src/task/task.ts";
import { aFolder, type Api, startPostrider } from "../support/process.ts";
import { cpuMs, median, ratioOf, residentBytes } from "./programs.ts";
import { figure, machine, say } from "./table.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: { tasks: { type: "string" }, paused: { type: "boolean", default: false } },
});
const most = Number(values.tasks ?? 1_000_000);
const sizes = [100, 1_000, 10_000, 100_000, 1_000_000].filter((size) => size <= most);
/** One task in five waits for this host. */
const HELD = "http://held.example.org:80";
/** Tasks of one turn, and turns at each size. */
const PROBE = 4_000;
const ROUNDS = 8;

await machine();
await using data = await aFolder();
const path = `${data.path}/postrider.db`;
await engineAlone();
await serviceOn();

async function engineAlone(): Promise<void> {
  const clock = systemClock;
  await using engine = await openSqliteEngine({ path, clock, maxQueued: 2 * most });
  await using empty = await openSqliteEngine({ path: `${data.path}/empty.db`, clock });
  const ids = openIds(clock.now, (bytes) => crypto.getRandomValues(bytes));
  if (values.paused) {
    const pause = { id: ids("pau"), host: "held.example.org", by: "bench", createdAt: clock.now() };
    await engine.pause(pause);
  } else {
    await engine.limitLane(HELD, 0);
  }
  await inTurns(empty, engine, ids); // Warms up.
  say(
    "| queued | accept, one by one, 64 at once | of an empty one | CPU each " +
      "| claim and settle | of an empty one | CPU each |",
    "|---:|---:|---:|---:|---:|---:|---:|",
  );
  for (const size of sizes) {
    await fill(engine, ids, size);
    const { bare, ours } = await inTurns(empty, engine, ids);
    const cells = (["accepts", "runs"] as const).flatMap((what) => {
      const of = (probes: Probe[], field: keyof Cost) => probes.map((probe) => probe[what][field]);
      return [
        `${figure(median(of(ours, "rate")))} /s`,
        ratioOf(of(ours, "rate"), of(bare, "rate")).toFixed(2),
        `${figure(median(of(ours, "cpu")))} µs`,
      ];
    });
    say(`| ${figure(size)} | ${cells.join(" | ")} |`);
  }
}

/** Measures both in turns, so that a slow moment affects both. */
async function inTurns(empty: QueueEngine, engine: QueueEngine, ids: IdSource) {
  const [bare, ours]: [Probe[], Probe[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    // The second one pays for some of the garbage of the first.
    if (round % 2 === 1) ours.push(await probe(engine, ids));
    bare.push(await probe(empty, ids));
    if (round % 2 === 0) ours.push(await probe(engine, ids));
  }
  return { bare, ours };
}

/** Submits `count` waiting tasks, 1,000 at a time. */
async function fill(engine: QueueEngine, ids: IdSource, size: number): Promise<void> {
  for (let left = size - (await engine.counts()).queued; left > 0; left -= 1_000) {
    const tasks = Array.from({ length: Math.min(1_000, left) }, (_, n) => {
      const isHeld = n % 5 === 0;
      const lane = isHeld ? HELD : `http://h${n % 50}.example.org:80`;
      return aTask(ids, lane, isHeld ? 0 : 3_600_000);
    });
    await engine.insert({ tasks });
  }
}

/** Tasks a second, and microseconds of CPU for each task on both threads. */
interface Cost {
  readonly rate: number;
  readonly cpu: number;
}

interface Probe {
  readonly accepts: Cost;
  readonly runs: Cost;
}

/** The cost of accepting a task, and of claiming and settling it. */
async function probe(engine: QueueEngine, ids: IdSource): Promise<Probe> {
  let left = PROBE;
  const accepts = await measured(() =>
    Promise.all(Array.from({ length: 64 }, async () => {
      while (left-- > 0) await engine.insert({ tasks: [aTask(ids, `probe${left % 8}`, 0)] });
    }))
  );
  const never = new AbortController();
  const runs = await measured(async () => {
    for (let done = 0; done < PROBE;) {
      const tasks = await engine.claim(64, never.signal);
      await Promise.all(tasks.map((task) => settle(engine, task)));
      done += tasks.length;
    }
  });
  return { accepts, runs };
}

async function measured(work: () => Promise<unknown>): Promise<Cost> {
  const [at, cpu] = [performance.now(), await cpuMs(Deno.pid)];
  await work();
  return {
    rate: PROBE / ((performance.now() - at) / 1_000),
    cpu: (await cpuMs(Deno.pid) - cpu) * 1_000 / PROBE,
  };
}

function settle(engine: QueueEngine, { id, attempt, startedAt }: ClaimedTask) {
  const at = systemClock.now();
  const record = { number: attempt, startedAt, endedAt: at, outcome: "delivered" } as const;
  return engine.settle({ id, attempt, event: "succeed", at, delivery: "delivered", record });
}

function aTask(ids: IdSource, lane: string, delayMs: number): NewTask {
  const now = systemClock.now();
  return {
    id: ids("tsk"),
    type: "fetch",
    channel: "http",
    lane,
    payload: `{"url":"http://example.org/ride","method":"GET","headers":{},"redirects":5}`,
    label: "GET http://example.org/ride",
    createdAt: now,
    dueAt: now + delayMs,
    priority: 5,
    retry: [1_000, 5_000, 30_000],
    timeoutMs: 30_000,
    onUnknown: "retry",
  };
}

async function serviceOn(): Promise<void> {
  const arrived = Promise.withResolvers<void>();
  await using sink = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
    arrived.resolve();
    return new Response("ridden");
  });
  const host = `127.0.0.1:${sink.addr.port}`;
  const startedAt = performance.now();
  await using service = startPostrider({
    data: data.path,
    env: { POSTRIDER_FETCH_ALLOW: host, POSTRIDER_MAX_QUEUED: String(2 * most) },
  });
  const api = await service.listening;
  await api.call("/fetch", { url: `http://${host}/` });
  await arrived.promise;
  say("", `From the start of the process to the first attempt: ${since(startedAt)}`);
  for (
    const asked of [
      "/status",
      "/tasks?limit=50",
      "/tasks?state=queued",
      "/tasks?host=h7.example.org",
    ]
  ) {
    say(`GET ${asked}: ${await answers(api, asked)}`);
  }
  say(`Resident: ${figure(await residentBytes(service.pid) / 1e6)} MB`);
  const stoppedAt = performance.now();
  service.kill("SIGINT");
  const code = await service.exit;
  say(`SIGINT: exit ${code} after ${since(stoppedAt)}`);
  const { size } = await Deno.stat(path);
  say(`File: ${figure(size / 1e6)} MB`);
}

async function answers(api: Api, path: string): Promise<string> {
  const times: number[] = [];
  for (let n = 0; n < 200; n++) {
    const at = performance.now();
    await api.call(path);
    times.push(performance.now() - at);
  }
  times.sort((a, b) => a - b);
  return `p50 ${times[100]?.toFixed(1)} ms, p99 ${times[198]?.toFixed(1)} ms`;
}

function since(at: number): string {
  return `${figure(Math.round(performance.now() - at))} ms`;
}
