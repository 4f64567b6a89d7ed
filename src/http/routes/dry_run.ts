/**
 * `?dryRun=true`: what a submit would come to, with nothing stored.
 *
 * @module
 */

import type { Ports } from "../../task/ports.ts";
import type { Draft, DraftedTask } from "../../task/input/new_task.ts";
import { timeView } from "../views/time_view.ts";
import { payloadView, type View } from "../views/task_view.ts";

/** So many tasks of a large batch are told. */
const MAX_TOLD = 100;

/** What would be sent, where it would go, and when. */
export async function dryRunView({ drafted }: Draft, ports: Ports): Promise<View> {
  const told = drafted.slice(0, MAX_TOLD);
  const targets = new Map<string, Promise<View>>();
  for (const { task: { lane } } of told) {
    if (!targets.has(lane)) targets.set(lane, targetOf(lane, ports));
  }
  const tasks = told.map(async (one) => ({
    ...plannedView(one),
    ...await targets.get(one.task.lane),
  }));
  return { dryRun: true, total: drafted.length, tasks: await Promise.all(tasks) };
}

/** Without jitter, which makes each wait up to half as long. */
function plannedView({ task, payload }: DraftedTask): View {
  let at = task.dueAt;
  const tries = [at, ...task.retry.map((waitMs) => at += waitMs)];
  return {
    type: task.type,
    payload: payloadView(payload),
    lane: task.lane,
    tries: tries.filter((time) => time < (task.expiresAt ?? Infinity)).map(timeView),
    expiresAt: timeView(task.expiresAt),
  };
}

/** Only hosts that are called are resolved and guarded; relays are the operator's own. */
async function targetOf(lane: string, ports: Ports): Promise<View> {
  const url = /^https?:/.test(lane) ? URL.parse(lane) : null;
  if (!url) return {};
  const found = await ports.addressesOf(url);
  return "code" in found ? { error: found } : { addresses: found };
}
