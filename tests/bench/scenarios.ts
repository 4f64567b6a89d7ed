/**
 * What the bench measures, in turns with what it is compared with: a machine that is
 * slow for a while is slow for both.
 *
 * @module
 */

import { aFolder, type Api, startPostrider } from "../support/process.ts";
import type { LoopResult } from "./loops.ts";
import {
  type CpuPerRequest,
  cpuText,
  load,
  median,
  perRequest,
  ratioOf,
  runProgram,
  startProgram,
  threadTimes,
} from "./programs.ts";

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

/** A mail. */
export const MAIL = { to: "ada@example.org", subject: "Hello", text: "It rides." };
/** Accepted and not attempted, so that only the accept is measured. */
export const LATER = JSON.stringify({ ...MAIL, delay: "1h" });

/** Requests after which V8 has compiled what an accept runs. */
export const WARM = 60_000;

/** `POST /notify`, one task a request, against a bare server that writes one row for each. */
export async function accept(connections: number, { rounds, size }: Effort): Promise<Line> {
  await using data = await aFolder();
  await using bare = await startProgram("reference.ts", "manners");
  await using four = await startProgram("reference.ts", "four");
  await using durable = await startProgram("reference.ts", "durable", `${data.path}/reference.db`);
  await using service = startPostrider({ data: data.path });
  const api = await service.listening;
  const ours = { port: Number(new URL(api.url).port), pid: service.pid };
  const requests = Math.round(40_000 * size);
  const shot = { path: "/notify", body: LATER, connections, warmup: 0 };
  const targets = { durable, bare, four, ours };
  type Round = { readonly rate: number; readonly p99: number; readonly cpu: CpuPerRequest };
  const measured: Record<keyof typeof targets, Round[]> = {
    durable: [],
    bare: [],
    four: [],
    ours: [],
  };
  for (const { port } of Object.values(targets)) {
    await load({ ...shot, port, requests: Math.round(WARM * size) });
  }
  for (let round = 0; round < rounds; round++) {
    for (const [name, { port, pid }] of Object.entries(targets)) {
      const before = await threadTimes(pid);
      const { seconds, p99Ms } = await load({ ...shot, port, requests });
      const cpu = perRequest(before, await threadTimes(pid), requests);
      measured[name as keyof typeof targets].push({ rate: requests / seconds, p99: p99Ms, cpu });
    }
  }
  const rates = (name: keyof typeof targets) => measured[name].map(({ rate }) => rate);
  const cpu = (name: keyof typeof targets) => cpuText(measured[name].map(({ cpu }) => cpu));
  const p99 = (name: keyof typeof targets) => median(measured[name].map(({ p99 }) => p99));
  const ratio = (name: keyof typeof targets) => ratioOf(rates("ours"), rates(name)).toFixed(2);
  return {
    what: `accept, ${connections} connections, against the least that is durable`,
    bare: median(rates("durable")),
    ours: median(rates("ours")),
    unit: "/s",
    ratio: ratioOf(rates("ours"), rates("durable")),
    wanted: { ratio: 0.8 },
    note: `CPU ${cpu("durable")} and ${cpu("ours")}; p99 ${p99("durable").toFixed(1)} and ` +
      `${p99("ours").toFixed(1)} ms; ${ratio("bare")} of the same without a row ` +
      `(${cpu("bare")}), ${ratio("four")} of four fields (${cpu("four")})`,
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
  const shot = { port, path: "/fetch", body, connections: 8, warmup: 0 };
  await load({ ...shot, requests: Math.round(WARM / 1_000 * size) });
  const rates = [];
  const cpu = [];
  for (let round = 0; round < rounds; round++) {
    const before = await threadTimes(service.pid);
    const result = await load({ ...shot, requests });
    cpu.push(perRequest(before, await threadTimes(service.pid), requests * 1_000));
    rates.push(requests * 1_000 / result.seconds);
  }
  return {
    what: "accept in batches of 1,000",
    bare: NaN,
    ours: median(rates),
    unit: "tasks/s",
    wanted: { atLeast: 100_000 },
    note: `CPU of a task ${cpuText(cpu)}`,
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
  await endToEnd(api, client, entry, client === "http" ? Math.round(WARM * size) : count);
  const [theirs, least, ours]: number[][] = [[], [], []];
  const cpu = [];
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
    const before = await threadTimes(service.pid);
    ours!.push(count / await endToEnd(api, client, entry, count));
    cpu.push(perRequest(before, await threadTimes(service.pid), count));
  }
  const { counts } = (await api.call<{ counts: Record<string, number> }>("/status")).body;
  const failed = Object.entries(counts).filter(([state, n]) => state !== "succeeded" && n > 0);
  if (failed.length > 0) throw new Error(`Not all succeeded: ${JSON.stringify(counts)}`);
  const common = { ours: median(ours!), unit: "/s" };
  const bareRatio = ratioOf(ours!, theirs!);
  return client === "http"
    ? {
      ...common,
      what: "fetch end to end, 64 at once, against the least that is durable",
      bare: median(least!),
      ratio: ratioOf(ours!, least!),
      wanted: { ratio: 0.8 },
      note: `CPU of a task ${cpuText(cpu)}; ${bareRatio.toFixed(2)} of a bare undici loop ` +
        `(${median(theirs!).toFixed(0)}/s)`,
    }
    : {
      ...common,
      what: "mails end to end, 8 at once, against bare pooled nodemailer",
      bare: median(theirs!),
      ratio: bareRatio,
      wanted: { ratio: 0.95 },
      note: `CPU of a task ${cpuText(cpu)}`,
    };
}

/** Seconds from the first submit to the end of the last task. */
export async function endToEnd(
  api: Api,
  client: "http" | "smtp",
  entry: unknown,
  count: number,
): Promise<number> {
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
