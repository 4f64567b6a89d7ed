/**
 * How many random cases a property test tries.
 *
 * @module
 */

/** Few on a workstation, so that all tests end within minutes; many in CI. */
export function runs(few: number, inCi: number): number {
  return Deno.env.get("CI") ? inCi : few;
}
