/**
 * Bounds the memory of request bodies that are being read.
 *
 * Without it, every client that sends a large body, or stops amid one, would take
 * its size in memory. A large body waits here for its share before it is read: the
 * client's connection holds the rest back.
 *
 * @module
 */

import type { Clock } from "../../lib/clock.ts";
import { Refusal } from "../problems.ts";

/** Resolves when this many bytes may be read, with what gives them back. Rejects with a `Refusal`. */
export type TakeBytes = (bytes: number, signal: AbortSignal) => Promise<() => void>;

/** A body up to this size never waits, in bytes. */
export const FREE_BYTES = 1_048_576;

/** Of all bodies together, in bytes. */
const TOTAL_BYTES = 64 * 2 ** 20;
/** Of the bodies of one API key, in bytes: any one body fits. No body may ask for more. */
export const SHARE_BYTES = 32 * 2 ** 20;
/** The longest wait, in milliseconds: longer than the time that a body has to arrive. */
const MAX_WAIT_MS = 45_000;

/** The bodies of one API key. */
interface Share {
  taken: number;
  /** When its latest body was begun, counted in bodies: keys take turns. */
  begunAt: number;
  readonly waiting: Waiting[];
}

interface Waiting {
  readonly bytes: number;
  begin(): void;
}

/** What the API key of this name, or callers without one, may take. */
export type BodyBudget = (caller: string | undefined) => TakeBytes;

/** Opens the budget. */
export function openBodyBudget(clock: Clock): BodyBudget {
  let left = TOTAL_BYTES;
  let begun = 0;
  const shares = new Map<string, Share>();

  function beginWhatFits(): void {
    for (let next = nextShare(); next; next = nextShare()) {
      const [first] = next.waiting;
      // A smaller body must not go first: with enough of them, this one would never begin.
      if (!first || first.bytes > left) return;
      next.waiting.shift();
      next.taken += first.bytes;
      next.begunAt = ++begun;
      left -= first.bytes;
      first.begin();
    }
  }

  /** Of those whose next body fits into their share, the one that has waited for the most others. */
  function nextShare(): Share | undefined {
    let next: Share | undefined;
    for (const share of shares.values()) {
      const [first] = share.waiting;
      if (!first || share.taken + first.bytes > SHARE_BYTES) continue;
      if (!next || share.begunAt < next.begunAt) next = share;
    }
    return next;
  }

  function shareOf(caller: string): Share {
    const share = shares.get(caller) ?? { taken: 0, begunAt: 0, waiting: [] };
    shares.set(caller, share);
    return share;
  }

  return (caller = "") => (bytes, signal) =>
    new Promise((resolve, reject) => {
      if (signal.aborted) return reject(tookTooLong());
      const share = shareOf(caller);
      let undo = () => {};
      let isTaken = false;
      const forget = () => {
        if (share.taken === 0 && share.waiting.length === 0) shares.delete(caller);
        beginWhatFits();
      };
      const release = () => {
        if (!isTaken) return;
        isTaken = false;
        share.taken -= bytes;
        left += bytes;
        forget();
      };
      const end = () => {
        undo();
        signal.removeEventListener("abort", leave);
      };
      const waiting: Waiting = {
        bytes,
        begin() {
          isTaken = true;
          end();
          resolve(release);
        },
      };
      function leave() {
        end();
        share.waiting.splice(share.waiting.indexOf(waiting), 1);
        reject(tookTooLong());
        forget();
      }
      share.waiting.push(waiting);
      beginWhatFits();
      if (isTaken) return;
      undo = clock.after(MAX_WAIT_MS, leave);
      signal.addEventListener("abort", leave);
    });
}

function tookTooLong(): Refusal {
  const detail = `Other large bodies took ${MAX_WAIT_MS / 1_000} seconds to arrive: send fewer ` +
    "at once, or try again later";
  return new Refusal("rate_limited", { detail, headers: { "retry-after": "5" } });
}
