/**
 * `deno task soak [--minutes N] [--seed N]`: a mixed load with faults, kills and
 * drains, for an hour unless said otherwise.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { soak, soakFaults } from "./soak.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: { seed: { type: "string" }, minutes: { type: "string", default: "60" } },
});
const seed = Number(values.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]);
const minutes = Number(values.minutes);
const say = (text: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));

say(`seed ${seed}, ${minutes} minutes`);
const report = await soak({ seed, minutes, tell: say });
say(JSON.stringify(report, null, 2));
const faults = soakFaults(report);
say(faults.length === 0 ? "Nothing was lost, and nothing grew." : faults.join("\n"));
Deno.exit(faults.length === 0 ? 0 : 1);
