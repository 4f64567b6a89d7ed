/**
 * What must be true after a crash suite.
 *
 * @module
 */

import { FAILPOINTS } from "../../src/lib/failpoints.ts";
import type { CrashReport } from "./suite.ts";

/** Everything that is not true, as sentences. */
export function faultsOf(
  report: CrashReport,
  { kills, concurrency }: { readonly kills: number; readonly concurrency: number },
): string[] {
  const { lost, failed, notMade, unmarked, duplicates, mostInterrupted } = report;
  const faults: string[] = [];
  if (lost.length > 0) faults.push(`${lost.length} acknowledged tasks are lost: ${lost[0]} …`);
  if (failed.length > 0) faults.push(`${failed.length} failed without a crash: ${failed[0]} …`);
  if (notMade.length > 0) faults.push(`${notMade.length} succeeded unmade: ${notMade[0]} …`);
  if (unmarked.length > 0) faults.push(`${unmarked.length} doubled unmarked: ${unmarked[0]} …`);
  if (mostInterrupted > concurrency) {
    faults.push(`${mostInterrupted} attempts were interrupted by one kill`);
  }
  if (duplicates > kills * concurrency) faults.push(`${duplicates} duplicates`);
  if (report.acknowledged < kills) faults.push(`only ${report.acknowledged} were acknowledged`);
  for (const name of FAILPOINTS) {
    if (!report.kills[name]) faults.push(`nothing died at the failpoint ${name}`);
  }
  return faults;
}
