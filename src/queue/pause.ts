/**
 * Pauses: an operator's order that no attempt of a host, key, type, channel, or
 * of all tasks begins. Running attempts end; tasks are accepted meanwhile.
 *
 * @module
 */

import type { TaskType } from "../task/task.ts";
import { laneIsOfHost } from "./host.ts";

/** What a pause covers: exactly one of the fields, and `owner` only together with `key`. */
export interface PauseTarget {
  /** A host, whatever the scheme and port; or one with a port. */
  readonly host?: string;
  /** A key, of `owner` or of all owners. */
  readonly key?: string;
  /** The API key that the key belongs to. */
  readonly owner?: string;
  /** A task type. */
  readonly type?: TaskType;
  /** A channel. */
  readonly channel?: string;
  /** Everything. */
  readonly all?: true;
}

/** A pause as it is stored. */
export interface Pause extends PauseTarget {
  /** `pau_…` */
  readonly id: string;
  /** When it ends by itself, in milliseconds since the epoch. */
  readonly until?: number;
  /** For people. */
  readonly reason?: string;
  /** The API key that made it, or `anonymous`. */
  readonly by: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

/** The fields of a task that decide whether a pause covers it. */
export interface Pausable {
  /** Its lane, which names the host or the relay. */
  readonly lane: string;
  /** Its type. */
  readonly type: TaskType;
  /** Its channel. */
  readonly channel?: string | null;
  /** Its key. */
  readonly key?: string | null;
  /** The API key that submitted it. */
  readonly owner?: string | null;
}

/** Whether a pause covers a task. */
export function pauseCovers(pause: PauseTarget, task: Pausable): boolean {
  if (pause.all) return true;
  if (pause.host !== undefined) return laneIsOfHost(task.lane, pause.host);
  if (pause.type !== undefined) return task.type === pause.type;
  if (pause.channel !== undefined) return task.channel === pause.channel;
  if (task.key !== pause.key) return false;
  return pause.owner === undefined || task.owner === pause.owner;
}
