/**
 * Reloads the settings that can change at run time: all of them or none.
 *
 * @module
 */

import { ConfigFileError, type LiveConfigFile } from "../config/config_file.ts";
import type { Log } from "../lib/log.ts";
import type { Issue } from "../task/issues.ts";
import { TemplateFileError } from "../templates/mail_template.ts";

/** Reloads everything. Issues are logged and returned, and the old settings stay in force. */
export type Reload = () => Promise<readonly Issue[]>;

/** Returns the function that reloads `file`, the templates, and what depends on them. */
export function openReload(
  { file, templates, then, log }: {
    readonly file: LiveConfigFile;
    readonly templates: { reload(): void };
    readonly then: () => Promise<void>;
    readonly log: Log;
  },
): Reload {
  return async () => {
    try {
      templates.reload();
      file.reload();
    } catch (error) {
      if (!(error instanceof ConfigFileError || error instanceof TemplateFileError)) throw error;
      log.error("Settings not reloaded: a file is invalid", { faults: error.message });
      return faultsOf(error);
    }
    await then();
    log.info("Settings reloaded");
    return [];
  };
}

function faultsOf(error: Error): Issue[] {
  const faults = error instanceof ConfigFileError ? error.faults : [];
  if (faults.length === 0) return [{ pointer: "", detail: error.message }];
  return faults.map(({ pointer, detail, line, column }) => ({
    pointer,
    detail: `Line ${line}, column ${column}: ${detail}`,
  }));
}
