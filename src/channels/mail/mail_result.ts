/**
 * What a mail's attempt brings back: each recipient, and what was said of them.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import type { Json } from "../../task/task.ts";

/** What became of one recipient. */
export type RecipientOutcome = "delivered" | "deferred" | "rejected" | "unknown";

/** One recipient, as a result lists them. */
export type RecipientResult = {
  /** The address. */
  readonly address: string;
  /** What became of it. */
  readonly outcome: RecipientOutcome;
  /** The relay's own words, or ours when it said none. */
  readonly reply: string;
};

/** A mail's result. */
export interface MailResult {
  /** The same on every attempt. */
  readonly messageId: string;
  /** `host:port`, or `outbox`. */
  readonly relay: string;
  /** The relay's name for what it took. */
  readonly queueId?: string;
  /** In the order of the payload, each once. */
  readonly recipients: readonly RecipientResult[];
}

/** As it is kept with the task. */
export function resultJson(result: MailResult): Json {
  const { messageId, relay, queueId, recipients } = result;
  return {
    messageId,
    relay,
    ...compact({ queueId }),
    recipients: recipients.map((recipient) => ({ ...recipient })),
  };
}
