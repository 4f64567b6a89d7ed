/**
 * Listeners of changes, by what they watch.
 *
 * @module
 */

import type { CancelReason } from "../../task/outcome.ts";
import { isFinal, type TaskState } from "../../task/state.ts";
import type { TaskChange, Watched } from "../engine.ts";

type Listener = (change: TaskChange) => void;

/** What is watched, as one word; ids carry their kind. */
export function watchKey(what: Watched): string {
  if (typeof what === "string") return what;
  return "task" in what ? what.task : what.batch;
}

/** The fields of a change that decide who is notified. */
interface Notified {
  readonly id: string;
  readonly state: TaskState;
  readonly batchId?: string | undefined;
  readonly abort?: CancelReason | undefined;
}

/** The words whose listeners are notified of a change. */
function watchKeys(change: Notified): string[] {
  const keys = ["all", change.id];
  if (change.batchId !== undefined) keys.push(change.batchId);
  if (change.abort !== undefined) keys.push("running");
  if (isFinal(change.state)) keys.push("final");
  return keys;
}

/** Whether any of these words matches a change. Runs for every change, so it builds no list. */
export function isWatched(
  words: { has(word: string): boolean },
  { id, state, batchId, abort }: Notified,
): boolean {
  return words.has("all") || words.has(id) ||
    (batchId !== undefined && words.has(batchId)) ||
    (abort !== undefined && words.has("running")) ||
    (isFinal(state) && words.has("final"));
}

/** Listeners. `turned` is called when a word gets its first listener and loses its last. */
export class Watchers {
  #listeners = new Map<string, Set<Listener>>();
  #turned: (key: string, watched: boolean) => void;

  constructor(turned: (key: string, watched: boolean) => void = () => {}) {
    this.#turned = turned;
  }

  /** Calls `listener` at each change that matches; returns a function that ends it. */
  add(what: Watched, listener: Listener): () => void {
    const key = watchKey(what);
    // The same listener may be added twice.
    const own: Listener = (change) => listener(change);
    let listeners = this.#listeners.get(key);
    if (!listeners) {
      listeners = new Set();
      this.#listeners.set(key, listeners);
      this.#turned(key, true);
    }
    listeners.add(own);
    const known = listeners;
    return () => {
      if (!known.delete(own) || known.size > 0) return;
      this.#listeners.delete(key);
      this.#turned(key, false);
    };
  }

  /** The words that have listeners. */
  get words(): { readonly size: number; has(word: string): boolean } {
    return this.#listeners;
  }

  /** Calls the listeners of a change. */
  notify(change: TaskChange): void {
    for (const key of watchKeys(change)) {
      for (const listener of this.#listeners.get(key) ?? []) listener(change);
    }
  }
}
