/**
 * Reading anew what may change while the service runs: all of it, or nothing.
 *
 * @module
 */

import { ConfigFileError, type LiveConfigFile } from "../config/config_file.ts";
import type { Log } from "../lib/log.ts";
import type { Issue } from "../task/issues.ts";
import { TemplateFileError } from "../templates/mail_template.ts";

/** Reads everything again; what is wrong is logged and returned, and the old settings stay. */
export type Reload = () => Promise<readonly Issue[]>;

/** Opens the way to reload `file`, the templates, and what follows from them. */
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
      log.error("The settings stay as they were: a file is wrong", { faults: error.message });
      return faultsOf(error);
    }
    await then();
    log.info("The settings were read again");
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
