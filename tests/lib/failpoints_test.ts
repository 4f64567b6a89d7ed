import { FAILPOINTS, noFailpoints } from "../../src/lib/failpoints.ts";

Deno.test("no place is armed unless a test arms it", () => {
  for (const name of FAILPOINTS) noFailpoints(name);
});
