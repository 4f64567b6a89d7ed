/**
 * One lane: what runs in it, what may, and until when it is held.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import { DEFAULT_LANE_LIMIT, type HostLimits } from "../../task/host_limits.ts";
import type { LaneStatus } from "../engine.ts";
import type { RateLimiter } from "./rate_limiter.ts";

/** What is known of a lane. */
export interface Lane {
  readonly name: string;
  running: number;
  /** Set for this very lane. */
  own: number | undefined;
  /** What the operator allows towards its host. */
  host: HostLimits | undefined;
  /** Learned from how the other side answers; infinity when nothing was learned. */
  adaptiveLimit: number;
  /** The least of them. */
  limit: number;
  pace: RateLimiter | undefined;
  heldUntil: number;
  reason: string | undefined;
  /** By priority. */
  readonly slots: Slot[];
}

/** What waits in a lane at one priority. */
export interface Slot {
  readonly lane: Lane;
  readonly priority: number;
  /** Nothing of it is due before then; infinity when nothing waits. */
  head: number;
  /** Entries in the heaps with another stamp are out of date. */
  stamp: number;
}

/** A lane of which nobody has said anything yet. */
export function newLane(name: string): Lane {
  return {
    name,
    running: 0,
    own: undefined,
    host: undefined,
    adaptiveLimit: Infinity,
    limit: DEFAULT_LANE_LIMIT,
    pace: undefined,
    heldUntil: 0,
    reason: undefined,
    slots: [],
  };
}

/** The least of all limits holds. */
export function applyLimits(lane: Lane): void {
  const allowed = lane.own ?? lane.host?.concurrency ?? DEFAULT_LANE_LIMIT;
  lane.limit = Math.min(allowed, lane.adaptiveLimit);
}

/** Until when nothing may begin in it, and why; `undefined` when something may. */
export function holdOf(
  { heldUntil, reason, pace }: Lane,
  now: number,
): Pick<LaneStatus, "heldUntil" | "reason"> | undefined {
  const pacedUntil = pace?.opensAt ?? 0;
  if (Math.max(heldUntil, pacedUntil) <= now) return undefined;
  if (pace && pacedUntil > heldUntil) return { heldUntil: pacedUntil, reason: `its rate, ${pace}` };
  return { heldUntil, ...compact({ reason }) };
}

/** What can be said of it at a glance. */
export function statusOf(lane: Lane, now: number): LaneStatus {
  const { name, running, limit } = lane;
  return { lane: name, running, limit, ...holdOf(lane, now) };
}
