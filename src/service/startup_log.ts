/**
 * What the service says of itself at the start.
 *
 * @module
 */

import type { Log } from "../lib/log.ts";
import type { QueueEngine } from "../queue/engine.ts";
import type { Config } from "../config/settings.ts";

/** What is spoken of, and where. */
export interface StartupFacts {
  /** Keeps the tasks. */
  readonly engine: QueueEngine;
  /** The kind of network file system that the queue's file lies on, if it does. */
  readonly network: string | undefined;
  /** Relays that take the place of `POSTRIDER_MAIL`. */
  readonly relays: readonly unknown[];
  /** Where the service is reached. */
  readonly url: string;
  /** The service's version. */
  readonly version: string;
  /** Takes what is said. */
  readonly log: Log;
}

/** Says what an operator wants to know at the start, and what he should not overlook. */
export function logStartup(config: Config, announced: StartupFacts): void {
  const { engine, network, relays, url, version, log } = announced;
  log.info(`Listening on ${url}`, { url, version, queue: config.queue });
  if (network !== undefined) {
    log.warn("The queue's file lies on a network: a local disk keeps it safer", { network });
  }
  if (!engine.durable) log.warn("Tasks are kept in memory: they end with this process");
  if (engine.recovered > 0) {
    log.warn("Attempts that a crash broke off are made again", { tasks: engine.recovered });
  }
  if (config.allowAnonymous && config.apiKeys.length > 0) {
    log.warn("API keys are set: callers without one are refused all the same", {
      setting: "POSTRIDER_ALLOW_ANONYMOUS",
    });
  }
  if (config.webhookSecrets.length === 0) {
    log.info("No secret is set: callbacks are not signed", { setting: "POSTRIDER_WEBHOOK_SECRET" });
  }
  if (config.mail.kind === "outbox" && relays.length === 0) {
    log.warn("No relay is set: mails are kept as files and sent to nobody", {
      folder: config.mail.directory,
      setting: "POSTRIDER_MAIL",
    });
  }
}
