/**
 * `deno task attack [--long] [--seed N] [--only NAME]`: attacks a service of its
 * own from outside, and prints one page. The short form takes about two minutes.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { attack, SUITES } from "./attack.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: {
    seed: { type: "string" },
    long: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    only: { type: "string", multiple: true },
  },
});
const seed = Number(values.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]);
const say = (text: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
const only = values.only ?? Object.keys(SUITES);

say(`seed ${seed}`);
const findings = await attack({ seed, isLong: values.long, only, say });
if (values.json) say(JSON.stringify(findings));
const broken = findings.filter(({ holds, isMeasure }) => !holds && (values.long || !isMeasure));
say(`Attacked by other commands:
  scripts in every field of every page   deno test -A tests/browser/hostile_test.ts
  the image in namespaces, read-only     deno task test:image
  faults, kills and drains for an hour   deno task soak
  a thousand kills at named places       deno task crash
`);
say(broken.length === 0 ? "All promises held." : `${broken.length} promises did not hold.`);
Deno.exit(broken.length === 0 ? 0 : 1);
