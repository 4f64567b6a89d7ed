/**
 * What one attempt at a mail hands to the next: who needs no second one.
 *
 * @module
 */

import type { Json } from "../../task/task.ts";
import type { Attempt } from "../channel.ts";
import type { RecipientResult } from "./mail_result.ts";

/** Those who are done with. */
export function writeCarry(results: readonly RecipientResult[]): Json {
  const done = results.filter(({ outcome }) => outcome === "delivered" || outcome === "rejected");
  return { recipients: done.map((result) => ({ ...result })) };
}

/** A revived task asks those again who were refused; nobody gets a mail twice. */
export function readCarry({ carry, number }: Attempt): RecipientResult[] {
  const { recipients = [] } = (carry ?? {}) as { recipients?: RecipientResult[] };
  return number === 1 ? recipients.filter(({ outcome }) => outcome === "delivered") : recipients;
}
