/**
 * What one attempt at a mail hands to the next.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import type { Json } from "../../task/task.ts";
import type { Attempt } from "../channel.ts";
import type { RecipientResult } from "./mail_result.ts";

/** The state of a mail between two attempts. */
export interface MailCarry {
  /** Recipients who need no further attempt. */
  readonly recipients: readonly RecipientResult[];
  /** When the first attempt began, in milliseconds since the epoch: the date of the mail. */
  readonly date?: number | undefined;
  /** How many attempts failed because the relay refused everybody. */
  readonly uncounted?: number | undefined;
}

/** Keeps the recipients that are delivered or rejected. */
export function writeCarry({ recipients, date, uncounted }: MailCarry): Json {
  const done = recipients.filter(({ outcome }) =>
    outcome === "delivered" || outcome === "rejected"
  );
  return {
    recipients: done.map((result) => ({ ...result })),
    ...compact({ date, uncounted: uncounted || undefined }),
  };
}

/** A retry by hand tries refused recipients again, and counts attempts from one. */
export function readCarry({ carry, number }: Attempt): MailCarry {
  const { recipients = [], date, uncounted } = (carry ?? {}) as Partial<MailCarry>;
  if (number !== 1) return { recipients, date, uncounted };
  return { recipients: recipients.filter(({ outcome }) => outcome === "delivered"), date };
}

/** A first attempt that begins this soon is as old as its task, in milliseconds. */
const PROMPT_MS = 1_000;

/**
 * The date of a mail: when its first attempt began. An attempt that a crash interrupted
 * left no carry; the task's own time is then the best guess, and exact for a prompt mail.
 */
export function dateOf(attempt: Attempt, now: number): number {
  const { date } = readCarry(attempt);
  if (date !== undefined) return date;
  const isPrompt = now - attempt.createdAt <= PROMPT_MS;
  return isPrompt || attempt.number > 1 ? attempt.createdAt : now;
}
