/**
 * `?dryRun=true`: what a submit would do, with nothing stored.
 *
 * @module
 */

import type { Ports } from "../../task/ports.ts";
import type { Draft, DraftedTask } from "../../task/input/new_task.ts";
import { timeView } from "../views/time_view.ts";
import { payloadView, type View } from "../views/task_view.ts";

/** The most tasks that are shown of a batch. */
const MAX_SHOWN = 100;

/** What each task would send, the addresses of its host, and the times of its attempts. */
export async function dryRunView({ drafted }: Draft, ports: Ports): Promise<View> {
  const shown = drafted.slice(0, MAX_SHOWN);
  const targets = new Map<string, Promise<View>>();
  for (const { task: { lane } } of shown) {
    if (!targets.has(lane)) targets.set(lane, targetOf(lane, ports));
  }
  const tasks = shown.map(async (one) => ({
    ...plannedView(one),
    ...await targets.get(one.task.lane),
  }));
  return { dryRun: true, total: drafted.length, tasks: await Promise.all(tasks) };
}

/** The waits are the shortest: a real one is up to a quarter longer. */
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

/** The addresses of a host, or why it may not be called. Relays are not checked. */
async function targetOf(lane: string, ports: Ports): Promise<View> {
  const url = /^https?:/.test(lane) ? URL.parse(lane) : null;
  if (!url) return {};
  const found = await ports.addressesOf(url);
  return "code" in found ? { error: found } : { addresses: found };
}
