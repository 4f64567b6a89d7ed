/**
 * What a notification sends: its mail and its notes, each with its place.
 *
 * @module
 */

import { mailLabel, noteLabel } from "./labels.ts";
import type { NotifyContent } from "./notify.ts";
import type { Mailbox, Payload } from "../payloads.ts";
import type { NewTask } from "../task.ts";

/** Where mails go and whom they come from. */
export interface MailContext {
  /** The lane of the relay for a sender. */
  readonly laneOf: (sender: string) => string;
  /** The sender of mails that name none. */
  readonly from: Mailbox;
}

/** Where a payload goes. */
export type Destination = Pick<NewTask, "type" | "channel" | "lane" | "label">;

/** One thing to send. */
export interface Outgoing {
  /** Where to. */
  readonly place: Destination;
  /** What. */
  readonly payload: Payload;
}

/** All that is sent: the mail first. */
export function outgoingOf(
  { mail, notes }: NotifyContent,
  { laneOf, from }: MailContext,
): Outgoing[] {
  const sendings: Outgoing[] = notes.map(({ channel, lane, payload }) => ({
    place: { type: "notify", channel, lane, label: noteLabel(payload) },
    payload,
  }));
  if (mail) {
    const payload = { ...mail, from: mail.from ?? from };
    const lane = laneOf(payload.from.address);
    sendings.unshift({
      place: { type: "notify", channel: "email", lane, label: mailLabel(payload) },
      payload,
    });
  }
  return sendings;
}
