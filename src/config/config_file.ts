/**
 * `postrider.yaml`: the settings that are too large for the environment, and that
 * can be reloaded at run time.
 *
 * The file is applied as a whole or not at all: errors are reported with line
 * and column, and the previous settings stay in force.
 *
 * @module
 */

import { type CallbackSecrets, parseCallbacks } from "../channels/callback_settings.ts";
import { type ChannelDefinitions, parseChannels } from "../channels/chat/custom_settings.ts";
import { type DkimKey, parseDkim, parseRelays, type RelayRule } from "../channels/mail/relays.ts";
import { type Hooks, parseHooks } from "../hooks/hook_settings.ts";
import { parseSchedules, type Schedules } from "../schedules/schedule_settings.ts";
import { readYaml, type TextPlace } from "../lib/yaml.ts";
import { type Aliases, parseAliases } from "../task/input/aliases.ts";
import type { Issue, Parsed } from "../task/issues.ts";
import { type Hosts, parseHosts } from "../task/host_limits.ts";
import { type Keys, parseKeys } from "../task/key_limits.ts";

/** The content of the file. */
export interface ConfigFile {
  /** Lists of targets by name. */
  readonly aliases: Aliases;
  /** Secrets of single receivers of callbacks. */
  readonly callbacks: CallbackSecrets;
  /** Channels without code, by name. */
  readonly channels: ChannelDefinitions;
  /** DKIM keys that sign mails. */
  readonly dkim: readonly DkimKey[];
  /** Relays in order of preference; none: `POSTRIDER_MAIL`. */
  readonly relays: readonly RelayRule[];
  /** Limits per host. */
  readonly hosts: Hosts;
  /** Quotas per API key. */
  readonly keys: Keys;
  /** Inbound webhooks. */
  readonly hooks: Hooks;
  /** Schedules. */
  readonly schedules: Schedules;
}

/** Reads a file; throws when it cannot. */
export type ReadFile = (path: string) => string;

/** The parser of each section; the pointer of an issue starts in the section. */
const SECTIONS: {
  readonly [Name in keyof ConfigFile]: (
    value: unknown,
    readFile: ReadFile,
  ) => Parsed<ConfigFile[Name]>;
} = {
  aliases: parseAliases,
  callbacks: parseCallbacks,
  channels: parseChannels,
  dkim: parseDkim,
  hosts: parseHosts,
  keys: parseKeys,
  hooks: parseHooks,
  schedules: parseSchedules,
  relays: parseRelays,
};

/** Finds issues that only show with the rest of the settings; the pointers are into the file. */
export type CheckFile = (file: ConfigFile) => readonly Issue[];

/** The path of the file when no setting names one. */
export const DEFAULT_CONFIG_FILE = "./postrider.yaml";
const MAX_CHARACTERS = 2 ** 20;

/** An issue with its position in the file. */
export type FileFault = Issue & TextPlace;

/** Parses the text of the file: its content, or all its issues. */
export function parseConfigFile(
  text: string,
  readFile: ReadFile,
  check: CheckFile = () => [],
): { readonly file: ConfigFile } | { readonly wrong: readonly FileFault[] } {
  if (text.length > MAX_CHARACTERS) {
    const detail = `Expected at most ${MAX_CHARACTERS} characters`;
    return { wrong: [{ pointer: "", detail, line: 1, column: 1 }] };
  }
  const yaml = readYaml(text);
  if ("faults" in yaml) {
    return {
      wrong: yaml.faults.map((fault) => ({
        ...fault,
        pointer: "",
        detail: `Expected YAML: ${fault.detail}`,
      })),
    };
  }
  const { file, issues: found, invalid } = readSections(yaml.value ?? {}, readFile);
  const hasTargets = !invalid.has("aliases") && !invalid.has("channels");
  const issues = hasTargets ? [...found, ...check(file)] : found;
  if (issues.length === 0) return { file };
  const wrong = issues.map((issue) => ({ ...issue, ...yaml.placeOf(issue.pointer) }));
  return { wrong: wrong.sort((a, b) => a.line - b.line || a.column - b.column) };
}

/** Reads the sections. One that is invalid is empty, so that the others can be checked together. */
function readSections(
  value: unknown,
  readFile: ReadFile,
): { file: ConfigFile; issues: readonly Issue[]; invalid: ReadonlySet<string> } {
  const issues: Issue[] = [];
  const invalid = new Set<string>();
  const known = Object.keys(SECTIONS);
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  const given: Record<string, unknown> = isObject ? { ...value } : {};
  if (!isObject) issues.push({ pointer: "", detail: `Expected the sections ${known.join(", ")}` });
  for (const name of Object.keys(given)) {
    if (known.includes(name)) continue;
    issues.push({
      pointer: `/${name}`,
      detail: `Unknown section: remove it or check its spelling; known are ${known.join(", ")}`,
    });
  }
  const file: Record<string, unknown> = {};
  for (const [name, parse] of Object.entries(SECTIONS)) {
    const parsed = parse(given[name] ?? {}, readFile);
    file[name] = parsed.issues ? emptySection(parse, readFile) : parsed.value;
    if (!parsed.issues) continue;
    invalid.add(name);
    for (const f of parsed.issues) issues.push({ ...f, pointer: `/${name}${f.pointer}` });
  }
  return { file: file as unknown as ConfigFile, issues, invalid };
}

/** What a section is that the file does not have. */
function emptySection(parse: (typeof SECTIONS)[keyof ConfigFile], readFile: ReadFile): unknown {
  const empty = parse({}, readFile);
  return "value" in empty ? empty.value : undefined;
}

/** The file cannot be used; the message has a line for each issue. */
export class ConfigFileError extends Error {
  /** `ConfigFileError`. */
  override name = "ConfigFileError";
  /** Empty when the file cannot be read. */
  readonly faults: readonly FileFault[];

  /** `path` is as written in the setting. */
  constructor(path: string, faults: readonly FileFault[], message?: string) {
    const sentences = faults.map(({ line, column, pointer, detail }) =>
      `${path}:${line}:${column}: ${pointer === "" ? "" : `${pointer}: `}${detail}`
    );
    super(message ?? sentences.join("\n"));
    this.faults = faults;
  }
}

/**
 * Reads the file at `path`, or at the default path, where it may be missing.
 * Throws a `ConfigFileError`.
 */
export function readConfigFile(
  path: string | undefined,
  readFile: ReadFile,
  check?: CheckFile,
): ConfigFile {
  const place = path ?? DEFAULT_CONFIG_FILE;
  const parsed = parseConfigFile(textOf(place, path === undefined, readFile), readFile, check);
  if ("file" in parsed) return parsed.file;
  throw new ConfigFileError(place, parsed.wrong);
}

function textOf(place: string, mayBeMissing: boolean, readFile: ReadFile): string {
  try {
    return readFile(place);
  } catch (error) {
    if (mayBeMissing && error instanceof Deno.errors.NotFound) return "";
    const why = error instanceof Error ? error.message : String(error);
    throw new ConfigFileError(place, [], `Cannot read "${place}": ${why}`);
  }
}

/** The file as currently in force. */
export interface LiveConfigFile {
  /** Its content. */
  readonly current: ConfigFile;
  /** Reads the file again; `apply` puts it in force. Throws a `ConfigFileError`. */
  readAgain(): { readonly next: ConfigFile; apply(): void };
  /** Calls `listener` now and after each reload. */
  follow(listener: (file: ConfigFile) => void): void;
}

/** Reads the file. Throws a `ConfigFileError`. */
export function openConfigFile(
  path: string | undefined,
  readFile: ReadFile,
  check?: CheckFile,
): LiveConfigFile {
  let current = readConfigFile(path, readFile, check);
  const listeners: ((file: ConfigFile) => void)[] = [];
  return {
    get current() {
      return current;
    },
    readAgain() {
      const next = readConfigFile(path, readFile, check);
      return {
        next,
        apply() {
          current = next;
          for (const listener of listeners) listener(current);
        },
      };
    },
    follow(listener) {
      listeners.push(listener);
      listener(current);
    },
  };
}
