/**
 * Ratios to bare programs, measured side by side in one run: `deno task bench`.
 *
 *     deno task bench [--quick] [accept | batches | run | start | peer …]
 *     deno task bench --against FOLDER [--quick] [accept | run | single | mail …]
 *
 * @module
 */

import { parseArgs } from "node:util";
import { compare, COMPARED } from "./against.ts";
import { hasPeer, openPeer } from "./peer_programs.ts";
import { accept, batches, type Effort, type Line, run, start } from "./scenarios.ts";
import { machine, printHead, printLine } from "./table.ts";

const { values, positionals } = parseArgs({
  args: Deno.args,
  options: { quick: { type: "boolean" }, against: { type: "string" } },
  allowPositionals: true,
});
const effort: Effort = values.quick ? { rounds: 1, size: 0.5 } : { rounds: 7, size: 1 };

const scenarios: Record<string, readonly (() => Promise<Line>)[]> = {
  accept: [() => accept(64, effort), () => accept(128, effort)],
  batches: [() => batches(effort)],
  run: [() => run("http", effort), () => run("smtp", effort)],
  start: [() => start(effort)],
  peer: hasPeer() ? [() => peer(effort)] : [],
};

/** One line against Hono + BullMQ, whose Redis syncs every write as Postrider does. */
async function peer({ rounds, size }: Effort): Promise<Line> {
  await using programs = await openPeer();
  return await programs.accept("always", rounds, Math.round(30_000 * size));
}

await machine();
if (values.against !== undefined) {
  const folder = await Deno.realPath(values.against);
  for (const what of COMPARED) {
    if (positionals.length === 0 || positionals.includes(what)) {
      await compare(what, folder, effort);
    }
  }
} else {
  printHead();
  const chosen = positionals.length > 0 ? positionals : Object.keys(scenarios);
  for (const name of chosen) {
    for (const scenario of scenarios[name] ?? []) printLine(await scenario());
  }
}
