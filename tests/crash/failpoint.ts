/**
 * The one failpoint that is armed in this process, as `CRASH_AT` names it:
 * `after_commit:17` dies at the seventeenth time that a commit has been made.
 *
 * @module
 */

import type { Failpoint } from "../../src/lib/failpoints.ts";

/** Arms what `CRASH_AT` says; nothing without it. */
export function armed(): Failpoint {
  const [place, times] = (Deno.env.get("CRASH_AT") ?? "").split(":");
  let left = Number(times);
  return (name) => {
    // The process, not this thread: nothing may be tidied up.
    if (name === place && --left === 0) Deno.kill(Deno.pid, "SIGKILL");
  };
}
