/**
 * The programs of the bench, each in a process of its own: what is measured shares
 * only the machine with what measures it.
 *
 * @module
 */

import { linesOf } from "../support/lines.ts";
import { ROOT } from "../support/process.ts";
import type { Load, LoadResult } from "./load.ts";

/** A running server. */
export interface Program extends AsyncDisposable {
  /** The port on 127.0.0.1. */
  readonly port: number;
  /** Its process. */
  readonly pid: number;
}

/** Starts a server of the bench: `what.ts ARGS`, which prints `{"port": …}` once it listens. */
export async function startProgram(file: string, ...args: string[]): Promise<Program> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", new URL(file, import.meta.url).pathname, ...args],
    cwd: ROOT,
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const lines = linesOf(child.stdout);
  const [, port] = await lines.find(/"port":(\d+)/);
  return {
    port: Number(port),
    pid: child.pid,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.status;
      await lines.ended;
    },
  };
}

/** Runs a program of the bench to its end, and returns its last line, parsed as JSON. */
export async function runProgram<T>(file: string, argument: unknown): Promise<T> {
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--quiet",
      new URL(file, import.meta.url).pathname,
      JSON.stringify(argument),
    ],
    cwd: ROOT,
    stdout: "piped",
    stderr: "inherit",
  }).output();
  if (!success) throw new Error(`${file} failed`);
  return JSON.parse(new TextDecoder().decode(stdout).trim().split("\n").at(-1) ?? "") as T;
}

/** Sends a load from a process of its own. */
export async function load(options: Load): Promise<LoadResult> {
  const result = await runProgram<LoadResult>("load.ts", options);
  if (result.failed > 0) throw new Error(`${result.failed} of ${options.path} were refused`);
  return result;
}

/** `CLK_TCK` on Linux. */
const TICK_MS = 10;

/** Milliseconds of CPU that a process has used so far, on all its threads. */
export async function cpuMs(pid: number): Promise<number> {
  return await usedBy(`/proc/${pid}`) / 1_000;
}

/** Microseconds of CPU that a process or a thread has used so far. Not from `schedstat`, which some kernels lack. */
async function usedBy(path: string): Promise<number> {
  const stat = await Deno.readTextFile(`${path}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS * 1_000;
}

/** Microseconds of CPU by kind of thread; the kinds are those of Postrider. */
export type ThreadTimes = Readonly<Record<"main" | "queue" | "channels" | "V8" | "others", number>>;

/** CPU that each kind of thread of a process has used so far; of a bare program, `queue` is its only thread. */
export async function threadTimes(pid: number): Promise<ThreadTimes> {
  const times = { main: 0, queue: 0, channels: 0, V8: 0, others: 0 };
  for await (const { name } of Deno.readDir(`/proc/${pid}/task`)) {
    const path = `/proc/${pid}/task/${name}`;
    try {
      times[kindOf(await Deno.readTextFile(`${path}/comm`))] += await usedBy(path);
    } catch {
      // The thread has ended.
    }
  }
  return times;
}

/** By the names that Deno gives to threads: workers are numbered in the order of their start. */
function kindOf(comm: string): keyof ThreadTimes {
  if (comm.startsWith("deno")) return "main";
  if (comm === "worker-1\n") return "queue";
  if (comm.startsWith("worker-")) return "channels";
  return comm.startsWith("V8") ? "V8" : "others";
}

/** What each of `count` requests used between two readings, as a text such as `80 µs (main 55, queue 23)`. */
export function perRequest(before: ThreadTimes, after: ThreadTimes, count: number): CpuPerRequest {
  const kinds = Object.keys(after) as (keyof ThreadTimes)[];
  const each = Object.fromEntries(
    kinds.map((kind) => [kind, Math.max(0, after[kind] - before[kind]) / count]),
  ) as ThreadTimes;
  return { each, sum: kinds.reduce((sum, kind) => sum + each[kind], 0) };
}

/** CPU of one request, in microseconds. */
export interface CpuPerRequest {
  /** By kind of thread. */
  readonly each: ThreadTimes;
  /** All of them. */
  readonly sum: number;
}

/** The round with the median sum, as text. */
export function cpuText(rounds: readonly CpuPerRequest[]): string {
  const middle = [...rounds].sort((a, b) => a.sum - b.sum)[rounds.length >> 1];
  if (!middle) return "";
  const parts = Object.entries(middle.each).filter(([, us]) => us >= 0.5)
    .map(([kind, us]) => `${kind} ${us.toFixed(0)}`);
  return `${middle.sum.toFixed(0)} µs (${parts.join(", ")})`;
}

/** Resident bytes of a process. */
export async function residentBytes(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1_024;
}

/** The median. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? NaN;
}

/** The median of the ratios of neighbouring rounds, which a slow moment affects alike. */
export function ratioOf(ours: readonly number[], bare: readonly number[]): number {
  return median(ours.map((one, round) => one / (bare[round] ?? NaN)));
}
