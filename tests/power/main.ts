/**
 * `deno task power [--images N] [--seed N]`: the long form, by hand.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { cutPower } from "./suite.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: { images: { type: "string" }, seed: { type: "string" } },
});
const images = Number(values.images ?? 300);
const seed = Number(values.seed ?? 1);
const say = (text: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));

say(`seed ${seed}, ${images} images each`);
for (const synchronous of ["full", "normal"] as const) {
  const { promised, losing, damaged } = await cutPower({ synchronous, images, seed });
  say(
    `synchronous=${synchronous}: ${promised} promises checked, ${losing} images lost some, ` +
      `${damaged.length} damaged`,
  );
}
