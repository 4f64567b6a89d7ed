/**
 * What the bench measures, in turns with what it is compared with: a machine that is
 * slow for a while is slow for both.
 *
 * @module
 */

import { aFolder, type Api, startPostrider } from "../support/process.ts";
import type { LoopResult } from "./loops.ts";
import { cpuMs, load, median, ratioOf, runProgram, startProgram } from "./programs.ts";

/** One line of the table. */
export interface Line {
  /** What was measured. */
  readonly what: string;
  /** The bare program's figure, in `unit`. */
  readonly bare: number;
  /** Postrider's figure, in `unit`. */
  readonly ours: number;
  /** Of both. */
  readonly unit: string;
  /** Postrider's figure divided by the bare one's: the median of all rounds, because single rounds vary. */
  readonly ratio?: number;
  /** The goal: a ratio, or a figure of Postrider's in `unit`. */
  readonly wanted: { readonly ratio: number } | { readonly atLeast: number } | {
    readonly atMost: number;
  };
  /** Beside it. */
  readonly note?: string;
}

/** How thorough to be: rounds of each, and the size of each round. */
export interface Effort {
  /** The median counts. */
  readonly rounds: number;
  /** 1: what takes a few seconds each. */
  readonly size: number;
}

const MAIL = { to: "ada@example.org", subject: "Hello", text: "It rides." };
/** Accepted and not attempted, so that only the accept is measured. */
const LATER = JSON.stringify({ ...MAIL, delay: "1h" });

/** `POST /notify`, one task a request, against a bare server. */
export async function accept(
  kind: "manners" | "four",
  connections: number,
  { rounds, size }: Effort,
): Promise<Line> {
  await using data = await aFolder();
  await using bare = await startProgram("reference.ts", kind);
  await using durable = await startProgram("reference.ts", "durable", `${data.path}/reference.db`);
  await using service = startPostrider({ data: data.path });
  const api = await service.listening;
  const port = Number(new URL(api.url).port);
  const requests = Math.round(40_000 * size);
  const shot = { path: "/notify", body: LATER, connections, requests, warmup: requests >> 2 };
  const [theirs, least, ours]: { rate: number; p99: number; cpu: number }[][] = [[], [], []];
  const targets = [[bare, theirs], [durable, least], [{ port, pid: service.pid }, ours]] as const;
  for (let round = 0; round < rounds; round++) {
    for (const [target, into] of targets) {
      const before = await cpuMs(target.pid);
      const { seconds, p99Ms } = await load({ ...shot, port: target.port });
      const cpu = (await cpuMs(target.pid) - before) / (requests + shot.warmup) * 1_000;
      into!.push({ rate: requests / seconds, p99: p99Ms, cpu });
    }
  }
  const of = (list: typeof theirs, field: "rate" | "p99" | "cpu") =>
    median(list!.map((one) => one[field]));
  const rates = (list: typeof theirs) => list!.map(({ rate }) => rate);
  return {
    what: `accept, ${connections} connections, against ${
      kind === "four" ? "four fields" : "the reference"
    }`,
    bare: of(theirs, "rate"),
    ours: of(ours, "rate"),
    unit: "/s",
    ratio: ratioOf(rates(ours), rates(theirs)),
    wanted: { ratio: kind === "four" ? 0.6 : 0.8 },
    note: `p99 ${of(theirs, "p99").toFixed(1)} and ${of(ours, "p99").toFixed(1)} ms; CPU ${
      of(theirs, "cpu").toFixed(0)
    } and ${of(ours, "cpu").toFixed(0)} µs each; the reference with a row and a commit: ${
      of(least, "rate").toFixed(0)
    }/s, ${ratioOf(rates(least), rates(theirs)).toFixed(2)}, ${of(least, "cpu").toFixed(0)} µs`,
  };
}

/** Batches of a thousand. */
export async function batches({ rounds, size }: Effort): Promise<Line> {
  await using data = await aFolder();
  await using service = startPostrider({ data: data.path });
  const port = Number(new URL((await service.listening).url).port);
  const body = JSON.stringify({
    urls: Array.from({ length: 1_000 }, (_, n) => `http://example.org/${n}`),
    delay: "1h",
  });
  const requests = Math.round(100 * size);
  const rates = [];
  for (let round = 0; round < rounds; round++) {
    const result = await load({ port, path: "/fetch", body, connections: 8, requests, warmup: 8 });
    rates.push(requests * 1_000 / result.seconds);
  }
  return {
    what: "accept in batches of 1,000",
    bare: NaN,
    ours: median(rates),
    unit: "tasks/s",
    wanted: { atLeast: 100_000 },
  };
}

/** Tasks from submit to settlement, compared with a bare loop over the same client. */
export async function run(
  client: "http" | "smtp",
  { rounds, size }: Effort,
  settings: Readonly<Record<string, string>> = {},
): Promise<Line> {
  await using sink = await startProgram("sinks.ts", client);
  await using data = await aFolder();
  await using service = startPostrider({
    data: data.path,
    env: {
      POSTRIDER_FETCH_ALLOW: `127.0.0.1:${sink.port}`,
      POSTRIDER_MAIL: `smtp://127.0.0.1:${sink.port}?tls=none`,
      ...settings,
    },
  });
  const api = await service.listening;
  const concurrency = client === "http" ? 64 : 8;
  const count = Math.round((client === "http" ? 20_000 : 8_000) * size);
  const entry = client === "http" ? { url: `http://127.0.0.1:${sink.port}/ride` } : MAIL;
  // Warms up first: Postrider has ten times the code of the bare loop to compile.
  await endToEnd(api, client, entry, Math.ceil(count / 2));
  const [theirs, least, ours]: number[][] = [[], [], []];
  for (let round = 0; round < rounds; round++) {
    const bare = await runProgram<LoopResult>("loops.ts", {
      client,
      port: sink.port,
      count,
      concurrency,
    });
    theirs!.push(count / bare.seconds);
    if (client === "http") {
      const path = `${data.path}/loop${round}.db`;
      const durable = await runProgram<LoopResult>("durable_loop.ts", {
        port: sink.port,
        count,
        concurrency,
        path,
      });
      least!.push(count / durable.seconds);
    }
    ours!.push(count / await endToEnd(api, client, entry, count));
  }
  const { counts } = (await api.call<{ counts: Record<string, number> }>("/status")).body;
  const failed = Object.entries(counts).filter(([state, n]) => state !== "succeeded" && n > 0);
  if (failed.length > 0) throw new Error(`Not all succeeded: ${JSON.stringify(counts)}`);
  return {
    what: client === "http"
      ? "fetch end to end, against a bare undici loop, 64 at once"
      : "mails end to end, against bare pooled nodemailer, 8 at once",
    bare: median(theirs!),
    ours: median(ours!),
    unit: "/s",
    ratio: ratioOf(ours!, theirs!),
    wanted: { ratio: client === "http" ? 0.7 : 0.95 },
    ...(client === "http"
      ? {
        note: `the loop with a row that is inserted, claimed and settled: ${
          median(least!).toFixed(0)
        }/s, ${ratioOf(least!, theirs!).toFixed(2)}`,
      }
      : {}),
  };
}

/** Seconds from the first submit to the end of the last task. */
async function endToEnd(api: Api, client: "http" | "smtp", entry: unknown, count: number) {
  const startedAt = performance.now();
  const ids: string[] = [];
  for (let left = count; left > 0; left -= 1_000) {
    const entries = Array.from({ length: Math.min(1_000, left) }, () => entry);
    const [path, name] = client === "http" ? ["/fetch", "requests"] : ["/notify", "notifications"];
    const { status, body } = await api.call<{ id: string }>(path!, { [name!]: entries });
    if (status !== 202) throw new Error(`${path}: ${status} ${JSON.stringify(body)}`);
    ids.push(body.id);
  }
  for (const id of ids) {
    for (;;) {
      const { body } = await api.call<{ done: boolean }>(`/batches/${id}?wait=60s`);
      if (body.done) break;
    }
  }
  return (performance.now() - startedAt) / 1_000;
}

/** From a submit, sent to an idle service, to the arrival of its request at the sink. */
export async function start({ rounds, size }: Effort): Promise<Line> {
  let arrived = Promise.withResolvers<number>();
  await using sink = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
    arrived.resolve(performance.now());
    return new Response("ridden");
  });
  const host = `127.0.0.1:${sink.addr.port}`;
  await using data = await aFolder();
  await using service = startPostrider({ data: data.path, env: { POSTRIDER_FETCH_ALLOW: host } });
  const api = await service.listening;
  const times = [];
  for (let turn = 0; turn < Math.round(200 * size * rounds); turn++) {
    arrived = Promise.withResolvers();
    const submittedAt = performance.now();
    const { body } = await api.call<{ id: string }>("/fetch", { url: `http://${host}/` });
    times.push(await arrived.promise - submittedAt);
    await api.final(body.id);
  }
  return {
    what: "from a submit to the arrival of its request, idle service, p50",
    bare: NaN,
    ours: median(times),
    unit: "ms",
    wanted: { atMost: 3 },
  };
}
