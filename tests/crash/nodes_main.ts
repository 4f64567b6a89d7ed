/**
 * `deno task crash:nodes [--seed N] [--seconds N] [--suspend]`: the long form, by hand.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { crashNodes } from "./nodes.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: {
    seed: { type: "string" },
    seconds: { type: "string" },
    suspend: { type: "boolean" },
  },
});
const seed = Number(values.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]);
const seconds = Number(values.seconds ?? 1_800);
const say = (text: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));

say(`seed ${seed}, ${seconds} s`);
const report = await crashNodes({ seed, seconds, suspend: values.suspend ?? false, tell: say });
say(JSON.stringify(report, null, 2));
Deno.exit(report.lost.length + report.unmarked.length === 0 && report.countsAreRows ? 0 : 1);
