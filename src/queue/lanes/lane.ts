/**
 * One lane: its running attempts, its limits and its hold.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import { DEFAULT_LANE_LIMIT, type HostLimits } from "../../task/host_limits.ts";
import type { LaneStatus } from "../engine.ts";
import type { RateLimiter } from "./rate_limiter.ts";

/** A lane. */
export interface Lane {
  readonly name: string;
  running: number;
  /** The limit that was set for this lane. */
  own: number | undefined;
  /** The limits of its host, from the settings. */
  host: HostLimits | undefined;
  /** Learned from how the host responds; infinity when nothing was learned. */
  adaptiveLimit: number;
  /** The limit in force: the lowest of the limits above. */
  limit: number;
  rateLimiter: RateLimiter | undefined;
  heldUntil: number;
  reason: string | undefined;
  /** By priority. */
  readonly slots: Slot[];
}

/** The queued tasks of a lane at one priority. */
export interface Slot {
  readonly lane: Lane;
  readonly priority: number;
  /** None of them is due before then; infinity when there are none. */
  head: number;
  /** Heap entries with another stamp are out of date. */
  stamp: number;
}

/** A lane without limits of its own. */
export function newLane(name: string): Lane {
  return {
    name,
    running: 0,
    own: undefined,
    host: undefined,
    adaptiveLimit: Infinity,
    limit: DEFAULT_LANE_LIMIT,
    rateLimiter: undefined,
    heldUntil: 0,
    reason: undefined,
    slots: [],
  };
}

/** Sets the limit to the lowest of all limits. */
export function applyLimits(lane: Lane): void {
  const allowed = lane.own ?? lane.host?.concurrency ?? DEFAULT_LANE_LIMIT;
  lane.limit = Math.min(allowed, lane.adaptiveLimit);
}

/** Until when no attempt may begin in the lane, and why; `undefined` when one may. */
export function holdOf(
  { heldUntil, reason, rateLimiter }: Lane,
  now: number,
): Pick<LaneStatus, "heldUntil" | "reason"> | undefined {
  const opensAt = rateLimiter?.opensAt ?? 0;
  if (Math.max(heldUntil, opensAt) <= now) return undefined;
  if (rateLimiter && opensAt > heldUntil) {
    return { heldUntil: opensAt, reason: `its rate, ${rateLimiter}` };
  }
  return { heldUntil, ...compact({ reason }) };
}

/** The lane as callers see it. */
export function statusOf(lane: Lane, now: number): LaneStatus {
  const { name, running, limit } = lane;
  return { lane: name, running, limit, ...holdOf(lane, now) };
}
