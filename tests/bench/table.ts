/**
 * The output of the bench.
 *
 * @module
 */

import { VERSION } from "../../src/service.ts";
import type { Line } from "./scenarios.ts";

/** Prints the machine and the versions. */
export async function machine(): Promise<void> {
  const cpus = (await Deno.readTextFile("/proc/cpuinfo").catch(() => "")).split("\n")
    .filter((line) => line.startsWith("model name"));
  const [load] = (await Deno.readTextFile("/proc/loadavg").catch(() => "?")).split(" ");
  const { deno, v8 } = Deno.version;
  say(
    `Postrider ${VERSION}, Deno ${deno}, V8 ${v8}, SQLite ${await sqliteVersion()}`,
    `${navigator.hardwareConcurrency} cores (${cpus[0]?.split(": ")[1] ?? Deno.build.arch}), ` +
      `load before the run ${load}`,
    "",
  );
}

async function sqliteVersion(): Promise<string> {
  const { DatabaseSync } = await import("node:sqlite");
  using db = new DatabaseSync(":memory:");
  return String(db.prepare("SELECT sqlite_version() AS v").get()?.v);
}

/** The head of the table, as Markdown. */
export function printHead(): void {
  say("| what | bare | Postrider | ratio | wanted | |", "|---|---:|---:|---:|---:|---|");
}

/** One row of it. */
export function printLine({ what, bare, ours, unit, ratio, wanted, note = "" }: Line): void {
  const [goal, reached] = "ratio" in wanted
    ? [wanted.ratio.toFixed(2), ratio !== undefined && ratio >= wanted.ratio]
    : "atLeast" in wanted
    ? [`≥ ${figure(wanted.atLeast)} ${unit}`, ours >= wanted.atLeast]
    : [`≤ ${figure(wanted.atMost)} ${unit}`, ours <= wanted.atMost];
  const of = (value: number) => Number.isNaN(value) ? "" : `${figure(value)} ${unit}`;
  say(
    `| ${what} | ${of(bare)} | ${of(ours)} | ${ratio?.toFixed(2) ?? ""} | ${goal} ${
      reached ? "✓" : "✗"
    } | ${note} |`,
  );
}

/** Thousands with commas; small ones with two decimals. */
export function figure(value: number): string {
  return value < 100
    ? String(Math.round(value * 100) / 100)
    : Math.round(value).toLocaleString("en");
}

/** Prints lines. */
export function say(...lines: string[]): void {
  Deno.stdout.writeSync(new TextEncoder().encode(lines.join("\n") + "\n"));
}
