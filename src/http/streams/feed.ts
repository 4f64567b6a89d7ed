/**
 * The changes for one reader: live, and from the engine after a gap.
 *
 * A reader that is slower than the changes gets a gap as well: its unread
 * changes are dropped, and it receives each changed task once, in its current state.
 *
 * @module
 */

import type { Clock } from "../../lib/clock.ts";
import type { QueueEngine, TaskChange } from "../../queue/engine.ts";

/** Unread changes kept for a slow reader. */
const MAX_KEPT = 1_000;
/** Changes read from the engine in one call. */
const PAGE = 200;

/** The changes for one reader. */
export interface Feed {
  /** Number of the last change that was read. */
  readonly taken: number;
  /** Resolves with the changes since the last call, or with none after `silenceMs` or `end()`. */
  take(silenceMs: number): Promise<readonly TaskChange[]>;
  /** Whether it has been ended. */
  readonly ended: boolean;
  /** Closes it. */
  end(): void;
}

/** Opens a feed of changes after the change `since`, or from now on. */
export async function openFeed(engine: QueueEngine, clock: Clock, since?: number): Promise<Feed> {
  const feed = new ChangeFeed(engine, clock);
  await feed.begin(since);
  return feed;
}

class ChangeFeed implements Feed {
  taken = 0;
  ended = false;
  readonly #engine: QueueEngine;
  readonly #clock: Clock;
  readonly #unwatch: () => void;
  #kept: TaskChange[] = [];
  #gap = false;
  #wake = () => {};

  constructor(engine: QueueEngine, clock: Clock) {
    this.#engine = engine;
    this.#clock = clock;
    this.#unwatch = engine.watch("all", (change) => this.#add(change));
  }

  /** Watches before it asks the engine, so that no change in between is missed. */
  async begin(since: number | undefined): Promise<void> {
    const last = await this.#engine.lastChange();
    // A number that was never given comes from another queue: send all changes of this one.
    this.taken = since === undefined ? last : since > last ? 0 : since;
    this.#gap = this.taken < last;
  }

  async take(silenceMs: number): Promise<readonly TaskChange[]> {
    while (this.#gap && !this.ended) {
      const changes = await this.#missed();
      if (changes.length > 0) return this.#markRead(changes);
    }
    if (this.#kept.length === 0 && !this.ended) await this.#wait(silenceMs);
    const changes = this.#kept;
    this.#kept = [];
    return this.#markRead(changes.filter(({ change }) => change > this.taken));
  }

  end(): void {
    this.ended = true;
    this.#unwatch();
    this.#wake();
  }

  #markRead(changes: readonly TaskChange[]): readonly TaskChange[] {
    this.taken = changes.at(-1)?.change ?? this.taken;
    return changes;
  }

  /** Changes that arrive while the engine answers are kept and sent once. */
  async #missed(): Promise<readonly TaskChange[]> {
    this.#gap = false;
    this.#kept = [];
    const changes = await this.#engine.changesAfter(this.taken, PAGE);
    if (changes.length === PAGE) this.#gap = true;
    return changes;
  }

  async #wait(silenceMs: number): Promise<void> {
    const woken = Promise.withResolvers<void>();
    this.#wake = woken.resolve;
    const undo = this.#clock.after(silenceMs, this.#wake);
    await woken.promise;
    undo();
  }

  #add(change: TaskChange): void {
    if (!this.#gap) this.#kept.push(change);
    if (this.#kept.length > MAX_KEPT) {
      this.#gap = true;
      this.#kept = [];
    }
    this.#wake();
  }
}
