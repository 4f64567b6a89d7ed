/**
 * Whether the service is well, in sentences: the first is the most urgent.
 *
 * @module
 */

import type { LaneStatus, QueuedKinds } from "../../queue/engine.ts";
import type { WorkerStatus } from "../../task/ports.ts";
import { duration } from "./components.tsx";

/** What is not well, and where to look. */
export interface Concern {
  /** A sentence without a full stop. */
  readonly text: string;
  /** The page that shows it. */
  readonly href: string;
}

/** What the health is found from. */
export interface HealthFacts {
  /** The moment, in milliseconds since the epoch. */
  readonly now: number;
  /** Whether submits are accepted. */
  readonly accepting: boolean;
  /** Whether the file of the queue is gone. */
  readonly isFileGone: boolean;
  /** Free space on the disk of the queue, in bytes, where it is known. */
  readonly freeBytes?: number | undefined;
  /** The worker's threads. */
  readonly worker: WorkerStatus;
  /** Held hosts and relays. */
  readonly held: readonly LaneStatus[];
  /** Pauses in force. */
  readonly pauses: number;
  /** Queued tasks by what they wait for. */
  readonly queued: QueuedKinds;
  /** Tasks that failed within the last hour. */
  readonly failedLastHour: number;
  /** The host or relay where most of them failed. */
  readonly worstHost?: string | undefined;
  /** Schedules whose latest run created no task. */
  readonly failedSchedules: readonly string[];
  /** Hooks with deliveries of the last hour that created nothing and should have. */
  readonly troubledHooks: readonly string[];
}

/** A due task that waits longer than this is late, in milliseconds. */
export const LATE_MS = 60_000;
const LOW_DISK_BYTES = 1e9;
const HOUR_MS = 3_600_000;

/** What is not well; nothing when everything is. */
export function concernsOf(facts: HealthFacts): Concern[] {
  const { now, worker, held, queued, freeBytes = Infinity } = facts;
  const late = now - (queued.oldestDueAt ?? now);
  const lost = worker.lost.filter(({ at }) => now - at < HOUR_MS).length;
  const concerns: (Concern | false)[] = [
    facts.isFileGone &&
    { text: "The queue file is gone, so submits are refused", href: "/manual/operating" },
    !facts.accepting &&
    { text: "The service is shutting down and accepts no new tasks", href: "/manual/operating" },
    freeBytes < LOW_DISK_BYTES &&
    { text: "Less than 1 GB of disk is free for the queue", href: "/manual/operating" },
    lost > 0 &&
    {
      text: `${count(lost, "delivery thread")} stopped responding in the last hour`,
      href: "/livez",
    },
    facts.failedLastHour > 0 &&
    {
      text: `${count(facts.failedLastHour, "task")} failed in the last hour${
        facts.worstHost === undefined ? "" : `, most of them at ${facts.worstHost}`
      }`,
      href: "/ui/tasks?state=failed&finishedSince=1h",
    },
    held.length > 0 &&
    {
      text: `${count(held.length, "host or relay", "hosts and relays")} held back`,
      href: "/ui/lanes",
    },
    late > LATE_MS &&
    {
      text: `The oldest due task has waited for ${duration(late)}`,
      href: "/ui/tasks?queued=due",
    },
    facts.failedSchedules.length > 0 &&
    {
      text: `The last run of ${some(facts.failedSchedules, "schedule")} created no task`,
      href: "/ui/schedules",
    },
    facts.troubledHooks.length > 0 &&
    {
      text: `Deliveries to ${
        some(facts.troubledHooks, "hook")
      } were rejected or failed in the last hour`,
      href: facts.troubledHooks.length === 1
        ? `/ui/hooks/${encodeURIComponent(facts.troubledHooks[0] ?? "")}?since=1h`
        : "/ui/hooks?since=1h",
    },
    facts.pauses > 0 &&
    { text: `${count(facts.pauses, "pause")} in force`, href: "/ui/lanes#pauses" },
  ];
  return concerns.filter((concern) => concern !== false);
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}

/** The only one by its name, several by their number. */
function some(names: readonly string[], what: string): string {
  return names.length === 1 ? `the ${what} ${names[0]}` : `${names.length} ${what}s`;
}
