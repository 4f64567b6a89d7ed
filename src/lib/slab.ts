/**
 * What is in hand: things that come and go, each under a small number that is
 * given out again once it is free.
 *
 * Not a `Map`: one that outlives a full collection keeps alive whatever has
 * come and gone in it since, until the next one (V8 chains the tables it has
 * outgrown). Of what an attempt is made of, a small collection then had to
 * copy a fifth; with slots next to nothing.
 *
 * @module
 */

/** Things under numbers, from 1. */
export class Slab<T> {
  /** The first stays empty: a number is never 0. */
  readonly #items: (T | undefined)[] = [undefined];
  readonly #free: number[] = [];

  /** How many there are. */
  get size(): number {
    return this.#items.length - 1 - this.#free.length;
  }

  /** Takes a thing in; returns its number. */
  add(item: T): number {
    const number = this.#free.pop() ?? this.#items.length;
    this.#items[number] = item;
    return number;
  }

  /** The item with a number, if there is one. */
  get(number: number): T | undefined {
    return this.#items[number];
  }

  /** Removes and returns the item with a number; the number is free afterwards. */
  remove(number: number): T | undefined {
    const item = this.#items[number];
    if (item === undefined) return undefined;
    this.#items[number] = undefined;
    this.#free.push(number);
    return item;
  }

  /** The numbers in use. */
  numbers(): number[] {
    return this.#items.flatMap((item, number) => item === undefined ? [] : [number]);
  }

  /** All of them, in no order. */
  values(): T[] {
    return this.#items.filter((item) => item !== undefined);
  }
}
