/**
 * The table of channels: what a thread opens.
 *
 * @module
 */

import { systemClock } from "../lib/clock.ts";
import type { Json } from "../task/task.ts";
import type { Channel } from "./channel.ts";
import type { AllowEntry } from "./fetch_allow.ts";
import { openGuard } from "./guard.ts";
import { openHttpChannel } from "./http.ts";
import type { MailSettings } from "./mail_settings.ts";
import { openOutbox } from "./outbox.ts";

/** What the channels are told; crosses to their thread as plain data. */
export interface ChannelSettings {
  /** Where mails go. */
  readonly mail: MailSettings;
  /** What may be called although it is not public. */
  readonly fetchAllow: readonly AllowEntry[];
  /** Our own listener, which is never called unless allowed. */
  readonly self: { readonly hostname: string; readonly port: number };
  /** The service's version, for `User-Agent`. */
  readonly version: string;
  /** Further CA certificates, PEM. */
  readonly ca?: string;
}

/** Opens every channel. */
export default function openChannels(settings: Json): ReadonlyMap<string, Channel> {
  const { mail, fetchAllow, self, version, ca } = settings as unknown as ChannelSettings;
  const guard = openGuard({ allow: fetchAllow, self });
  const http = { guard, version, clock: systemClock, ...(ca === undefined ? {} : { ca }) };
  if (mail.kind !== "outbox") throw new RangeError(`Cannot mail through "${mail.lane}" yet`);
  return new Map([
    ["http", openHttpChannel(http)],
    ["email", openOutbox(mail)],
  ]);
}
