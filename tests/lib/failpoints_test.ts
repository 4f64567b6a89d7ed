import { noFailpoints } from "../../src/lib/failpoints.ts";

Deno.test("no place is armed unless a test arms it", () => {
  for (const name of ["", "before_commit", "after_commit"]) noFailpoints(name);
});
