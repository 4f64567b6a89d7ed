/**
 * About the lowest cost of a durable fetch: the bare loop, and for each task one
 * narrow row that is inserted, claimed and settled on a thread of SQLite's, with
 * many rows in one commit. No submit, no guard, no limits, no second thread.
 *
 *     deno run -A tests/bench/durable_loop.ts '{"port":8000,"count":20000,"concurrency":64,"path":"q.db"}'
 *
 * @module
 */

import { Agent, request } from "undici";
import type { Group, Row, Settled } from "./durable_loop_thread.ts";
import type { LoopResult } from "./loops.ts";

/** What to fetch, and where to store it. */
export interface DurableLoop {
  /** The port of the sink on 127.0.0.1. */
  readonly port: number;
  /** How many requests are measured. */
  readonly count: number;
  /** How many run at once. */
  readonly concurrency: number;
  /** The file; it is created. */
  readonly path: string;
}

/** The size of a group, that of Postrider's batches. */
const BATCH = 1_000;

async function run({ port, count, concurrency, path }: DurableLoop): Promise<LoopResult> {
  const ask = openThread(path);
  const dispatcher = new Agent();
  const attempt = async ({ seq, payload }: Row): Promise<Settled> => {
    const { url } = JSON.parse(payload) as { url: string };
    const { statusCode: status, headers, body } = await request(url, { dispatcher });
    return { seq, result: JSON.stringify({ status, headers, body: await body.text() }) };
  };
  const payload = JSON.stringify({ url: `http://127.0.0.1:${port}/ride`, method: "GET" });
  await volley(ask, attempt, payload, Math.ceil(count / 2), concurrency);
  const startedAt = performance.now();
  await volley(ask, attempt, payload, count, concurrency);
  return { seconds: (performance.now() - startedAt) / 1_000 };
}

/** Each commit settles what has ended meanwhile, and claims as many. */
async function volley(
  ask: (group: Group) => Promise<Row[]>,
  attempt: (row: Row) => Promise<Settled>,
  payload: string,
  count: number,
  concurrency: number,
): Promise<void> {
  let [unborn, queued, running, left] = [count, 0, 0, count];
  let ended: Settled[] = [];
  let woken = Promise.withResolvers<void>();
  while (left > 0) {
    const insert = Array<string>(Math.min(BATCH, unborn)).fill(payload);
    unborn -= insert.length;
    queued += insert.length;
    const claim = Math.min(queued, concurrency - running);
    if (insert.length + ended.length + claim === 0) {
      await woken.promise;
      woken = Promise.withResolvers();
      continue;
    }
    const settle = ended;
    ended = [];
    for (const row of await ask({ insert, settle, claim })) {
      running++;
      queued--;
      attempt(row).then((settled) => {
        running--;
        ended.push(settled);
        woken.resolve();
      });
    }
    left -= settle.length;
  }
}

function openThread(path: string): (group: Group) => Promise<Row[]> {
  const url = new URL("durable_loop_thread.ts", import.meta.url);
  const worker = new Worker(url, { type: "module" });
  worker.postMessage(path);
  return (group) =>
    new Promise((resolve) => {
      worker.onmessage = ({ data }: MessageEvent<Row[]>) => resolve(data);
      worker.postMessage(group);
    });
}

const result = await run(JSON.parse(Deno.args[0] ?? "{}") as DurableLoop);
Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(result) + "\n"));
Deno.exit(0);
