/**
 * Where a node looks for tasks that are due.
 *
 * For each lane and priority a lower bound of the first due time. What it says
 * may be out of date: the database decides at each claim. A hint that is too
 * early costs a look; one that is missing is found by the next look round.
 *
 * @module
 */

/** A lane and priority in which something waits. */
export interface Place {
  /** The lane's number in the database. */
  readonly lane: number;
  readonly priority: number;
  /** Nothing there is due before, in milliseconds since the epoch. */
  head: number;
}

/** What one node believes of all places. */
export class Hints {
  readonly #places = new Map<string, Place>();
  /** Lanes that are full, held or busy: not worth a look before then. */
  readonly #notBefore = new Map<number, number>();

  /** Something waits there, due then. */
  offer(lane: number, priority: number, dueAt: number): void {
    const name = `${priority} ${lane}`;
    const place = this.#places.get(name);
    if (!place) this.#places.set(name, { lane, priority, head: dueAt });
    else if (dueAt < place.head) place.head = dueAt;
  }

  /** What a look at the place has found: the first due time, or `null` when nothing waits there. */
  found(lane: number, priority: number, head: number | null): void {
    const name = `${priority} ${lane}`;
    if (head === null) this.#places.delete(name);
    else this.#places.set(name, { lane, priority, head });
  }

  /** A look into the lane is not worth it before then. */
  close(lane: number, until: number): void {
    this.#notBefore.set(lane, until);
  }

  /** Something may begin in the lane again. */
  reopen(lane: number): void {
    this.#notBefore.delete(lane);
  }

  /** So it may in every lane. */
  reopenAll(): void {
    this.#notBefore.clear();
  }

  /** Places that are due, the most urgent first, of at most so many lanes. */
  due(now: number, maxLanes: number): Place[] {
    const due: Place[] = [];
    for (const place of this.#places.values()) {
      if (place.head <= now && this.#opensAt(place.lane) <= now) due.push(place);
    }
    due.sort((a, b) => a.priority - b.priority || a.head - b.head);
    const lanes = new Set<number>();
    return due.filter(({ lane }) => lanes.has(lane) || (lanes.size < maxLanes && lanes.add(lane)));
  }

  /** When `due` next has something, in milliseconds since the epoch; infinity for never. */
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
