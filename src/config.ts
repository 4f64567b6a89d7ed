/**
 * Reads the settings from the environment into one `Config`.
 *
 * All of them are read before anything is opened, and all errors are reported
 * at once.
 *
 * @module
 */

import { isLoopback } from "./lib/loopback.ts";
import { type Config, type Setting, SETTINGS } from "./config/settings.ts";

/** The environment variables. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Where the value of a setting came from. */
export type Source = "default" | "environment" | "file";

/** A config, or a sentence for each invalid setting. */
export type ReadConfig =
  | {
    readonly config: Config;
    /** Names that are no setting. */
    readonly unknown: readonly string[];
    /** The values as text, by name; some are secrets. */
    readonly texts: Readonly<Record<string, string | undefined>>;
    /** Where each value came from, by name; absent for one that is not set. */
    readonly sources: Readonly<Record<string, Source>>;
  }
  | {
    readonly wrong: readonly string[];
    /** The settings that are valid by themselves. */
    readonly valid: ValidSettings;
  };

/** Settings that are valid; invalid ones have no member. */
export type ValidSettings = { readonly [Name in keyof Config]?: Config[Name] | undefined };

/**
 * Reads all settings. `NAME_FILE` names a file with the value of `NAME`;
 * `readFile` reads it and throws when it cannot.
 */
export function readConfig(env: Environment, readFile: (path: string) => string): ReadConfig {
  const wrong: string[] = [];
  const values: Record<string, unknown> = {};
  const texts: Record<string, string | undefined> = {};
  const sources: Record<string, Source> = {};
  for (const [field, setting] of Object.entries(SETTINGS) as [string, Setting<unknown>][]) {
    try {
      const text = textOf(setting, env, readFile);
      texts[setting.name] = text;
      const source = sourceOf(setting, env);
      if (source) sources[setting.name] = source;
      values[field] = text === undefined ? undefined : valueOf(setting, text);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      wrong.push(error.message);
    }
  }
  for (const [field, value] of Object.entries(EMPTY)) {
    if (field in values) values[field] ??= value;
  }
  const valid: ValidSettings = values;
  wrong.push(...contradictions(valid));
  if (wrong.length > 0) return { wrong, valid };
  const set = Object.entries(values).filter(([, value]) => value !== undefined);
  return {
    config: Object.fromEntries(set) as unknown as Config,
    unknown: unknownNames(env),
    texts,
    sources,
  };
}

/** What settings are when they are not set. */
const EMPTY = { apiKeys: [], basePath: "", fetchAllow: [], webhookSecrets: [] } as const;

/** The settings as `--help` lists them. */
export function describeSettings(): string {
  const rows = Object.values(SETTINGS).map(({ name, means, fallback }: Setting<unknown>) =>
    `  ${name.padEnd(26)} ${means}${fallback === undefined ? "" : ` [${fallback}]`}`
  );
  return rows.join("\n");
}

function textOf(
  { name }: Setting<unknown>,
  env: Environment,
  readFile: (path: string) => string,
): string | undefined {
  const path = env[`${name}_FILE`];
  if (path && env[name]) {
    throw new Error(`${name} and ${name}_FILE: expected one of them, got both`);
  }
  if (!path) return env[name] || BY_NAME.get(name)?.fallback;
  try {
    return readFile(path).trim();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`${name}_FILE: expected a readable file, got "${path}": ${why}`);
  }
}

function sourceOf({ name, fallback }: Setting<unknown>, env: Environment): Source | undefined {
  if (env[`${name}_FILE`]) return "file";
  if (env[name]) return "environment";
  return fallback === undefined ? undefined : "default";
}

function valueOf(setting: Setting<unknown>, text: string): unknown {
  const got = setting.secret ? "a value (not shown)" : `"${text}"`;
  let why = "";
  try {
    const value = setting.parse(text);
    if (value !== undefined) return value;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    why = ` (${error.message})`;
  }
  throw new Error(`${setting.name}: expected ${setting.expects}, got ${got}${why}`);
}

/** Settings that are valid alone but not together. Those that are invalid alone are left out. */
function contradictions({ host, apiKeys, allowAnonymous, corsOrigins }: ValidSettings): string[] {
  if (host === undefined || apiKeys === undefined || allowAnonymous === undefined) return [];
  if (corsOrigins?.isAny && apiKeys.length === 0) {
    return [
      'POSTRIDER_CORS_ORIGINS: expected API keys for "*", or every web page could submit tasks',
    ];
  }
  if (isLoopback(host) || apiKeys.length > 0 || allowAnonymous) return [];
  return [
    `POSTRIDER_API_KEYS: expected at least one key, because POSTRIDER_HOST "${host}" can be ` +
    "reached from other machines (or set POSTRIDER_ALLOW_ANONYMOUS=1 to serve every caller)",
  ];
}

const BY_NAME = new Map<string, Setting<unknown>>(
  Object.values(SETTINGS).map((setting) => [setting.name, setting]),
);

function unknownNames(env: Environment): string[] {
  return Object.keys(env).filter((name) =>
    name.startsWith("POSTRIDER_") &&
    ![name, name.replace(/_FILE$/, "")].some((known) => BY_NAME.has(known))
  );
}
