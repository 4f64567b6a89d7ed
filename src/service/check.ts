/**
 * `--check`: validates the settings without starting the service.
 *
 * @module
 */

import { readCa } from "./channel_settings.ts";
import { readTargets } from "../channels/chat/table.ts";
import { verifyRelay } from "../channels/mail/email.ts";
import type { RelayRule } from "../channels/mail/relays.ts";
import { readConfigFile } from "../config/config_file.ts";
import { systemClock } from "../lib/clock.ts";
import { openQueue } from "../queue/open.ts";
import type { Config } from "../config/settings.ts";
import { parseMailbox } from "../task/input/mailbox.ts";
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
  let relays: readonly RelayRule[] = [];
  await attempt("POSTRIDER_CONFIG", async () => {
    const file = await readConfigFile(config.configFile, Deno.readTextFileSync);
    relays = file.relays;
    for (const [name, targets] of file.aliases) checkAlias(name, targets);
  });
  await attempt("POSTRIDER_TEMPLATES", async () => {
    await openMailTemplates(config.templates, readFolder);
  });
  await attempt("POSTRIDER_CA_FILE", async () => void await readCa(config));
  if (issues.length === 0) {
    const ca = await readCa(config);
    const verify = async (relay: Parameters<typeof verifyRelay>[0]) => {
      const fault = await verifyRelay(relay, { clock: systemClock, ca });
      if (fault) throw new Error(`${fault.code}: ${fault.detail}`);
    };
    if (relays.length === 0) await attempt("POSTRIDER_MAIL", () => verify(config.mail));
    for (const { relay } of relays) {
      await attempt(`${relay.host}:${relay.port}`, () => verify(relay));
    }
  }
  return issues;
}

/** A target can be a secret, so it is not shown. */
function checkAlias(name: string, targets: readonly string[]): void {
  for (const [index, target] of targets.entries()) {
    const parsed = target.includes("://") ? readTargets(target) : parseMailbox(target);
    if (typeof parsed === "object") continue;
    const expected = parsed ?? "Expected a mail address";
    throw new Error(`alias "${name}", target ${index + 1}: ${expected}`);
  }
}
