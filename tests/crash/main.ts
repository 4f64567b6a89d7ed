/**
 * `deno task crash [--seed N] [--kills N]`: the long form, by hand.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { faultsOf } from "./verdict.ts";
import { crash } from "./suite.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: { seed: { type: "string" }, kills: { type: "string" } },
});
const seed = Number(values.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]);
const kills = Number(values.kills ?? 1_000);
const say = (text: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));

say(`seed ${seed}, ${kills} kills`);
const report = await crash({ seed, kills, tell: say });
say(JSON.stringify(report, null, 2));
const faults = faultsOf(report, { kills, concurrency: 32 });
say(faults.length === 0 ? "Nothing was lost." : faults.join("\n"));
Deno.exit(faults.length === 0 ? 0 : 1);
