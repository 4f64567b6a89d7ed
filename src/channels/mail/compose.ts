/**
 * Composes the mail of an attempt: a short one here, any other where its cost
 * delays no other attempt.
 *
 * Large mails take turns, from composing to the end of the attempt, so that any
 * number of them takes the memory of one.
 *
 * @module
 */

import { freeBuffer } from "../buffer_pool.ts";
import { textOfJson } from "../../lib/json/held_text.ts";
import type { EmailPayload } from "../../task/payloads.ts";
import type { Attempt } from "../channel.ts";
import type { Compute } from "../compute/compute.ts";
import { inlineCompute } from "../compute/inline_compute.ts";
import { type Message, openComposer } from "./message.ts";
import type { DkimKey } from "./relays.ts";

/** What mails are composed with. */
export interface MailComposerOptions {
  /** Keys that mails are signed with. */
  readonly dkim?: readonly DkimKey[] | undefined;
  /** Composes long mails; on this thread when absent. */
  readonly compute?: Compute | undefined;
}

/** Composes mails. */
export interface MailComposer {
  /**
   * Composes the mail of an attempt, dated `date`, and passes it to `use`.
   * Rejects with the signal's reason when it aborts first.
   */
  withMessage<T>(
    attempt: Attempt,
    { date, signal }: { readonly date: number; readonly signal: AbortSignal },
    use: (message: Message) => Promise<T>,
  ): Promise<T>;
}

/** Payloads up to this length are composed in a few milliseconds at most, whatever they contain. */
const MAX_SHORT = 8_192;
/** Longer payloads take turns. */
const MIN_LARGE = 1_048_576;

/** Opens it. */
export function openMailComposer({ dkim, compute }: MailComposerOptions): MailComposer {
  const composeHere = openComposer(dkim);
  const elsewhere = compute ?? inlineCompute({ dkim });
  let lastTurn: Promise<unknown> = Promise.resolve();

  function compose(
    { payload, taskId }: Attempt,
    date: number,
    signal: AbortSignal,
  ): Promise<Message> {
    const options = { taskId, date };
    if (payload.length > MAX_SHORT) return elsewhere.run("compose", [payload, options], signal);
    return composeHere(JSON.parse(textOfJson(payload)) as EmailPayload, options);
  }

  async function inTurn<T>(signal: AbortSignal, run: () => Promise<T>): Promise<T> {
    const before = lastTurn;
    const turn = Promise.withResolvers<void>();
    lastTurn = before.then(() => turn.promise);
    try {
      await unlessAborted(before, signal);
      return await run();
    } finally {
      turn.resolve();
    }
  }

  return {
    async withMessage(attempt, { date, signal }, use) {
      const isLarge = attempt.payload.length >= MIN_LARGE;
      const run = async () => {
        const message = await compose(attempt, date, signal);
        try {
          return await use(message);
        } finally {
          // Not left to the next garbage collection.
          if (isLarge) freeBuffer(message.bytes.buffer);
        }
      };
      return isLarge ? await inTurn(signal, run) : await run();
    },
  };
}

function unlessAborted(promise: Promise<unknown>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    promise.then(() => {
      signal.removeEventListener("abort", abort);
      resolve();
    });
  });
}
