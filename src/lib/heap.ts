/**
 * The first of many, by an order that does not change while they wait: a
 * binary heap.
 *
 * @module
 */

/** Things in an order; those that are equal in it come out as they please. */
export class Heap<T> {
  #items: T[] = [];
  #before: (a: T, b: T) => boolean;

  /** `before` says whether `a` comes before `b`. */
  constructor(before: (a: T, b: T) => boolean) {
    this.#before = before;
  }

  /** How many are in it. */
  get size(): number {
    return this.#items.length;
  }

  /** Adds a thing. */
  push(item: T): void {
    const items = this.#items;
    let at = items.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#before(item, items[parent]!)) break;
      items[at] = items[parent]!;
      at = parent;
    }
    items[at] = item;
  }

  /** Removes the items for which `wanted` returns `false`. */
  keep(wanted: (item: T) => boolean): void {
    const kept = this.#items.filter(wanted);
    this.#items = [];
    for (const item of kept) this.push(item);
  }

  /** The first, which stays. */
  peek(): T | undefined {
    return this.#items[0];
  }

  /** Takes the first out. */
  pop(): T | undefined {
    const items = this.#items;
    const first = items[0];
    const item = items.pop();
    if (items.length === 0 || item === undefined) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && this.#before(items[child + 1]!, items[child]!)) child++;
      if (!this.#before(items[child]!, item)) break;
      items[at] = items[child]!;
      at = child;
    }
    items[at] = item;
    return first;
  }
}
