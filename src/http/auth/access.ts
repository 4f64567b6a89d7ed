/**
 * Finds the task or batch of a request, if the caller may see or change it.
 *
 * @module
 */

import { isId } from "../../lib/ids.ts";
import type { QueueEngine, TaskFilter } from "../../queue/engine.ts";
import type { BatchRecord } from "../../task/batch.ts";
import type { TaskRecord } from "../../task/task.ts";
import { type Caller, mayOperate, maySee } from "./auth.ts";
import { param, type RequestContext } from "../context.ts";
import { Refusal } from "../problems.ts";

/** The same answer for a missing thing and one of another owner, so that ids disclose nothing. */
export function notFound(kind: "task" | "batch" | "schedule"): Refusal {
  return new Refusal("not_found", `No such ${kind}, or another owner's`);
}

/** The task of the path. */
export async function seenTask(engine: QueueEngine, context: RequestContext): Promise<TaskRecord> {
  const id = param(context, "id");
  const task = isId("tsk", id) ? await engine.findBrief(id) : undefined;
  if (!task || !maySee(context.caller, task.owner)) throw notFound("task");
  return task;
}

/** The batch of the path. */
export async function seenBatch(
  engine: QueueEngine,
  context: RequestContext,
): Promise<BatchRecord> {
  const id = param(context, "id");
  const batch = isId("bat", id) ? await engine.findBatch(id) : undefined;
  if (!batch || !maySee(context.caller, batch.owner)) throw notFound("batch");
  return batch;
}

/** The task of the path, if the caller may change it. */
export async function operatedTask(
  engine: QueueEngine,
  context: RequestContext,
): Promise<TaskRecord> {
  const id = param(context, "id");
  const task = isId("tsk", id) ? await engine.findBrief(id) : undefined;
  if (!task) throw notFound("task");
  requireOperation(context.caller, task.owner, "task");
  return task;
}

/** The batch of the path, if the caller may change it. */
export async function operatedBatch(
  engine: QueueEngine,
  context: RequestContext,
): Promise<BatchRecord> {
  const id = param(context, "id");
  const batch = isId("bat", id) ? await engine.findBatch(id) : undefined;
  if (!batch) throw notFound("batch");
  requireOperation(context.caller, batch.owner, "batch");
  return batch;
}

/** Throws a `Refusal` unless the caller may change what belongs to `owner`. */
export function requireOperation(
  caller: Caller,
  owner: string | undefined,
  kind: Parameters<typeof notFound>[0],
): void {
  if (mayOperate(caller, owner)) return;
  if (!maySee(caller, owner)) throw notFound(kind);
  throw new Refusal("forbidden", "Expected the key of its owner, or one with the scope operate");
}

/** Limits a filter to the tasks that the caller may see, or with `toChange` may change. */
export function narrowed(
  filter: TaskFilter,
  { caller }: RequestContext,
  toChange = false,
): TaskFilter {
  const isUnrestricted = caller.name === undefined ||
    caller.scopes.has(toChange ? "operate" : "read");
  if (isUnrestricted) return filter;
  const owner = caller.name as string;
  // Another owner's tasks are none of this caller's.
  if (filter.owner !== undefined && filter.owner !== owner) return { owner, states: [] };
  return { ...filter, owner };
}
