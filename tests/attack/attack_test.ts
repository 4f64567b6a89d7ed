import assert from "node:assert/strict";
import { attack, SUITES } from "./attack.ts";

/** Measured times depend on the machine, and are what the long form is for. */
Deno.test.each(Object.keys(SUITES).map((name) => ({ name })))(
  "Promises hold under attack: $name",
  async ({ name }) => {
    const seed = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
    const lines: string[] = [];
    const findings = await attack({
      seed,
      isLong: false,
      only: [name],
      say: (text) => lines.push(text),
    });
    const broken = findings.filter(({ holds, isMeasure }) => !holds && !isMeasure);
    assert.deepEqual(broken, [], `seed ${seed}\n${lines.join("\n")}`);
  },
);
