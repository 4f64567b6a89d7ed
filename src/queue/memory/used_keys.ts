/**
 * Which `Idempotency-Key` has been used, and for what.
 *
 * @module
 */

import type { Idempotency, Inserted } from "../engine.ts";

/** Remembers keys until each expires. */
export class UsedKeys {
  #used = new Map<string, Idempotency & { readonly id: string }>();

  /** What a second submission under this key comes to; `undefined` when it is the first. */
  recall(given: Idempotency, now: number): Inserted | undefined {
    const known = this.#used.get(nameOf(given));
    if (!known || known.expiresAt <= now) return undefined;
    if (known.fingerprint !== given.fingerprint) return { kind: "conflict" };
    return { kind: "replayed", id: known.id };
  }

  /** Remembers what a key was used for. */
  keep(given: Idempotency, id: string): void {
    this.#used.set(nameOf(given), { ...given, id });
  }

  /** Forgets those that have expired. */
  forget(now: number): void {
    for (const [name, { expiresAt }] of this.#used) if (expiresAt <= now) this.#used.delete(name);
  }
}

function nameOf({ scope, key }: Idempotency): string {
  return JSON.stringify([scope, key]);
}
