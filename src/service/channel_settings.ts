/**
 * What the channels are told of the settings, as plain data for their threads.
 *
 * @module
 */

import { compact } from "../lib/compact.ts";
import type { ChannelSettings } from "../channels/table.ts";
import type { ConfigFile } from "../config/config_file.ts";
import type { Config } from "../config/settings.ts";

/** Gathers it; rejects when the file of certificates cannot be read. */
export async function channelSettings(
  config: Config,
  { relays, dkim }: Pick<ConfigFile, "relays" | "dkim">,
  version: string,
): Promise<ChannelSettings> {
  const { mail, fetchAllow, downloads, host, port, webhookSecrets } = config;
  const ca = await readCa(config);
  return {
    mail,
    relays,
    dkim,
    fetchAllow,
    downloads,
    self: { hostname: host, port },
    version,
    webhookSecrets,
    ...compact({ ca }),
  };
}

/** The further CA certificates, PEM. Throws a `RangeError` for a file that holds none. */
export async function readCa({ caFile }: Config): Promise<string | undefined> {
  if (caFile === undefined) return undefined;
  const pem = await Deno.readTextFile(caFile).catch((error) => {
    throw new RangeError(`Cannot read "${caFile}" as POSTRIDER_CA_FILE: ${error.message}`);
  });
  if (pem.includes("-----BEGIN CERTIFICATE-----")) return pem;
  throw new RangeError(`Cannot read "${caFile}": expected certificates in PEM`);
}
