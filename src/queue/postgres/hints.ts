/**
 * Where a node looks for tasks that are due.
 *
 * Keeps, for each lane and priority, the earliest time at which a task may be due.
 * A hint may be out of date, because the database decides at each claim. A hint
 * that is too early costs one query; the next rescan finds one that is missing.
 *
 * @module
 */

/** A lane and priority in which something waits. */
export interface Place {
  /** The lane's number in the database. */
  readonly lane: number;
  readonly priority: number;
  /** No task here is due before this time, in milliseconds since the epoch. */
  head: number;
}

/** The hints of one node. */
export class Hints {
  readonly #places = new Map<string, Place>();
  /** When to query a lane again that is full, held, or locked by another node. */
  readonly #notBefore = new Map<number, number>();

  /** Reports a task that is queued there and due at that time. */
  offer(lane: number, priority: number, dueAt: number): void {
    const name = `${priority} ${lane}`;
    const place = this.#places.get(name);
    if (!place) this.#places.set(name, { lane, priority, head: dueAt });
    else if (dueAt < place.head) place.head = dueAt;
  }

  /** Stores what a query has found: the first due time, or `null` when no task is queued there. */
  found(lane: number, priority: number, head: number | null): void {
    const name = `${priority} ${lane}`;
    if (head === null) this.#places.delete(name);
    else this.#places.set(name, { lane, priority, head });
  }

  /** Skips the lane until that time. */
  close(lane: number, until: number): void {
    this.#notBefore.set(lane, until);
  }

  /** Ends the skipping of a lane: tasks may be claimed from it again. */
  reopen(lane: number): void {
    this.#notBefore.delete(lane);
  }

  /** The same for every lane. */
  reopenAll(): void {
    this.#notBefore.clear();
  }

  /** Places with tasks that are due, the most urgent first, in at most `maxLanes` lanes. */
  due(now: number, maxLanes: number): Place[] {
    const due: Place[] = [];
    for (const place of this.#places.values()) {
      if (place.head <= now && this.#opensAt(place.lane) <= now) due.push(place);
    }
    due.sort((a, b) => a.priority - b.priority || a.head - b.head);
    const lanes = new Set<number>();
    return due.filter(({ lane }) => lanes.has(lane) || (lanes.size < maxLanes && lanes.add(lane)));
  }

  /** When `due` next returns a place, in milliseconds since the epoch; infinity for never. */
  nextAt(): number {
    let next = Infinity;
    for (const { lane, head } of this.#places.values()) {
      next = Math.min(next, Math.max(head, this.#opensAt(lane)));
    }
    return next;
  }

  #opensAt(lane: number): number {
    return this.#notBefore.get(lane) ?? 0;
  }
}
