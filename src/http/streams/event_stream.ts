/**
 * Answers that go on: a body written piece by piece, as fast as it is read.
 *
 * @module
 */

import type { Clock } from "../../lib/clock.ts";

/** How long a stream may be silent before it says that it is alive, in milliseconds. */
export const KEEP_ALIVE_MS = 15_000;

/** Where what happens is put, and where a stream takes it from. */
export interface Inbox<Item> {
  /** Puts one in. */
  put(item: Item): void;
  /** Nothing more will come. */
  end(): void;
  /**
   * Resolves with all that has come since, at least one; with none when that
   * is the end, or when nothing has come for `silenceMs`.
   */
  take(silenceMs: number): Promise<{ readonly items: readonly Item[]; readonly ended: boolean }>;
}

/** Opens an empty inbox. */
export function openInbox<Item>(clock: Clock): Inbox<Item> {
  let items: Item[] = [];
  let ended = false;
  let wake = () => {};
  return {
    put(item) {
      items.push(item);
      wake();
    },
    end() {
      ended = true;
      wake();
    },
    async take(silenceMs) {
      if (items.length === 0 && !ended) {
        const woken = Promise.withResolvers<void>();
        wake = woken.resolve;
        const undo = clock.after(silenceMs, wake);
        await woken.promise;
        undo();
      }
      const taken = { items, ended: ended && items.length === 0 };
      items = [];
      return taken;
    },
  };
}

const encoder = new TextEncoder();

/**
 * A body made of what `next` resolves with, until that is `undefined`. `leave`
 * is called once, when it has ended or the reader is gone.
 */
export function streamOf(
  next: () => Promise<string | undefined>,
  leave: () => void,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({
    async pull(controller) {
      try {
        const text = await next();
        if (text !== undefined) return controller.enqueue(encoder.encode(text));
        leave();
        controller.close();
      } catch (error) {
        leave();
        controller.error(error);
      }
    },
    cancel: leave,
  });
}
