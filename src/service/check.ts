/**
 * `--check`: validates the settings without starting the service.
 *
 * @module
 */

import { mailHostname, readCa, stateFolder } from "./channel_settings.ts";
import { dirname } from "node:path";
import { verifyRelay } from "../channels/mail/email.ts";
import type { RelayRule } from "../channels/mail/relays.ts";
import { type ConfigFile, readConfigFile } from "../config/config_file.ts";
import { systemClock } from "../lib/clock.ts";
import { openQueue, parseQueueUrl } from "../queue/open.ts";
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
    const queue = parseQueueUrl(config.queue);
    if (queue.kind === "sqlite") return await checkQueueFile(queue.path);
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
      const options = {
        clock: systemClock,
        ca,
        hostname: mailHostname(config),
        tokens: stateFolder(config),
      };
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

const SQLITE = new TextEncoder().encode("SQLite format 3\0");

/**
 * Checks that the queue file can be written, without opening it as a queue: the
 * service may be running, or start meanwhile.
 */
async function checkQueueFile(path: string): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true });
  const before = await Deno.lstat(path).catch(() => undefined);
  using file = await Deno.open(path, { read: true, write: true, create: true, mode: 0o600 });
  if (!before) return await Deno.remove(path);
  const header = new Uint8Array(SQLITE.length);
  const bytes = await file.read(header) ?? 0;
  if (bytes > 0 && SQLITE.some((byte, at) => byte !== header[at])) {
    throw new RangeError(`Cannot open queue "${path}": expected a SQLite file`);
  }
}
