/**
 * Chooses the lane that is served next.
 *
 * Claims choose among lanes, not among tasks, so a held host with 200,000 queued
 * tasks is one entry that is skipped. For each lane and priority the scheduler has
 * a lower bound of the earliest due time. The tasks themselves stay with the
 * engine, which reports what it found there.
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
  /** How many more tasks of the lane may run. */
  readonly room: number;
  /** Take tasks due until then, in milliseconds since the epoch; another lane comes before later ones. */
  readonly until: number;
}

/** Limits and holds of a lane. */
export interface LaneTerms {
  /** The most that may run at once. */
  readonly limit?: number;
  /** The adaptive concurrency limit, learned from how the host responds. */
  readonly adaptiveLimit?: number;
  /** Held until then, in milliseconds since the epoch. */
  readonly heldUntil?: number;
  /** Why it is held. */
  readonly reason?: string;
}

interface Entry {
  readonly slot: Slot;
  readonly stamp: number;
  /** The slot's head when the entry was made; that of a valid entry is still the same. */
  readonly head: number;
  /** When it may be served: at its head, or at the end of the lane's hold. */
  readonly at: number;
}

/** Knows what runs, waits and is held in each lane. */
export class LaneScheduler {
  #lanes = new Map<string, Lane>();
  #hosts: Hosts = new Map();
  /** Slots that may not be served yet, by the time when they may. */
  #waiting = new Heap<Entry>((a, b) => a.at < b.at);
  /** Slots that are due, by their heads; one heap for each priority. */
  #due = Array.from({ length: 10 }, () => new Heap<Entry>((a, b) => a.head < b.head));

  /** A task that is due then is queued in this lane. */
  offer(name: string, priority: number, dueAt: number): void {
    const lane = this.#lane(name);
    const slot = lane.slots[priority] ??= { lane, priority, head: Infinity, stamp: 0 };
    if (dueAt >= slot.head) return;
    slot.head = dueAt;
    this.#enqueue(slot);
  }

  /**
   * The slot to serve: the lowest priority number first, then the earliest due
   * time. Call `took` for each turn before the next call.
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
      const room = Math.min(lane.limit - lane.running, lane.rateLimiter?.room(now) ?? Infinity);
      return { lane: lane.name, priority, room, until };
    }
    return undefined;
  }

  /** The turn has started `running` tasks; the first of the rest is due at `head`, infinity for none. */
  took(turn: Turn, running: number, head: number, now = turn.until): void {
    const lane = this.#lane(turn.lane);
    lane.running += running;
    lane.rateLimiter?.spend(running, now);
    const slot = lane.slots[turn.priority];
    if (slot) slot.head = head;
    if (lane.running >= lane.limit || lane.rateLimiter) this.#enqueueAll(lane);
    else if (slot) this.#enqueue(slot);
    this.#forget(lane);
  }

  /** One more task of this lane runs. */
  started(name: string): void {
    const lane = this.#lane(name);
    lane.running++;
    if (lane.running === lane.limit) this.#enqueueAll(lane);
  }

  /** One task of this lane has stopped running. */
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

  /** Takes over what another scheduler of the same lane has counted. */
  restore(name: string, { running, paidAt }: { running: number; paidAt: number }): void {
    const lane = this.#lane(name);
    lane.running = running;
    lane.rateLimiter?.restore(paidAt);
    this.#enqueueAll(lane);
  }

  /** When all that the lane's rate has spent is made good, in milliseconds since the epoch; 0 without a rate. */
  paidAt(name: string): number {
    return this.#lanes.get(name)?.rateLimiter?.paidAt ?? 0;
  }

  /** How many more of the lane may begin now. */
  roomOf(name: string, now: number): number {
    const lane = this.#lane(name);
    if (lane.heldUntil > now) return 0;
    return Math.max(
      0,
      Math.min(lane.limit - lane.running, lane.rateLimiter?.room(now) ?? Infinity),
    );
  }

  /** Until when the lane is held, or waits for its rate; `undefined` when it is neither. */
  opensAt(name: string, now: number): number | undefined {
    return holdOf(this.#lane(name), now)?.heldUntil;
  }

  /** Ends the holds of a host's lanes; their names. */
  releaseHolds(host: string): string[] {
    const held = [...this.#lanes.values()]
      .filter(({ name, heldUntil }) => heldUntil > 0 && laneIsOfHost(name, host));
    for (const lane of held) {
      lane.heldUntil = 0;
      lane.reason = undefined;
      this.#enqueueAll(lane);
    }
    return held.map(({ name }) => name);
  }

  /** Lanes and priorities with queued tasks, by the lower bound of their earliest due time. */
  heads(): Turn[] {
    return [...this.#lanes.values()]
      .flatMap(({ slots }) => slots.filter((slot) => slot && slot.head < Infinity))
      .sort((a, b) => a.head - b.head)
      .map(({ lane, priority, head }) => ({ lane: lane.name, priority, room: 0, until: head }));
  }

  /** Replaces the limits of hosts. */
  limitHosts(hosts: Hosts): void {
    this.#hosts = hosts;
    for (const lane of this.#lanes.values()) {
      this.#applyHostLimits(lane);
      this.#enqueueAll(lane);
    }
  }

  /** Whether an attempt of this lane could begin now. */
  isOpen(name: string, now: number): boolean {
    const lane = this.#lanes.get(name);
    if (!lane) return true;
    const opensAt = Math.max(lane.heldUntil, lane.rateLimiter?.opensAt ?? 0);
    return lane.running < lane.limit && opensAt <= now;
  }

  /** One lane, also when it has neither running attempts nor a hold. */
  statusOf(name: string, now: number): LaneStatus {
    const lane = this.#lanes.get(name);
    return lane ? statusOf(lane, now) : { lane: name, running: 0, limit: DEFAULT_LANE_LIMIT };
  }

  /** Forgets everything that is queued. */
  clear(): void {
    for (const lane of this.#lanes.values()) {
      for (const slot of lane.slots) if (slot) slot.head = Infinity;
      this.#enqueueAll(lane);
    }
  }

  /** When `next` will return a turn, in milliseconds since the epoch; infinity for never. */
  nextAt(): number {
    for (const due of this.#due) if (fresh(due)) return 0;
    return fresh(this.#waiting)?.at ?? Infinity;
  }

  /** Lanes with running attempts or a hold, the busiest first. */
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
      this.#applyHostLimits(lane);
      this.#lanes.set(name, lane);
    }
    return lane;
  }

  #applyHostLimits(lane: Lane): void {
    if (this.#hosts.size === 0 && !lane.host) return;
    lane.host = this.#hosts.get(lane.name) ??
      [...this.#hosts].find(([host]) => laneIsOfHost(lane.name, host))?.[1];
    lane.rateLimiter = lane.host?.rate && new RateLimiter(lane.host.rate);
    applyLimits(lane);
  }

  #enqueueAll(lane: Lane): void {
    for (const slot of lane.slots) if (slot) this.#enqueue(slot);
  }

  /** Gives a slot its only valid entry, or none while the lane is full. */
  #enqueue(slot: Slot): void {
    slot.stamp++;
    if (slot.head === Infinity || slot.lane.running >= slot.lane.limit) return;
    const { heldUntil, rateLimiter } = slot.lane;
    const at = Math.max(slot.head, heldUntil, rateLimiter?.opensAt ?? 0);
    this.#waiting.push({ slot, stamp: slot.stamp, head: slot.head, at });
  }

  /** Drops a lane that is idle and has no limit: the number of hosts is not bounded. */
  #forget(lane: Lane): void {
    if (lane.running > 0 || lane.own !== undefined || lane.heldUntil > 0) return;
    if (lane.adaptiveLimit !== Infinity || lane.rateLimiter) return;
    if (lane.slots.every((slot) => slot.head === Infinity)) this.#lanes.delete(lane.name);
  }
}

/** The first valid entry; out-of-date ones before it are dropped. */
function fresh(heap: Heap<Entry>): Entry | undefined {
  for (let entry = heap.peek(); entry; entry = heap.peek()) {
    if (entry.stamp === entry.slot.stamp) return entry;
    heap.pop();
  }
  return undefined;
}
