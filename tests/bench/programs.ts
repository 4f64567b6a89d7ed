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
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
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
