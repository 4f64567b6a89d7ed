/**
 * What a caller may let follow.
 *
 * @module
 */

import type { Draft } from "../../task/input/new_task.ts";
import { type Caller, requireScope } from "./auth.ts";

/** What follows needs the same scope as if it were asked for at once; a callback needs none. */
export function requireFollowUpScopes(caller: Caller, { drafted, batch }: Draft): void {
  for (const { followUps = [] } of [...drafted.map(({ task }) => task), batch ?? {}]) {
    for (const { kind, task } of followUps) if (kind === "chain") requireScope(caller, task.type);
  }
}
