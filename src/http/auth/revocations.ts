/**
 * Ends the streams of callers whose API key is no longer in force, or whose session
 * was signed out or is over.
 *
 * @module
 */

import type { Clock } from "../../lib/clock.ts";
import type { ApiKey, Caller } from "./auth.ts";
import type { Session } from "./session.ts";

/** What ends the streams of callers. */
export interface Revocations {
  /**
   * Aborts when the service ends, when the caller's key is no longer in force as it was,
   * or when the session that the caller is signed in with was signed out or is over.
   */
  signalFor(caller: Caller, session?: Session): AbortSignal;
  /** Ends the streams of keys and sessions that are gone; called after they have changed. */
  check(): void;
}

/** The streams of one session, or of all callers that send the key itself. */
interface Streams {
  /** Everything that defines the key. */
  readonly key: string;
  readonly session: string | undefined;
  readonly controller: AbortController;
  /** Undoes the wait for the end of the session. */
  readonly undo: () => void;
}

/** Opens it for the keys in force; `closing` aborts when the service ends. */
export function openRevocations(
  keys: () => readonly ApiKey[],
  closing: AbortSignal,
  clock: Clock,
  isSignedOut: (session: string) => boolean = () => false,
): Revocations {
  const streams = new Map<string, Streams>();
  closing.addEventListener("abort", () => {
    for (const { controller, undo } of streams.values()) {
      undo();
      controller.abort();
    }
  }, { once: true });
  const inForce = () => new Set(keys().map(textOf));

  return {
    signalFor(caller, session) {
      if (!("digest" in caller) || closing.aborted) return closing;
      const key = textOf(caller as ApiKey);
      if (!inForce().has(key)) return AbortSignal.abort();
      if (session && isSignedOut(session.id)) return AbortSignal.abort();
      const place = `${key} ${session?.id ?? ""}`;
      const known = streams.get(place);
      if (known) return known.controller.signal;
      const controller = new AbortController();
      const undo = session
        ? clock.after(session.endsAt - clock.now(), () => {
          streams.delete(place);
          controller.abort();
        })
        : () => {};
      streams.set(place, { key, session: session?.id, controller, undo });
      return controller.signal;
    },
    check() {
      const left = inForce();
      for (const [place, { key, session, controller, undo }] of streams) {
        if (left.has(key) && (session === undefined || !isSignedOut(session))) continue;
        streams.delete(place);
        undo();
        controller.abort();
      }
    },
  };
}

function textOf({ name, digest, scopes }: ApiKey): string {
  return `${name} ${digest.toHex()} ${[...scopes].sort().join("+")}`;
}
