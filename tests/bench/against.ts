/**
 * CPU of this version and of another checkout, in turns:
 * `deno task bench --against FOLDER [accept | run | single | mail]`.
 *
 * Two processes of the same version differ by some percent, so each version has two, and the
 * figure of each is printed. They take turns from the beginning: V8 drops the code of a process
 * that waits for minutes.
 *
 * @module
 */

import { aFolder, ROOT, startPostrider } from "../support/process.ts";
import { sendLoad } from "./load.ts";
import { type CpuPerRequest, cpuText, perRequest, startProgram, threadTimes } from "./programs.ts";
import { type Effort, endToEnd, LATER, MAIL, WARM } from "./scenarios.ts";
import { say } from "./table.ts";

const COPIES = 2;
/** Each answer comes when its task has ended: no more wait than there are connections. */
const FETCH = { path: "/fetch", prefer: "wait=60" };
/** Requests of a turn. */
const TURN = 3_000;

/**
 * What may be compared: accepts, and from their submit to their end fetches in
 * batches of 1,000, fetches that are submitted one by one, and mails.
 */
export const COMPARED = ["accept", "run", "single", "mail"] as const;

/** One process of a version. */
interface Process {
  readonly version: "other" | "this";
  readonly pid: number;
  /** Sends requests, and resolves when all are done. */
  readonly send: (count: number) => Promise<unknown>;
  readonly rounds: CpuPerRequest[];
}

/** Prints what a request costs in both versions, by thread, and the ratio. */
export async function compare(
  what: typeof COMPARED[number],
  folder: string,
  { rounds, size }: Effort,
): Promise<void> {
  await using open = new AsyncDisposableStack();
  const sink = open.use(await startProgram("sinks.ts", what === "mail" ? "smtp" : "http"));
  const host = `127.0.0.1:${sink.port}`;
  const processes: Process[] = [];
  const versions = Array.from({ length: COPIES }, () => ["other", "this"] as const).flat();
  for (const version of versions) {
    const root = version === "this" ? ROOT : folder;
    const data = open.use(await aFolder());
    const env = { POSTRIDER_FETCH_ALLOW: host, POSTRIDER_MAIL: `smtp://${host}?tls=none` };
    const { pid, listening } = open.use(startPostrider({ data: data.path, root, env }));
    const api = await listening;
    const port = Number(new URL(api.url).port);
    const load = { port, connections: 64, warmup: 0 };
    const url = `http://${host}/ride`;
    const send = (count: number) =>
      what === "accept"
        ? sendLoad({ ...load, path: "/notify", body: LATER, requests: count })
        : what === "single"
        ? sendLoad({ ...load, ...FETCH, body: JSON.stringify({ url }), requests: count })
        : what === "mail"
        ? endToEnd(api, "smtp", MAIL, count)
        : endToEnd(api, "http", { url }, count);
    processes.push({ version, pid, send, rounds: [] });
  }
  // A mail runs more code than an accept, but takes six times as long.
  const warm = what === "mail" ? WARM / 4 : WARM;
  for (let sent = 0; sent < warm * size; sent += TURN) {
    for (const { send } of processes) await send(TURN);
  }
  for (let round = 0; round < 2 * rounds; round++) {
    for (const { pid, send, rounds } of processes) {
      const before = await threadTimes(pid);
      await send(TURN);
      rounds.push(perRequest(before, await threadTimes(pid), TURN));
    }
  }
  const mean = (rounds: readonly CpuPerRequest[]) =>
    rounds.reduce((sum, { sum: us }) => sum + us, 0) / rounds.length;
  const by = Map.groupBy(processes, ({ version }) => version);
  const all = (version: Process["version"]) => by.get(version)!.flatMap(({ rounds }) => rounds);
  for (const [version, copies] of by) {
    const ratioOf = (rounds: readonly CpuPerRequest[]) => mean(rounds) / mean(all("other"));
    const each = copies.map(({ rounds }) => ratioOf(rounds).toFixed(3)).join(", ");
    const text = `CPU ${cpuText(all(version))}, ratio ${ratioOf(all(version)).toFixed(3)}`;
    say(`${what}, ${version.padEnd(5)}: ${text}; each process ${each}`);
  }
}
