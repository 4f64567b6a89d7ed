/**
 * Work in the background, such as a heartbeat: no call waits for its result.
 *
 * @module
 */

import { engineErrorOf, isTemporary } from "./database/connection.ts";

/** The background work of one engine. */
export class Background {
  readonly #running = new Set<Promise<unknown>>();
  readonly #onFatal: (error: Error) => void;

  /** `onFatal` is called for a failure that no retry can end. */
  constructor(onFatal: (error: Error) => void) {
    this.#onFatal = onFatal;
  }

  /** Lets it run. While the database is unavailable, the next time does what was missed. */
  readonly run = (work: Promise<unknown>): void => {
    const tracked = work.catch((error) => {
      if (!isTemporary(error)) this.#onFatal(engineErrorOf(error));
    }).finally(() => this.#running.delete(tracked));
    this.#running.add(tracked);
  };

  /** Whether nothing is running. */
  get isIdle(): boolean {
    return this.#running.size === 0;
  }

  /** Resolves once what is running now has ended. */
  async ended(): Promise<void> {
    await Promise.allSettled(this.#running);
  }
}
