import assert from "node:assert/strict";
import { digestOfZeros, save } from "../bench/save.ts";

const MIB = 2 ** 20;

/** Memory for code that the first download loads, and little else. */
const MAX_MIB = 60;

Deno.test("A long body that is interrupted is saved in little memory", async () => {
  const bytes = 512 * MIB;
  const saving = await save([{ bytes, cut: 200 * MIB }]);
  assert.equal(saving.state, "succeeded");
  assert.equal(saving.attempts, 3);
  assert.equal(saving.sha256, digestOfZeros(bytes));
  assert.ok(saving.aboveIdleMib < MAX_MIB, `It took ${saving.aboveIdleMib} MiB`);
});
