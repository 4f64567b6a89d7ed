/**
 * What lists show of a notification, and `q` searches: no secrets.
 *
 * @module
 */

import type { ChatPayload, EmailPayload } from "../payloads.ts";

/** Long lists of recipients would make every row of a list long. */
const LABEL_LETTERS = 1_000;

/** A note's: what it says, and where it goes. */
export function noteLabel({ title, text, shown }: ChatPayload): string {
  return `${title || text?.slice(0, 100) || ""} ${shown}`.trim().slice(0, LABEL_LETTERS)
    .toWellFormed();
}

/** A mail's: its subject, and who gets it. */
export function mailLabel({ subject, to, cc, bcc }: EmailPayload): string {
  let label = subject;
  for (const { name, address } of [...to, ...cc, ...bcc]) {
    if (label.length > LABEL_LETTERS) break;
    label += name === undefined ? ` ${address}` : ` ${name} <${address}>`;
  }
  return label.slice(0, LABEL_LETTERS).toWellFormed();
}
