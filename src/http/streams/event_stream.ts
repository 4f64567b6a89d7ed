/**
 * Responses whose body is produced as fast as it is read: server-sent events and NDJSON.
 *
 * @module
 */

import type { Clock } from "../../lib/clock.ts";
import type { RequestContext } from "../context.ts";
import { API_HEADERS } from "../problems.ts";

/** A keep-alive is sent after this long without data, in milliseconds. */
export const KEEP_ALIVE_MS = 15_000;

/** Headers of every stream; the last one makes nginx pass each part on at once. */
export const STREAM_HEADERS = { ...API_HEADERS, "x-accel-buffering": "no" } as const;

/** A response with server-sent events. */
export function eventResponse(
  { requestId }: RequestContext,
  body: ReadableStream<Uint8Array> | null,
): Response {
  return new Response(body as BodyInit | null, {
    headers: {
      "content-type": "text/event-stream",
      ...STREAM_HEADERS,
      "x-request-id": requestId,
    },
  });
}

/**
 * Calls `end` when `signal` aborts. Returns what to call when the reader has disconnected: it
 * calls `end` too.
 */
export function endOn(signal: AbortSignal, end: () => void): () => void {
  const leave = () => {
    signal.removeEventListener("abort", leave);
    end();
  };
  signal.addEventListener("abort", leave);
  if (signal.aborted) leave();
  return leave;
}

/** A queue between event listeners and a stream. */
export interface Inbox<Item> {
  /** Adds an item. */
  put(item: Item): void;
  /** Says that no more items will follow. */
  end(): void;
  /**
   * Resolves with all items since the last call, at least one; with none at the
   * end, or when none arrived within `silenceMs`.
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
 * A body of the texts that `next` resolves with, until `undefined`. `leave` is
 * called when the stream has ended or the reader has disconnected.
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
