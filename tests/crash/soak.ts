/**
 * Runs the service for a long time under a mixed load of which a tenth fails at
 * first, kills and drains it in between, and checks that nothing is lost and
 * that neither memory nor descriptors grow.
 *
 * A cycle is a calm part, in which the process lives on and is measured, and a
 * rough part, in which it is killed or drained every few seconds.
 *
 * @module
 */

import { aFolder, type Api, type Postrider, START, startPostrider } from "../support/process.ts";
import { startLoad } from "./load.ts";
import { compare, settled, startLedger } from "./suite.ts";
import { seeded } from "../support/seeded.ts";

/** How long to go on, and from which seed. */
export interface SoakOptions {
  readonly seed: number;
  readonly minutes: number;
  /** How often a calm part is followed by a rough one; 4 when absent. */
  readonly cycles?: number;
  /** Before a sample is taken, in milliseconds: idle connections are closed meanwhile. */
  readonly idleMs?: number;
  readonly tell?: (line: string) => void;
}

/** The process at one moment, with nothing left to do. */
export interface Sample {
  /** Resident memory, in MiB. */
  readonly rss: number;
  /** Open file descriptors. */
  readonly descriptors: number;
}

/** What was found. */
export interface SoakReport extends Awaited<ReturnType<typeof compare>> {
  readonly acknowledged: number;
  readonly kills: number;
  readonly drains: number;
  /** Drains that did not end with 0. */
  readonly badExits: readonly number[];
  /** The beginning and the end of each calm part. */
  readonly calm: readonly (readonly [Sample, Sample])[];
  /** The slowest 1 % of `GET /livez` in the calm parts, in milliseconds. */
  readonly livezP99: number;
}

/** Of a cycle. */
const CALM_SHARE = 0.6;
/** Of a calm part: caches and the heap grow to their size first. */
const WARM_UP_SHARE = 0.3;
/** Between two submits of a caller, in milliseconds. */
const PAUSE_MS = 100;
const KILLED = 137;

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Runs it. */
export async function soak(
  { seed, minutes, cycles = 4, idleMs = 5_000, tell = () => {} }: SoakOptions,
): Promise<SoakReport> {
  const random = seeded(seed);
  await using data = await aFolder();
  await using ledger = await startLedger("faults");
  const env = {
    POSTRIDER_FETCH_ALLOW: `127.0.0.1:${ledger.http}`,
    POSTRIDER_MAIL: `smtp://127.0.0.1:${ledger.smtp}?tls=none`,
    MALLOC_MMAP_THRESHOLD_: "1048576",
    MALLOC_TRIM_THRESHOLD_: "1048576",
  };
  const acknowledged = new Set<string>();
  const calm: [Sample, Sample][] = [];
  const livez: number[] = [];
  const badExits: number[] = [];
  let kills = 0;
  let drains = 0;
  const start = () => startPostrider({ data: data.path, command: START, env });
  const load = (api: Api) =>
    startLoad(api, { ledger: ledger.http, random, acknowledged, batch: 20, pauseMs: PAUSE_MS });
  const end = async (service: Postrider, signal: "SIGKILL" | "SIGTERM") => {
    service.kill(signal);
    const code = await service.exit;
    if (signal === "SIGKILL") kills++;
    else drains++;
    if (code !== (signal === "SIGKILL" ? KILLED : 0)) badExits.push(code);
  };
  const cycleMs = minutes * 60_000 / cycles;
  for (let cycle = 0; cycle < cycles; cycle++) {
    {
      await using service = start();
      const api = await service.listening;
      const measured = measureLivez(api, livez);
      const first = load(api);
      await wait(cycleMs * CALM_SHARE * WARM_UP_SHARE);
      await stop(first);
      const before = await sampleOf(service, api, idleMs);
      const second = load(api);
      await wait(cycleMs * CALM_SHARE * (1 - WARM_UP_SHARE));
      await stop(second);
      calm.push([before, await sampleOf(service, api, idleMs)]);
      await measured.stop();
      await end(service, "SIGTERM");
    }
    tell(`calm ${JSON.stringify(calm.at(-1))}, ${acknowledged.size} acknowledged`);
    for (const until = performance.now() + cycleMs * (1 - CALM_SHARE); performance.now() < until;) {
      await using service = start();
      const running = load(await service.listening);
      await wait(2_000 + random() * 8_000);
      await end(service, kills < drains ? "SIGKILL" : "SIGTERM");
      await running.ended;
    }
    tell(`${kills} kills, ${drains} drains, ${acknowledged.size} acknowledged`);
  }
  await using service = start();
  const api = await service.listening;
  await settled(api);
  return {
    acknowledged: acknowledged.size,
    kills,
    drains,
    badExits,
    calm,
    livezP99: Math.round(
      livez.toSorted((a, b) => a - b)[Math.floor(livez.length * 0.99)] ?? 0,
    ),
    ...await compare(api, acknowledged, await ledger.counts()),
  };
}

/** Everything that is not as promised, as sentences. */
export function soakFaults({ calm, ...report }: SoakReport): string[] {
  const faults: string[] = [];
  for (const name of ["lost", "failed", "notMade", "unmarked", "badExits"] as const) {
    const found: readonly unknown[] = report[name];
    if (found.length > 0) faults.push(`${name}: ${found.length}, such as ${found[0]}`);
  }
  if (report.acknowledged === 0) faults.push("nothing was acknowledged");
  for (const [before, after] of calm) {
    if (after.rss > before.rss * 1.2 + 20) {
      faults.push(`memory grew from ${before.rss} to ${after.rss} MiB`);
    }
    if (after.descriptors > before.descriptors + 8) {
      faults.push(`descriptors grew from ${before.descriptors} to ${after.descriptors}`);
    }
  }
  return faults;
}

async function stop(load: ReturnType<typeof startLoad>): Promise<void> {
  load.stop();
  await load.ended;
}

/** Waits until nothing is left to do and idle connections are closed. */
async function sampleOf(service: Postrider, api: Api, idleMs: number): Promise<Sample> {
  await settled(api);
  await wait(idleMs);
  const status = await Deno.readTextFile(`/proc/${service.pid}/status`);
  return {
    rss: Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1_024),
    descriptors: [...Deno.readDirSync(`/proc/${service.pid}/fd`)].length,
  };
}

function measureLivez(api: Api, into: number[]) {
  let isOver = false;
  const running = (async () => {
    while (!isOver) {
      const from = performance.now();
      await api.call("/livez");
      into.push(performance.now() - from);
      await wait(100);
    }
  })();
  return {
    async stop() {
      isOver = true;
      await running;
    },
  };
}
