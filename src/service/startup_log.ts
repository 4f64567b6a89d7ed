/**
 * The log lines of the start.
 *
 * @module
 */

import type { Log } from "../lib/log.ts";
import type { QueueEngine } from "../queue/engine.ts";
import { shownQueueUrl } from "../queue/open.ts";
import type { Config } from "../config/settings.ts";

/** What the lines report. */
export interface StartupFacts {
  /** The queue engine. */
  readonly engine: QueueEngine;
  /** The network file system that holds the queue file, if any. */
  readonly network: string | undefined;
  /** Relays of `postrider.yaml`, used instead of `POSTRIDER_MAIL`. */
  readonly relays: readonly unknown[];
  /** The URL of the service. */
  readonly url: string;
  /** The service's version. */
  readonly version: string;
  /** Receives the lines. */
  readonly log: Log;
}

/** Logs what an operator needs to know at the start. */
export function logStartup(config: Config, facts: StartupFacts): void {
  const { engine, network, relays, url, version, log } = facts;
  log.info(`Listening on ${url}`, { url, version, queue: shownQueueUrl(config.queue) });
  if (network !== undefined) {
    log.warn("The queue file is on a network file system: use a local disk", { network });
  }
  if (!engine.durable) log.warn("Tasks are kept in memory: they are lost when the process ends");
  if (engine.recovered > 0) {
    log.warn("Recovered interrupted attempts", { tasks: engine.recovered });
  }
  if (engine.file?.logIssue !== undefined) {
    log.warn(`The log of the queue file cannot be read: ${engine.file.logIssue}`, {
      next: "check the latest tasks, or restore a backup",
    });
  }
  if (config.allowAnonymous && config.apiKeys.length > 0) {
    log.warn("Ignored: API keys are set, so callers without one are refused", {
      setting: "POSTRIDER_ALLOW_ANONYMOUS",
    });
  }
  if (config.webhookSecrets.length === 0) {
    log.info("Callbacks are not signed: no secret is set", { setting: "POSTRIDER_WEBHOOK_SECRET" });
  }
  if (config.mail.kind === "outbox" && relays.length === 0) {
    log.warn("No relay is set: mails are written to files and not sent", {
      folder: config.mail.directory,
      setting: "POSTRIDER_MAIL",
    });
  }
}
