/**
 * Which lane is served next.
 *
 * Claims choose among lanes, not among tasks: a held host with 200,000 waiting
 * tasks is one entry that is not looked at. The book keeps, for each lane and
 * priority, a lower bound of the earliest due time; the tasks themselves stay
 * with the engine, which tells the book what it found.
 *
 * @module
 */

import { DEFAULT_LANE_LIMIT, type Hosts } from "../../task/host_limits.ts";
import type { LaneStatus } from "../engine.ts";
import { Heap } from "../../lib/heap.ts";
import { laneIsOfHost } from "../host.ts";
import { applyLimits, holdOf, type Lane, newLane, type Slot, statusOf } from "./lane.ts";
import { RateLimiter } from "./rate_limiter.ts";

/** The lane and priority to take from now. */
export interface Turn {
  /** Its name. */
  readonly lane: string;
  /** 0 to 9. */
  readonly priority: number;
  /** How many more of the lane may run. */
  readonly room: number;
  /** Take what is due until then, in milliseconds since the epoch: what is due later has others before it. */
  readonly until: number;
}

/** What is kept of a lane beyond its tasks. */
export interface LaneTerms {
  /** The most at once. */
  readonly limit?: number;
  /** The adaptive concurrency limit, learned from how the other side answers. */
  readonly adaptiveLimit?: number;
  /** Held until then, in milliseconds since the epoch. */
  readonly heldUntil?: number;
  /** Why it is held. */
  readonly reason?: string;
}

interface Entry {
  readonly slot: Slot;
  readonly stamp: number;
  /** The slot's when the entry was made; a valid entry's still is. */
  readonly head: number;
  /** When it may be served: the head, or the end of the lane's hold. */
  readonly at: number;
}

/** Keeps what runs, waits and is held in each lane. */
export class LaneScheduler {
  #lanes = new Map<string, Lane>();
  #hosts: Hosts = new Map();
  /** Slots whose time has not come, by when it comes. */
  #waiting = new Heap<Entry>((a, b) => a.at < b.at);
  /** Slots that are due, by their head; one heap for each priority. */
  #due = Array.from({ length: 10 }, () => new Heap<Entry>((a, b) => a.head < b.head));

  /** A task waits in this lane, due then. */
  offer(name: string, priority: number, dueAt: number): void {
    const lane = this.#lane(name);
    const slot = lane.slots[priority] ??= { lane, priority, head: Infinity, stamp: 0 };
    if (dueAt >= slot.head) return;
    slot.head = dueAt;
    this.#enqueue(slot);
  }

  /**
   * Whom to serve: the lowest priority number first, then the earliest due
   * time. Each turn must be answered by `took` before the next is asked for.
   */
  next(now: number): Turn | undefined {
    for (let entry = fresh(this.#waiting); entry; entry = fresh(this.#waiting)) {
      if (entry.at > now) break;
      this.#waiting.pop();
      this.#due[entry.slot.priority]?.push(entry);
    }
    for (const due of this.#due) {
      const entry = fresh(due);
      if (!entry) continue;
      due.pop();
      const { lane, priority } = entry.slot;
      const until = Math.min(now, fresh(due)?.head ?? now);
      const room = Math.min(lane.limit - lane.running, lane.pace?.room(now) ?? Infinity);
      return { lane: lane.name, priority, room, until };
    }
    return undefined;
  }

  /** From a turn, so many now run; the first that was left is due at `head`, infinity for none. */
  took(turn: Turn, running: number, head: number, now = turn.until): void {
    const lane = this.#lane(turn.lane);
    lane.running += running;
    lane.pace?.spend(running, now);
    const slot = lane.slots[turn.priority];
    if (slot) slot.head = head;
    if (lane.running >= lane.limit || lane.pace) this.#enqueueAll(lane);
    else if (slot) this.#enqueue(slot);
    this.#forget(lane);
  }

  /** A task of this lane was found running. */
  started(name: string): void {
    const lane = this.#lane(name);
    lane.running++;
    if (lane.running === lane.limit) this.#enqueueAll(lane);
  }

  /** A task of this lane runs no more. */
  freed(name: string): void {
    const lane = this.#lane(name);
    const wasFull = lane.running >= lane.limit;
    lane.running--;
    if (wasFull && lane.running < lane.limit) this.#enqueueAll(lane);
    this.#forget(lane);
  }

  /** Sets limits, or holds the lane. A hold is never shortened: `false` when the present one is longer. */
  set(name: string, { limit, adaptiveLimit, heldUntil, reason }: LaneTerms): boolean {
    const lane = this.#lane(name);
    if (limit !== undefined) lane.own = limit;
    if (adaptiveLimit !== undefined) lane.adaptiveLimit = adaptiveLimit;
    applyLimits(lane);
    const longer = heldUntil !== undefined && heldUntil > lane.heldUntil;
    if (longer) {
      lane.heldUntil = heldUntil;
      lane.reason = reason;
    }
    this.#enqueueAll(lane);
    return longer;
  }

  /** Sets what an operator allows towards hosts; what was allowed before is forgotten. */
  limitHosts(hosts: Hosts): void {
    this.#hosts = hosts;
    for (const lane of this.#lanes.values()) {
      this.#govern(lane);
      this.#enqueueAll(lane);
    }
  }

  /** Whether something of this lane could begin now. */
  isOpen(name: string, now: number): boolean {
    const lane = this.#lanes.get(name);
    if (!lane) return true;
    const opensAt = Math.max(lane.heldUntil, lane.pace?.opensAt ?? 0);
    return lane.running < lane.limit && opensAt <= now;
  }

  /** How one lane stands, whether or not anything is to be told of it. */
  statusOf(name: string, now: number): LaneStatus {
    const lane = this.#lanes.get(name);
    return lane ? statusOf(lane, now) : { lane: name, running: 0, limit: DEFAULT_LANE_LIMIT };
  }

  /** Nothing waits any more in any lane. */
  clear(): void {
    for (const lane of this.#lanes.values()) {
      for (const slot of lane.slots) if (slot) slot.head = Infinity;
      this.#enqueueAll(lane);
    }
  }

  /** When `next` next has an answer, in milliseconds since the epoch; infinity for never. */
  nextAt(): number {
    for (const due of this.#due) if (fresh(due)) return 0;
    return fresh(this.#waiting)?.at ?? Infinity;
  }

  /** Lanes with attempts under way or a hold, the busiest first. */
  status(now: number, limit: number): LaneStatus[] {
    return [...this.#lanes.values()]
      .filter((lane) => lane.running > 0 || holdOf(lane, now))
      .sort((a, b) => b.running - a.running)
      .slice(0, limit)
      .map((lane) => statusOf(lane, now));
  }

  #lane(name: string): Lane {
    let lane = this.#lanes.get(name);
    if (!lane) {
      lane = newLane(name);
      this.#govern(lane);
      this.#lanes.set(name, lane);
    }
    return lane;
  }

  #govern(lane: Lane): void {
    if (this.#hosts.size === 0 && !lane.host) return;
    lane.host = this.#hosts.get(lane.name) ??
      [...this.#hosts].find(([host]) => laneIsOfHost(lane.name, host))?.[1];
    lane.pace = lane.host?.rate && new RateLimiter(lane.host.rate);
    applyLimits(lane);
  }

  #enqueueAll(lane: Lane): void {
    for (const slot of lane.slots) if (slot) this.#enqueue(slot);
  }

  /** Gives a slot its one valid entry, or none while the lane is full. */
  #enqueue(slot: Slot): void {
    slot.stamp++;
    if (slot.head === Infinity || slot.lane.running >= slot.lane.limit) return;
    const { heldUntil, pace } = slot.lane;
    const at = Math.max(slot.head, heldUntil, pace?.opensAt ?? 0);
    this.#waiting.push({ slot, stamp: slot.stamp, head: slot.head, at });
  }

  /** Hosts come and go: a lane that says nothing is not kept. */
  #forget(lane: Lane): void {
    if (lane.running > 0 || lane.own !== undefined || lane.heldUntil > 0) return;
    if (lane.adaptiveLimit !== Infinity || lane.pace) return;
    if (lane.slots.every((slot) => slot.head === Infinity)) this.#lanes.delete(lane.name);
  }
}

/** The first entry that is still valid; those before it are dropped. */
function fresh(heap: Heap<Entry>): Entry | undefined {
  for (let entry = heap.peek(); entry; entry = heap.peek()) {
    if (entry.stamp === entry.slot.stamp) return entry;
    heap.pop();
  }
  return undefined;
}
