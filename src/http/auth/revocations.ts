/**
 * Ends the streams of callers whose API key is no longer in force, or whose session
 * was signed out.
 *
 * @module
 */

import type { ApiKey, Caller } from "./auth.ts";

/** What ends the streams of callers. */
export interface Revocations {
  /**
   * Aborts when the service ends, when the caller's key is no longer in force as it was,
   * or when the session that the caller is signed in with was signed out.
   */
  signalFor(caller: Caller, session?: string): AbortSignal;
  /** Ends the streams of keys and sessions that are gone; called after they have changed. */
  check(): void;
}

/** The streams of one session, or of all callers that send the key itself. */
interface Streams {
  /** Everything that defines the key. */
  readonly key: string;
  readonly session: string | undefined;
  readonly controller: AbortController;
}

/** Opens it for the keys in force; `closing` aborts when the service ends. */
export function openRevocations(
  keys: () => readonly ApiKey[],
  closing: AbortSignal,
  isSignedOut: (session: string) => boolean = () => false,
): Revocations {
  const streams = new Map<string, Streams>();
  closing.addEventListener("abort", () => {
    for (const { controller } of streams.values()) controller.abort();
  }, { once: true });
  const inForce = () => new Set(keys().map(textOf));

  return {
    signalFor(caller, session) {
      if (!("digest" in caller) || closing.aborted) return closing;
      const key = textOf(caller as ApiKey);
      if (!inForce().has(key)) return AbortSignal.abort();
      if (session !== undefined && isSignedOut(session)) return AbortSignal.abort();
      const place = `${key} ${session ?? ""}`;
      const known = streams.get(place);
      if (known) return known.controller.signal;
      const controller = new AbortController();
      streams.set(place, { key, session, controller });
      return controller.signal;
    },
    check() {
      const left = inForce();
      for (const [place, { key, session, controller }] of streams) {
        if (left.has(key) && (session === undefined || !isSignedOut(session))) continue;
        streams.delete(place);
        controller.abort();
      }
    },
  };
}

function textOf({ name, digest, scopes }: ApiKey): string {
  return `${name} ${digest.toHex()} ${[...scopes].sort().join("+")}`;
}
