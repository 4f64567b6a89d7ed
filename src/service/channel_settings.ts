/**
 * The settings of the channels as plain data, which their threads receive by message.
 *
 * @module
 */

import { dirname } from "node:path";
import { isHostName } from "../channels/mail/mail_settings.ts";
import type { ChannelSettings } from "../channels/table.ts";
import type { ConfigFile } from "../config/config_file.ts";
import type { Config } from "../config/settings.ts";
import { compact } from "../lib/compact.ts";

/**
 * Collects the settings of all channels. Rejects with a `RangeError` when the file of certificates
 * cannot be read.
 */
export async function channelSettings(
  config: Config,
  { relays, dkim, callbacks, channels }: Pick<
    ConfigFile,
    "relays" | "dkim" | "callbacks" | "channels"
  >,
  version: string,
  refusesSave?: string,
): Promise<ChannelSettings> {
  const { mail, fetchAllow, downloads, retentionMs, host, port, webhookSecrets, egressProxy } =
    config;
  const hostname = mailHostname(config);
  const ca = await readCa(config);
  return {
    mail,
    relays,
    dkim,
    callbacks,
    channels,
    fetchAllow,
    downloads,
    retentionMs,
    self: { hostname: host, port },
    version,
    webhookSecrets,
    tokens: stateFolder(config),
    ...compact({ maxSavedBytes: config.downloadsMax, ca, hostname, egressProxy, refusesSave }),
  };
}

/** The name for EHLO: large providers refuse a client that gives only its address. */
export function mailHostname({ mailHostname }: Pick<Config, "mailHostname">): string | undefined {
  if (mailHostname !== undefined) return mailHostname;
  const name = Deno.hostname();
  return isHostName(name) ? name : undefined;
}

/** The folder next to the queue, or next to the downloads when the queue is not a file. */
export function stateFolder({ queue, downloads }: Pick<Config, "queue" | "downloads">): string {
  const path = /^sqlite:(.+)$/.exec(queue)?.[1] ?? downloads;
  return dirname(path);
}

/** Reads the additional CA certificates (PEM). Rejects with a `RangeError` for a file without any. */
export async function readCa({ caFile }: Pick<Config, "caFile">): Promise<string | undefined> {
  if (caFile === undefined) return undefined;
  const pem = await Deno.readTextFile(caFile).catch((error) => {
    throw new RangeError(`Cannot read "${caFile}" as POSTRIDER_CA_FILE: ${error.message}`);
  });
  if (pem.includes("-----BEGIN CERTIFICATE-----")) return pem;
  throw new RangeError(`Cannot read "${caFile}": expected certificates in PEM`);
}
