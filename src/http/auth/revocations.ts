/**
 * Ends the streams of callers whose API key is no longer in force.
 *
 * @module
 */

import type { ApiKey, Caller } from "./auth.ts";

/** What ends the streams of callers. */
export interface Revocations {
  /** Aborts when the service ends, or when the caller's key is no longer in force as it was. */
  signalFor(caller: Caller): AbortSignal;
  /** Ends the streams of keys that are gone; called after the keys have changed. */
  check(): void;
}

/** Opens it for the keys in force; `closing` aborts when the service ends. */
export function openRevocations(
  keys: () => readonly ApiKey[],
  closing: AbortSignal,
): Revocations {
  /** The streams of each key, by everything that defines the key. */
  const streams = new Map<string, AbortController>();
  closing.addEventListener("abort", () => {
    for (const controller of streams.values()) controller.abort();
  }, { once: true });
  const inForce = () => new Set(keys().map(textOf));

  return {
    signalFor(caller) {
      if (!("digest" in caller) || closing.aborted) return closing;
      const key = textOf(caller as ApiKey);
      if (!inForce().has(key)) return AbortSignal.abort();
      const known = streams.get(key);
      if (known) return known.signal;
      const controller = new AbortController();
      streams.set(key, controller);
      return controller.signal;
    },
    check() {
      const left = inForce();
      for (const [key, controller] of streams) {
        if (left.has(key)) continue;
        streams.delete(key);
        controller.abort();
      }
    },
  };
}

function textOf({ name, digest, scopes }: ApiKey): string {
  return `${name} ${digest.toHex()} ${[...scopes].sort().join("+")}`;
}
