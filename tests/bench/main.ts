/**
 * Ratios to bare programs, measured side by side in one run: `deno task bench`.
 *
 *     deno task bench [--quick] [accept | batches | run | start …]
 *
 * @module
 */

import { parseArgs } from "node:util";
import { accept, batches, type Effort, type Line, run, start } from "./scenarios.ts";
import { machine, printHead, printLine } from "./table.ts";

const { values, positionals } = parseArgs({
  args: Deno.args,
  options: { quick: { type: "boolean" } },
  allowPositionals: true,
});
const effort: Effort = values.quick ? { rounds: 1, size: 0.5 } : { rounds: 7, size: 1 };

const scenarios: Record<string, readonly (() => Promise<Line>)[]> = {
  accept: [
    () => accept("manners", 64, effort),
    () => accept("manners", 128, effort),
    () => accept("four", 64, effort),
  ],
  batches: [() => batches(effort)],
  run: [() => run("http", effort), () => run("smtp", effort)],
  start: [() => start(effort)],
};

await machine();
printHead();
const chosen = positionals.length > 0 ? positionals : Object.keys(scenarios);
for (const name of chosen) {
  for (const scenario of scenarios[name] ?? []) printLine(await scenario());
}
