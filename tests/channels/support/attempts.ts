/**
 * Attempts and payloads for tests of channels.
 *
 * @module
 */

import type { Attempt, DeliverContext, Progress } from "../../../src/channels/channel.ts";
import { openIds } from "../../../src/lib/ids.ts";
import type { EmailPayload, FetchPayload } from "../../../src/task/payloads.ts";

const newId = openIds(() => Date.now(), (bytes) => crypto.getRandomValues(bytes));

/** An attempt at `payload`, the first of its task unless told otherwise. */
export function anAttempt(payload: object, more: Partial<Attempt> = {}): Attempt {
  return {
    taskId: newId("tsk"),
    number: 1,
    createdAt: Date.UTC(2026, 0, 2, 3, 4, 5),
    deadlineAt: Date.now() + 30_000,
    payload: JSON.stringify(payload),
    ...more,
  };
}

/** A mail from ada to bob, unless told otherwise. */
export function anEmail(more: Partial<EmailPayload> = {}): EmailPayload {
  return {
    from: { name: "Ada", address: "ada@example.org" },
    to: [{ address: "bob@example.org" }],
    cc: [],
    bcc: [],
    subject: "Hello",
    text: "Hello, Bob.",
    headers: {},
    attachments: [],
    ...more,
  };
}

/** A GET that follows five redirects, unless told otherwise. */
export function aFetch(url: string | URL, more: Partial<FetchPayload> = {}): FetchPayload {
  return {
    url: String(url),
    method: "GET",
    headers: {},
    redirects: 5,
    maxBytes: 1_000_000,
    ...more,
  };
}

/** What a channel gets besides the attempt; `said` collects its progress. */
export function aContext(): DeliverContext & { abort(cause: string): void; said: Progress[] } {
  const aborter = new AbortController();
  const shutdown = new AbortController();
  const said: Progress[] = [];
  return {
    signal: aborter.signal,
    shutdown: shutdown.signal,
    abort(cause) {
      aborter.abort(cause);
      if (cause === "shutdown" || cause === "drain") shutdown.abort(cause);
    },
    progress: (progress) => said.push(progress),
    said,
  };
}
