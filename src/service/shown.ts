/**
 * The settings and the channels as the dashboard shows them: without secrets.
 *
 * @module
 */

import { customServices, SERVICES } from "../channels/chat/table.ts";
import type { Source } from "../config.ts";
import type { ConfigFile, LiveConfigFile } from "../config/config_file.ts";
import { DEFAULT_CONFIG_FILE } from "../config/config_file.ts";
import { type Config, type Setting, SETTINGS } from "../config/settings.ts";
import { compact } from "../lib/compact.ts";
import { maskUrl } from "../task/secrets.ts";
import type { Ports, ShownChannel, ShownSection, ShownSetting } from "../task/ports.ts";

/** What the dashboard's view of the settings is made from. */
export interface ShownParts {
  /** The settings in force. */
  readonly config: Config;
  /** `postrider.yaml`. */
  readonly file: LiveConfigFile;
  /** The settings as text, by name. */
  readonly texts?: Readonly<Record<string, string | undefined>> | undefined;
  /** Where they came from, by name. */
  readonly sources?: Readonly<Record<string, Source>> | undefined;
}

/** Settings that a reload puts in force. */
const RELOADED: ReadonlySet<string> = new Set([SETTINGS.apiKeys.name]);

/** The ports that show settings and channels. */
export function shownPorts(parts: ShownParts): Pick<Ports, "settings" | "channels"> {
  const { config, file } = parts;
  return {
    settings: () => ({
      settings: Object.values(SETTINGS).map((setting) => shownSetting(setting, parts)),
      file: config.configFile ?? DEFAULT_CONFIG_FILE,
      sections: sectionsOf(file.current),
    }),
    channels: () => channelsOf(config, file.current),
  };
}

function shownSetting(
  { name, means, secret }: Setting<unknown>,
  { texts = {}, sources = {} }: ShownParts,
): ShownSetting {
  const text = texts[name];
  const shown = text === undefined || text === "" ? undefined : secret ? secretText(text) : text;
  return {
    name,
    means,
    reloads: RELOADED.has(name),
    ...compact({ value: shown, source: sources[name] }),
  };
}

/** Masks the secrets in a URL; of any other secret it says only that it is set. */
function secretText(text: string): string {
  return /^[a-z][\w+.-]*:\/\/\S+$/i.test(text) && URL.canParse(text)
    ? maskUrl(text)
    : /^(?:sqlite|memory|outbox):[^@,\s]*$/.test(text)
    ? text
    : "set, not shown";
}

function sectionsOf(file: ConfigFile): ShownSection[] {
  const names: Readonly<Record<keyof ConfigFile, readonly string[]>> = {
    aliases: [...file.aliases.keys()],
    callbacks: Object.keys(file.callbacks),
    channels: Object.keys(file.channels),
    dkim: file.dkim.map(({ domain }) => domain),
    relays: file.relays.map(({ relay }) => relay.lane),
    hosts: [...file.hosts.keys()],
    keys: [...file.keys.keys()],
    hooks: [...file.hooks.keys()],
    schedules: [...file.schedules.keys()],
  };
  return Object.entries(names).map(([name, entries]) => ({ name, entries }));
}

function channelsOf({ mail }: Config, { relays, channels }: ConfigFile): ShownChannel[] {
  const lanes = relays.length > 0 ? relays.map(({ relay }) => relay.lane) : [mail.lane];
  const custom = customServices(channels);
  return [
    { name: "email", spelling: "ada@example.org", leadsTo: lanes.join(", ") },
    ...SERVICES.map(({ name, spelling }) => ({ name, spelling })),
    ...custom.map(({ name }) => ({ name, spelling: `${name}://`, custom: true as const })),
  ];
}
