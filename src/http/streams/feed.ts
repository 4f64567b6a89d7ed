/**
 * Changes as one reader takes them: live, and from the engine after a gap.
 *
 * A reader who is slower than the changes come falls into a gap, too: what he
 * has not taken is forgotten, and he gets each task once, as it then stands.
 *
 * @module
 */

import type { Clock } from "../../lib/clock.ts";
import type { QueueEngine, TaskChange } from "../../queue/engine.ts";

/** Changes kept for a reader who does not take them. */
const MAX_KEPT = 1_000;
/** Changes read from the engine at once. */
const PAGE = 200;

/** A reader's view of all changes. */
export interface Feed {
  /** The number of the latest change that was taken. */
  readonly taken: number;
  /** Resolves with what came since, or with none after `silenceMs` or `end()`. */
  take(silenceMs: number): Promise<readonly TaskChange[]>;
  /** Whether it has been ended. */
  readonly ended: boolean;
  /** Nothing more is wanted. */
  end(): void;
}

/** Opens a feed of what changes after the change `since`, or from now on. */
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
    this.#unwatch = engine.watch("all", (change) => this.#hear(change));
  }

  /** Watched before the engine is asked: what happens in between is not missed. */
  async begin(since: number | undefined): Promise<void> {
    const last = await this.#engine.lastChange();
    // A number that was never given comes from another queue: all of this one is news.
    this.taken = since === undefined ? last : since > last ? 0 : since;
    this.#gap = this.taken < last;
  }

  async take(silenceMs: number): Promise<readonly TaskChange[]> {
    while (this.#gap && !this.ended) {
      const changes = await this.#missed();
      if (changes.length > 0) return this.#note(changes);
    }
    if (this.#kept.length === 0 && !this.ended) await this.#wait(silenceMs);
    const changes = this.#kept;
    this.#kept = [];
    return this.#note(changes.filter(({ change }) => change > this.taken));
  }

  end(): void {
    this.ended = true;
    this.#unwatch();
    this.#wake();
  }

  #note(changes: readonly TaskChange[]): readonly TaskChange[] {
    this.taken = changes.at(-1)?.change ?? this.taken;
    return changes;
  }

  /** What comes while the engine is asked is kept again, and told once all the same. */
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

  #hear(change: TaskChange): void {
    if (!this.#gap) this.#kept.push(change);
    if (this.#kept.length > MAX_KEPT) {
      this.#gap = true;
      this.#kept = [];
    }
    this.#wake();
  }
}
