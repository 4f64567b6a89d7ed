/**
 * `--check`: validates the settings without starting the service. It reports all
 * issues at once, and leaves nothing behind.
 *
 * @module
 */

import { dirname, join } from "node:path";
import { verifyRelay } from "../channels/mail/email.ts";
import type { RelayRule } from "../channels/mail/relays.ts";
import type { ValidSettings } from "../config.ts";
import { type ConfigFile, readConfigFile } from "../config/config_file.ts";
import type { Config } from "../config/settings.ts";
import { systemClock } from "../lib/clock.ts";
import { openQueue, parseQueueUrl } from "../queue/open.ts";
import { SCHEMA_VERSION } from "../queue/sqlite/file/schema.ts";
import { openMailTemplates, readFolder } from "../templates/mail_templates.ts";
import { mailHostname, readCa, stateFolder } from "./channel_settings.ts";
import { targetIssues } from "./targets.ts";

/** Returns a sentence for each thing that is wrong with these settings. */
export async function checkService(config: ValidSettings): Promise<string[]> {
  const issues: string[] = [];
  /** Runs a step; `undefined` when it has failed. */
  const attempt = async <Result>(name: string, step: () => Result | Promise<Result>) => {
    try {
      return await step();
    } catch (error) {
      const lines = (error instanceof Error ? error.message : String(error)).split("\n");
      issues.push(...lines.map((line) => `${name}: ${line}`));
      return undefined;
    }
  };
  const { queue, templates, downloads, mail } = config;
  if (queue !== undefined) await attempt("POSTRIDER_QUEUE", () => checkQueue(queue));
  if (templates !== undefined) {
    await attempt("POSTRIDER_TEMPLATES", () => openMailTemplates(templates, readFolder));
  }
  // Targets can be checked only if these settings are valid.
  const check = has(config, "templates", "fetchAllow", "mail", "mailFrom")
    ? (file: ConfigFile) => targetIssues(config, file)
    : undefined;
  const file = "configFile" in config
    ? await attempt(
      "POSTRIDER_CONFIG",
      () => readConfigFile(config.configFile, Deno.readTextFileSync, check),
    )
    : undefined;
  const { caFile } = config;
  const ca = "caFile" in config
    ? await attempt("POSTRIDER_CA_FILE", async () => ({ pem: await readCa({ caFile }) }))
    : undefined;
  if (downloads !== undefined) await attempt("POSTRIDER_DOWNLOADS", () => checkFolder(downloads));
  if (mail?.kind === "outbox" && file?.relays.length === 0) {
    await attempt("POSTRIDER_MAIL", () => checkFolder(mail.directory));
  }
  if (!ca || !file || !has(config, "queue", "downloads", "mail")) return issues;
  const options = {
    clock: systemClock,
    ca: ca.pem,
    hostname: mailHostname({ mailHostname: config.mailHostname }),
    tokens: stateFolder(config),
  };
  const verify = async (relay: Config["mail"] | RelayRule["relay"]) => {
    const fault = await verifyRelay(relay, options);
    if (fault) throw new Error(`${fault.code}: ${fault.detail}`);
  };
  if (file.relays.length === 0) await attempt("POSTRIDER_MAIL", () => verify(config.mail));
  for (const { relay } of file.relays) {
    await attempt(`${relay.host}:${relay.port}`, () => verify(relay));
  }
  return issues;
}

/** Whether these settings are valid. */
function has<Name extends keyof Config>(
  config: ValidSettings,
  ...names: Name[]
): config is ValidSettings & Pick<Config, Name> {
  return names.every((name) => config[name] !== undefined);
}

async function checkQueue(url: string): Promise<void> {
  const queue = parseQueueUrl(url);
  if (queue.kind === "sqlite") return await checkQueueFile(queue.path);
  await using _engine = await openQueue(url, { clock: systemClock });
}

const SQLITE = new TextEncoder().encode("SQLite format 3\0");
/** https://sqlite.org/fileformat2.html: the header's size, and where it has `user_version`. */
const HEADER_BYTES = 100;
const VERSION_AT = 60;

/**
 * Checks that the queue file can be written, without opening it as a queue: the
 * service may be running, or start meanwhile.
 */
async function checkQueueFile(path: string): Promise<void> {
  await checkFolder(dirname(path));
  if (!await exists(path)) return;
  using file = await Deno.open(path, { read: true, write: true });
  const header = new Uint8Array(HEADER_BYTES);
  const bytes = await file.read(header) ?? 0;
  if (bytes === 0) return;
  if (SQLITE.some((byte, at) => byte !== header[at])) {
    throw new RangeError(`Cannot open queue "${path}": expected a SQLite file`);
  }
  const version = new DataView(header.buffer).getUint32(VERSION_AT);
  if (version > SCHEMA_VERSION) {
    throw new RangeError(
      `Cannot open queue "${path}": it was written by a newer Postrider (file version ${version}, this one reads up to ${SCHEMA_VERSION})`,
    );
  }
}

/** Checks that files can be created in a folder, which is created at the start if it is missing. */
async function checkFolder(folder: string): Promise<void> {
  const missing: string[] = [];
  for (let path = folder; !await exists(path) && path !== dirname(path); path = dirname(path)) {
    missing.push(path);
  }
  try {
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    const trial = join(folder, `.check-${crypto.randomUUID()}`);
    (await Deno.open(trial, { createNew: true, write: true, mode: 0o600 })).close();
    await Deno.remove(trial);
  } finally {
    // Fails when the service has begun to use it in the meantime, or when it was not created.
    for (const path of missing) await Deno.remove(path).catch(() => {});
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
