/**
 * Tasks as those see them who do not own them.
 *
 * @module
 */

import { isId } from "../../lib/ids.ts";
import type { QueueEngine } from "../../queue/engine.ts";
import { secretsOf } from "../../task/echoed_secrets.ts";
import type { TaskProgress } from "../../task/ports.ts";
import type { TaskRecord } from "../../task/task.ts";
import { taskViewForOthers, type View } from "./task_view.ts";

/** Follow-ups have no follow-ups, but each of them may have five fallbacks. */
const MAX_PARENTS = 8;

/**
 * The view of a task for others. A callback or another follow-up may contain what an
 * upstream repeated of the secrets of the request before it, so those are masked too.
 */
export async function viewForOthers(
  engine: QueueEngine,
  task: TaskRecord,
  progress?: TaskProgress,
): Promise<View> {
  const inherited = new Set<string>();
  let { parentId } = task;
  for (let level = 0; level < MAX_PARENTS && parentId !== undefined; level++) {
    const brief = isId("tsk", parentId) ? await engine.findBrief(parentId) : undefined;
    const isLong = brief?.type === "fetch" && brief.payloadBytes !== undefined;
    const parent = isLong ? await engine.find(brief.id) : brief;
    if (parent?.type === "fetch" && parent.payload !== undefined) {
      for (const secret of secretsOf(JSON.parse(parent.payload))) inherited.add(secret);
    }
    parentId = parent?.parentId;
  }
  return taskViewForOthers(task, progress, [...inherited]);
}
