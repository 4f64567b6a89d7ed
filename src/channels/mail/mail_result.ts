/**
 * The result of a mail: the outcome of each recipient.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import type { Json } from "../../task/task.ts";

/** The outcome of one recipient. */
export type RecipientOutcome = "delivered" | "deferred" | "rejected" | "unknown";

/** One recipient, as a result lists them. */
export type RecipientResult = {
  /** The address. */
  readonly address: string;
  /** Its outcome. */
  readonly outcome: RecipientOutcome;
  /** The relay's reply, or our description when there was none. */
  readonly reply: string;
};

/** A mail's result. */
export interface MailResult {
  /** The same on every attempt. */
  readonly messageId: string;
  /** `host:port`, or `outbox`. */
  readonly relay: string;
  /** The relay's name for the mail. */
  readonly queueId?: string | undefined;
  /** Whether delivery reports were requested from the relay, when the mail requests them. */
  readonly dsn?: "requested" | "not_offered" | undefined;
  /** In the order of the payload, each once. */
  readonly recipients: readonly RecipientResult[];
}

/** As it is kept with the task. */
export function resultJson(result: MailResult): Json {
  const { messageId, relay, queueId, dsn, recipients } = result;
  return {
    messageId,
    relay,
    ...compact({ queueId, dsn }),
    recipients: recipients.map((recipient) => ({ ...recipient })),
  };
}
