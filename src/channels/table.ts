/**
 * The table of channels: adding one is its file and a line here.
 *
 * @module
 */

import { compact } from "../lib/compact.ts";
import { systemClock } from "../lib/clock.ts";
import type { Json } from "../task/task.ts";
import { openCallbackChannel } from "./callback.ts";
import type { CallbackSecrets } from "./callback_settings.ts";
import type { Channel, ChannelTable, OpenChannels } from "./channel.ts";
import { openCompute } from "./compute/threaded_compute.ts";
import { openChatChannel } from "./chat/channel.ts";
import type { ChannelDefinitions } from "./chat/custom_settings.ts";
import { customServices, SERVICES } from "./chat/table.ts";
import { openEmailChannel } from "./mail/email.ts";
import type { AllowEntry } from "./guard/fetch_allow.ts";
import type { EgressProxy } from "./guard/egress_proxy.ts";
import { withFetchedFiles } from "./fetched_files.ts";
import { openGuard } from "./guard/guard.ts";
import { openHttpChannel } from "./http/http.ts";
import type { MailSettings } from "./mail/mail_settings.ts";
import type { DkimKey, RelayRule } from "./mail/relays.ts";

/** What the channels of a thread are opened with; plain JSON, since it crosses by message. */
export interface ChannelSettings {
  /** Where mails go. */
  readonly mail: MailSettings;
  /** Relays that take the place of it, the best first. */
  readonly relays?: readonly RelayRule[];
  /** Keys that mails are signed with. */
  readonly dkim?: readonly DkimKey[];
  /** What may be called although it is not public. */
  readonly fetchAllow: readonly AllowEntry[];
  /** For `User-Agent`. */
  readonly version: string;
  /** Our own listener, which is never called. */
  readonly self?: { readonly hostname: string; readonly port: number };
  /** The name in EHLO: a full host name. */
  readonly hostname?: string;
  /** Further CA certificates, PEM. */
  readonly ca?: string;
  /** The proxy that all guarded connections go through. */
  readonly egressProxy?: EgressProxy;
  /** The folder that keeps refresh tokens. */
  readonly tokens?: string;
  /** The folder of all downloads. */
  readonly downloads?: string;
  /** The size of all downloads together, in bytes. */
  readonly maxSavedBytes?: number;
  /** Why nothing can be saved there. */
  readonly refusesSave?: string;
  /** Channels that the settings define. */
  readonly channels?: ChannelDefinitions;
  /** How long final tasks are kept, in milliseconds. */
  readonly retentionMs?: number;
  /** Each of them signs callbacks. */
  readonly webhookSecrets?: readonly string[];
  /** Secrets of single receivers of callbacks. */
  readonly callbacks?: CallbackSecrets;
}

/** Opens every channel. */
const openChannels: OpenChannels = (settings: Json, { onLost }): ChannelTable => {
  const given = settings as unknown as ChannelSettings;
  const { mail, relays, dkim, fetchAllow, version, self, hostname, ca, downloads, tokens } = given;
  const { webhookSecrets: secrets = [], callbacks: own = {}, channels: custom = {} } = given;
  const clock = systemClock;
  const guard = openGuard({ allow: fetchAllow, ...compact({ self }) });
  const compute = openCompute({ jobs: { dkim, channels: custom }, clock, onLost });
  const { retentionMs, egressProxy, refusesSave, maxSavedBytes } = given;
  const http = openHttpChannel({
    guard,
    version,
    clock,
    ca,
    compute,
    egressProxy,
    downloads,
    maxSavedBytes,
    refusesSave,
    retentionMs,
  });
  const email = openEmailChannel(mail, { clock, ca, hostname, relays, dkim, compute, tokens });
  const withFiles = (channel: Channel) => withFetchedFiles(channel, { http, downloads });
  const customNames = new Set(Object.keys(custom));
  const channels = new Map<string, Channel>([
    ["callback", openCallbackChannel({ http, clock, secrets, own })],
    ["email", withFiles(email)],
    ["http", http],
    ...[...SERVICES, ...customServices(custom)].map((service) => {
      const channel = openChatChannel(service, http, compute);
      // Other services get only the names of files.
      const takesFiles = service.name === "json" || customNames.has(service.name);
      return [service.name, takesFiles ? withFiles(channel) : channel] as const;
    }),
  ]);
  return Object.assign(channels, { close: () => compute.close() });
};

export default openChannels;
