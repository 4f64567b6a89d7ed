/**
 * `deno task crash [--seed N] [--kills N] [--batch N]`: the long form, by hand. A larger `--batch`
 * acknowledges more tasks between two kills.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { faultsOf } from "./verdict.ts";
import { crash } from "./suite.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: {
    seed: { type: "string" },
    kills: { type: "string" },
    batch: { type: "string" },
  },
});
const seed = Number(values.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]);
const kills = Number(values.kills ?? 1_000);
const batch = Number(values.batch ?? 20);
const say = (text: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));

say(`seed ${seed}, ${kills} kills, batches of up to ${batch}`);
const report = await crash({ seed, kills, batch, tell: say });
say(JSON.stringify(report, null, 2));
const faults = faultsOf(report, { kills, concurrency: 32 });
say(faults.length === 0 ? "Nothing was lost." : faults.join("\n"));
Deno.exit(faults.length === 0 ? 0 : 1);
