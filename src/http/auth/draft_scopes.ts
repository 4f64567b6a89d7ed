/**
 * The scopes that a submit needs in addition to that of its path.
 *
 * @module
 */

import type { Draft } from "../../task/input/new_task.ts";
import type { FollowUp } from "../../task/task.ts";
import { Refusal } from "../problems.ts";
import { type Caller, requireScope } from "./auth.ts";

/**
 * Throws a `Refusal` unless the caller may have these tasks: a chained task takes the
 * scope of its own path, and to have a host called that is not a service's own, as a
 * callback or `json://host/` does, takes the scope `fetch`.
 */
export function requireDraftScopes(caller: Caller, { drafted, batch, anyHost }: Draft): void {
  if (anyHost && !caller.scopes.has("fetch")) {
    throw new Refusal(
      "forbidden",
      "Expected an API key with the scope fetch, because a target, a file or a callback names its host",
    );
  }
  for (const { task } of drafted) requireChainScopes(caller, task.followUps);
  requireChainScopes(caller, batch?.followUps);
}

function requireChainScopes(caller: Caller, followUps: readonly FollowUp[] = []): void {
  for (const { kind, task } of followUps) if (kind === "chain") requireScope(caller, task.type);
}
