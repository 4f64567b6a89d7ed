/**
 * Kills the service again and again, and checks that nothing it acknowledged
 * was lost.
 *
 * A driver notes each id at its 202; a ledger, a process of its own, receives
 * the mails and requests; the service dies of SIGKILL, at a random moment or
 * at a named failpoint. In the end every acknowledged task must be final, all
 * that succeeded must have arrived, and what arrived twice must be marked.
 *
 * @module
 */

import { FAILPOINTS } from "../../src/lib/failpoints.ts";
import { type Lines, linesOf } from "../support/lines.ts";
import { aFolder, type Api, type Postrider, ROOT, startPostrider } from "../support/process.ts";
import { type Load, startLoad } from "./load.ts";
import { seeded } from "../support/seeded.ts";

/** How long to go on, and from which seed. */
export interface CrashOptions {
  /** The same kills at the same counts; what runs between them is up to the machine. */
  readonly seed: number;
  /** How often the service is killed. */
  readonly kills: number;
  /** Attempts at once. */
  readonly concurrency?: number;
  /** The most tasks of one submit; 20 when absent. */
  readonly batch?: number;
  /** Called after each kill. */
  readonly tell?: (line: string) => void;
}

/** The result. */
export interface CrashReport {
  /** Kills at each failpoint, and those at a random moment under `random`. */
  readonly kills: Readonly<Record<string, number>>;
  /** Tasks that were acknowledged. */
  readonly acknowledged: number;
  /** Their states at the end. */
  readonly states: Readonly<Record<string, number>>;
  /** Acknowledged, and not there any more or never final. */
  readonly lost: readonly string[];
  /** Ended otherwise than by success, and not because crashes interrupted it three times in a row. */
  readonly failed: readonly string[];
  /** Succeeded, and never arrived. */
  readonly notMade: readonly string[];
  /** Arrivals beyond the first of each task. */
  readonly duplicates: number;
  /** Arrived more than once without a mark. */
  readonly unmarked: readonly string[];
  /** The most interrupted attempts that one restart found. */
  readonly mostInterrupted: number;
}

const SERVICE = [Deno.execPath(), "run", "-A", "--quiet", "tests/crash/service.ts"];

/** 128 and SIGKILL. */
const KILLED = 137;
/** After this many kills the queue is drained: the service is to be killed at work, not under a backlog. */
const KILLS_TO_REST = 50;
/** A failpoint that has not been passed often enough by then is never. */
const NEVER_PASSED = 20_000;

/** Runs the suite. */
export async function crash(options: CrashOptions): Promise<CrashReport> {
  const { seed, kills, concurrency = 32, batch = 20, tell = () => {} } = options;
  const random = seeded(seed);
  await using data = await aFolder();
  await using ledger = await startLedger();
  const env = {
    POSTRIDER_FETCH_ALLOW: `127.0.0.1:${ledger.http}`,
    POSTRIDER_MAIL: `smtp://127.0.0.1:${ledger.smtp}?tls=none`,
    POSTRIDER_CONCURRENCY: String(concurrency),
  };
  const acknowledged = new Set<string>();
  const done: Record<string, number> = {};
  let mostInterrupted = 0;
  for (let round = 0; round < kills; round++) {
    // Each failpoint in turn, and a random moment in between.
    const place = round % 2 === 0 ? FAILPOINTS[round / 2 % FAILPOINTS.length] : undefined;
    const times = 1 + Math.floor(random() ** 2 * 300);
    await using service = startPostrider({
      data: data.path,
      command: SERVICE,
      env: { ...env, ...(place ? { CRASH_AT: `${place}:${times}` } : {}) },
    });
    const api = await service.listening.catch(() => undefined);
    // Without: it died before it listened, as the failpoint was passed while it recovered.
    const died = !api || await diesUnder(service, {
      load: startLoad(api, { ledger: ledger.http, random, acknowledged, batch }),
      after: place ? NEVER_PASSED * batch : Math.floor(random() * 20 * batch),
    });
    const code = await service.exit;
    if (code !== KILLED) throw new Error(`Ended with ${code}:\n${service.lines.said.join("\n")}`);
    const cause = place && died ? place : "random";
    done[cause] = (done[cause] ?? 0) + 1;
    mostInterrupted = Math.max(mostInterrupted, brokenOff(service.lines));
    tell(`${round + 1}/${kills} ${place ? `${place}:${times}` : "random"}, ${acknowledged.size}`);
    if ((round + 1) % KILLS_TO_REST === 0) {
      mostInterrupted = Math.max(mostInterrupted, await rest(data, env));
    }
  }
  await using service = startPostrider({ data: data.path, env });
  const api = await service.listening;
  mostInterrupted = Math.max(mostInterrupted, brokenOff(service.lines));
  await settled(api);
  return {
    kills: done,
    acknowledged: acknowledged.size,
    mostInterrupted,
    ...await compare(api, acknowledged, await ledger.counts()),
  };
}

/**
 * Lets the load run until the process dies by itself, as an armed failpoint
 * makes it; else kills it after that many acknowledgements, and resolves with `false`.
 */
async function diesUnder(
  service: Postrider,
  { load, after }: { readonly load: Load; readonly after: number },
): Promise<boolean> {
  const died = await Promise.race([
    service.exit.then(() => true),
    load.acknowledged(after).then(() => load.isOver),
  ]);
  if (!died) service.kill("SIGKILL");
  await load.ended;
  return died;
}

/** Lets the service drain its queue, and ends it; resolves with how many interrupted attempts it had found. */
async function rest(data: { path: string }, env: Record<string, string>): Promise<number> {
  await using service = startPostrider({ data: data.path, env });
  await settled(await service.listening);
  return brokenOff(service.lines);
}

/** How many interrupted attempts a start has found. */
function brokenOff({ said }: Lines): number {
  const line = said.find((text) => text.includes("Recovered interrupted attempts"));
  return Number(/tasks=(\d+)/.exec(line ?? "")?.[1] ?? /"tasks":(\d+)/.exec(line ?? "")?.[1] ?? 0);
}

/** Resolves when no task is queued or running. */
export async function settled(api: Api): Promise<void> {
  for (;;) {
    const { body } = await api.call<{ data: { id: string }[] }>(
      "/tasks?state=queued,running&limit=200",
    );
    if (body.data.length === 0) return;
    for (const { id } of body.data) await api.final(id);
  }
}

interface Listed {
  readonly id: string;
  readonly state: string;
  readonly reason?: string;
  readonly possibleDuplicate?: boolean;
}

/** Compares what was acknowledged with what is stored and what has arrived. */
export async function compare(
  api: Api,
  acknowledged: ReadonlySet<string>,
  counts: ReadonlyMap<string, number>,
) {
  const kept = new Map<string, Listed>();
  for (let cursor = "";;) {
    const { body } = await api.call<{ data: Listed[]; nextCursor?: string }>(
      `/tasks?limit=200${cursor}`,
    );
    for (const task of body.data) kept.set(task.id, task);
    if (!body.nextCursor) break;
    cursor = `&cursor=${body.nextCursor}`;
  }
  const states: Record<string, number> = {};
  const lost: string[] = [];
  const failed: string[] = [];
  const notMade: string[] = [];
  const unmarked: string[] = [];
  let duplicates = 0;
  for (const id of acknowledged) {
    const task = kept.get(id);
    const times = counts.get(id) ?? 0;
    if (!task || task.state === "queued" || task.state === "running") {
      lost.push(id);
      continue;
    }
    states[task.state] = (states[task.state] ?? 0) + 1;
    if (task.state !== "succeeded" && task.reason !== "crashed") failed.push(id);
    if (task.state === "succeeded" && times === 0) notMade.push(id);
    if (times > 1) duplicates += times - 1;
    if (times > 1 && !task.possibleDuplicate) unmarked.push(id);
  }
  return { states, lost, failed, notMade, duplicates, unmarked };
}

/** Starts what receives mails and requests; `faults` has a tenth of them fail at first. */
export async function startLedger(...args: "faults"[]) {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "tests/crash/ledger.ts", ...args],
    cwd: ROOT,
    stdout: "piped",
    stderr: "inherit",
    stdin: "null",
  }).spawn();
  const lines = linesOf(child.stdout);
  const [, http, smtp] = await lines.find(/"http":(\d+),"smtp":(\d+)/);
  return {
    http: Number(http),
    smtp: Number(smtp),
    async counts(): Promise<Map<string, number>> {
      const answer = await fetch(`http://127.0.0.1:${http}/counts`);
      const rows = (await answer.text()).split("\n").filter(Boolean);
      return new Map(rows.map((row) => row.split(" ")).map(([id, times]) => [id!, Number(times)]));
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.status;
      await lines.ended;
    },
  };
}
