/**
 * Reloads the settings that can change at run time: all of them or none.
 *
 * @module
 */

import type { ReadConfig } from "../config.ts";
import type { Config } from "../config/settings.ts";
import { type ConfigFile, ConfigFileError, type LiveConfigFile } from "../config/config_file.ts";
import type { Log } from "../lib/log.ts";
import type { Issue } from "../task/issues.ts";
import type { Reloaded } from "../task/ports.ts";
import { TemplateFileError } from "../templates/mail_template.ts";

/** Reloads everything. Issues are logged and returned, and the old settings stay in force. */
export type Reload = () => Promise<Reloaded | { readonly issues: readonly Issue[] }>;

/** What a reload reads and changes. */
export interface ReloadParts {
  /** `postrider.yaml`. */
  readonly file: LiveConfigFile;
  /** The folder of templates. */
  readonly templates: { reload(): void };
  /** Reads the environment and its `…_FILE`s again; absent where there is no environment. */
  readonly readConfig: (() => ReadConfig) | undefined;
  /** The settings at the start, as text by name. */
  readonly texts: Texts;
  /** Puts a setting in force; `false` when that needs a restart. */
  readonly applySetting: (name: string, read: { readonly config: Config }) => boolean;
  /** Puts the sections of the file in force that have changed. */
  readonly applySections: (changed: readonly (keyof ConfigFile)[]) => Promise<void>;
  /** Receives the result. */
  readonly log: Log;
}

/** Settings as text, by name. */
export type Texts = Readonly<Record<string, string | undefined>>;

/** Returns the function that reloads. */
export function openReload(parts: ReloadParts): Reload {
  const { file, templates, log } = parts;
  let { texts } = parts;

  function refuse(issues: readonly Issue[], lines: readonly string[]) {
    log.error("Settings not reloaded: they are invalid", { issues: lines });
    return { issues };
  }

  return async () => {
    const read = parts.readConfig?.();
    if (read && "wrong" in read) {
      return refuse(read.wrong.map((detail) => ({ pointer: "", detail })), read.wrong);
    }
    const before = file.current;
    try {
      templates.reload();
      file.reload();
    } catch (error) {
      if (!(error instanceof ConfigFileError || error instanceof TemplateFileError)) throw error;
      return refuse(issuesOf(error), error.message.split("\n"));
    }
    const sections = changedSections(before, file.current);
    await parts.applySections(sections);
    const applied: string[] = ["templates", ...sections];
    const needsRestart: string[] = [];
    for (const name of read ? changedNames(texts, read.texts) : []) {
      (read && parts.applySetting(name, read) ? applied : needsRestart).push(name);
    }
    // What needs a restart is reported again by the next reload.
    if (read) {
      const kept = Object.fromEntries(needsRestart.map((name) => [name, texts[name]]));
      texts = { ...read.texts, ...kept };
    }
    if (needsRestart.length > 0) log.warn("Settings changed that need a restart", { needsRestart });
    log.info("Settings reloaded", { applied });
    return { applied, needsRestart };
  };
}

function changedNames(before: Texts, after: Texts): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].filter((name) => before[name] !== after[name]);
}

function changedSections(before: ConfigFile, after: ConfigFile): (keyof ConfigFile)[] {
  const textOf = (section: unknown) =>
    JSON.stringify(section, (_, value) => value instanceof Map ? [...value] : value);
  return (Object.keys(after) as (keyof ConfigFile)[])
    .filter((name) => textOf(before[name]) !== textOf(after[name]));
}

function issuesOf(error: Error): Issue[] {
  const faults = error instanceof ConfigFileError ? error.faults : [];
  if (faults.length === 0) return [{ pointer: "", detail: error.message }];
  return faults.map(({ pointer, detail, line, column }) => ({
    pointer,
    detail: `Line ${line}, column ${column}: ${detail}`,
  }));
}
