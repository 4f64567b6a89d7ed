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

/** Reloads everything. Issues are logged and returned, and the old settings stay in force. */
export type Reload = () => Promise<Reloaded | { readonly issues: readonly Issue[] }>;

/** What a reload reads and changes. */
export interface ReloadParts {
  /** `postrider.yaml`. */
  readonly file: LiveConfigFile;
  /** The folder of templates. */
  readonly templates: { readAgain(): () => void };
  /** Reads the environment and its `…_FILE`s again; absent where there is no environment. */
  readonly readConfig: (() => ReadConfig) | undefined;
  /** The settings at the start, as text by name. */
  readonly texts: Texts;
  /** Puts a setting in force; `false` when that needs a restart. */
  readonly applySetting: (name: string, read: { readonly config: Config }) => boolean;
  /** Reads what else depends on files. Rejects when one cannot be read. */
  readonly prepare: (next: ConfigFile, changed: Sections) => Promise<Prepared>;
  /** Receives the result. */
  readonly log: Log;
}

/** Sections of `postrider.yaml`. */
export type Sections = readonly (keyof ConfigFile)[];

/** What was read, and is not in force yet. */
export interface Prepared {
  /** Further settings whose files have changed. */
  readonly changed: readonly string[];
  /** Puts it in force, after the file and the templates. */
  apply(): Promise<void>;
}

/** Settings as text, by name. */
export type Texts = Readonly<Record<string, string | undefined>>;

/** Returns the function that reloads. Reloads that are called at once run one after the other. */
export function openReload(parts: ReloadParts): Reload {
  const { file, templates, log } = parts;
  let { texts } = parts;
  let last: ReturnType<Reload> = Promise.resolve({ issues: [] });

  function refuse(issues: readonly Issue[]) {
    log.error("Settings not reloaded: they are invalid", {
      issues: issues.map(({ pointer, detail }) =>
        pointer === "" ? detail : `${pointer}: ${detail}`
      ),
    });
    return { issues };
  }

  /** Reads everything; nothing is in force yet. */
  async function readAll() {
    const issues: Issue[] = [];
    const attempt = async <Result>(step: () => Result | Promise<Result>) => {
      try {
        return await step();
      } catch (error) {
        issues.push(...issuesOf(error));
        return undefined;
      }
    };
    const read = parts.readConfig?.();
    if (read && "wrong" in read) {
      issues.push(...read.wrong.map((detail) => ({ pointer: "", detail })));
    }
    const applyTemplates = await attempt(() => templates.readAgain());
    const files = await attempt(() => file.readAgain());
    const sections = files && changedSections(file.current, files.next);
    const prepared = files && sections &&
      await attempt(() => parts.prepare(files.next, sections));
    if (issues.length > 0 || (read && "wrong" in read)) return { issues };
    if (!applyTemplates || !files || !sections || !prepared) return { issues };
    return { read, applyTemplates, files, sections, prepared };
  }

  async function reload(): ReturnType<Reload> {
    const all = await readAll();
    if ("issues" in all) return refuse(all.issues);
    const { read, applyTemplates, files, sections, prepared } = all;
    applyTemplates();
    files.apply();
    const applied: string[] = ["templates", ...sections, ...prepared.changed];
    const needsRestart: string[] = [];
    for (const name of read ? changedNames(texts, read.texts) : []) {
      (read && parts.applySetting(name, read) ? applied : needsRestart).push(name);
    }
    // What needs a restart is reported again by the next reload.
    if (read) {
      const kept = Object.fromEntries(needsRestart.map((name) => [name, texts[name]]));
      texts = { ...read.texts, ...kept };
    }
    await prepared.apply();
    if (needsRestart.length > 0) log.warn("Settings changed that need a restart", { needsRestart });
    log.info("Settings reloaded", { applied });
    return { applied, needsRestart };
  }

  return () => last = last.then(reload, reload);
}

function changedNames(before: Texts, after: Texts): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].filter((name) => before[name] !== after[name]);
}

function changedSections(before: ConfigFile, after: ConfigFile): Sections {
  const textOf = (section: unknown) =>
    JSON.stringify(section, (_, value) => value instanceof Map ? [...value] : value);
  return (Object.keys(after) as (keyof ConfigFile)[])
    .filter((name) => textOf(before[name]) !== textOf(after[name]));
}

function issuesOf(error: unknown): Issue[] {
  const faults = error instanceof ConfigFileError ? error.faults : [];
  if (faults.length === 0) {
    return [{ pointer: "", detail: error instanceof Error ? error.message : String(error) }];
  }
  return faults.map(({ pointer, detail, line, column }) => ({
    pointer,
    detail: `Line ${line}, column ${column}: ${detail}`,
  }));
}
