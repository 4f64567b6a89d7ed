/**
 * What a notification sends: its mail and its notes, each with its destination
 * and the label that lists show and `q` searches.
 *
 * @module
 */

import type { NotifyContent } from "./notify.ts";
import type { ChatPayload, EmailPayload, Mailbox, Payload } from "../payloads.ts";
import type { NewTask } from "../task.ts";

/** The relay and the sender of mails. */
export interface MailContext {
  /** The lane of the relay for a sender. */
  readonly laneOf: (sender: string) => string;
  /** The sender of mails that have none. */
  readonly from: Mailbox;
}

/** Where a payload goes. */
export type Destination = Pick<NewTask, "type" | "channel" | "lane" | "label">;

/** One thing to send. */
export interface Outgoing {
  /** Where it goes. */
  readonly place: Destination;
  /** What is sent. */
  readonly payload: Payload;
}

/** Everything that is sent, the mail first. */
export function outgoingOf(
  { mail, notes }: NotifyContent,
  { laneOf, from }: MailContext,
): Outgoing[] {
  const outgoing: Outgoing[] = notes.map(({ channel, lane, payload }) => ({
    place: { type: "notify", channel, lane, label: noteLabel(payload) },
    payload,
  }));
  if (mail) {
    const payload = { ...mail, from: mail.from ?? from };
    const lane = laneOf(payload.from.address);
    outgoing.unshift({
      place: { type: "notify", channel: "email", lane, label: mailLabel(payload) },
      payload,
    });
  }
  return outgoing;
}

/** The longest label: a list of tasks shows a line of each. */
const MAX_LABEL = 1_000;

/** The label of a note: its title or text, and its target. */
function noteLabel({ title, text, shown }: ChatPayload): string {
  return `${title || text?.slice(0, 100) || ""} ${shown}`.trim().slice(0, MAX_LABEL)
    .toWellFormed();
}

/** The label of a mail: its subject and its recipients. */
function mailLabel({ subject, to, cc, bcc }: EmailPayload): string {
  let label = subject;
  for (const { name, address } of [...to, ...cc, ...bcc]) {
    if (label.length > MAX_LABEL) break;
    label += name === undefined ? ` ${address}` : ` ${name} <${address}>`;
  }
  return label.slice(0, MAX_LABEL).toWellFormed();
}
