/**
 * `--check`: validates the settings without starting the service.
 *
 * @module
 */

import { mailHostname, readCa } from "./channel_settings.ts";
import { verifyRelay } from "../channels/mail/email.ts";
import type { RelayRule } from "../channels/mail/relays.ts";
import { type ConfigFile, readConfigFile } from "../config/config_file.ts";
import { systemClock } from "../lib/clock.ts";
import { openQueue } from "../queue/open.ts";
import type { Config } from "../config/settings.ts";
import { targetIssues } from "./targets.ts";
import { openMailTemplates, readFolder } from "../templates/mail_templates.ts";

/** Returns a sentence for each thing that is wrong. */
export async function checkService(config: Config): Promise<string[]> {
  const issues: string[] = [];
  const attempt = async (name: string, step: () => Promise<void>) => {
    try {
      await step();
    } catch (error) {
      issues.push(`${name}: ${error instanceof Error ? error.message : error}`);
    }
  };
  await attempt("POSTRIDER_QUEUE", async () => {
    await using _engine = await openQueue(config.queue, { clock: systemClock });
  });
  await attempt("POSTRIDER_TEMPLATES", async () => {
    await openMailTemplates(config.templates, readFolder);
  });
  let relays: readonly RelayRule[] = [];
  // Targets are tried with the templates, so they are checked once those are right.
  const check = issues.length > 0 ? undefined : (file: ConfigFile) => targetIssues(config, file);
  await attempt("POSTRIDER_CONFIG", async () => {
    const file = await readConfigFile(config.configFile, Deno.readTextFileSync, check);
    relays = file.relays;
  });
  await attempt("POSTRIDER_CA_FILE", async () => void await readCa(config));
  if (issues.length === 0) {
    const ca = await readCa(config);
    const verify = async (relay: Parameters<typeof verifyRelay>[0]) => {
      const options = { clock: systemClock, ca, hostname: mailHostname(config) };
      const fault = await verifyRelay(relay, options);
      if (fault) throw new Error(`${fault.code}: ${fault.detail}`);
    };
    if (relays.length === 0) await attempt("POSTRIDER_MAIL", () => verify(config.mail));
    for (const { relay } of relays) {
      await attempt(`${relay.host}:${relay.port}`, () => verify(relay));
    }
  }
  return issues;
}
