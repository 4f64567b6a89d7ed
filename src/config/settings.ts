/**
 * The table of settings: the only place that knows their names.
 *
 * @module
 */

import { type AllowEntry, parseFetchAllow } from "../channels/guard/guard.ts";
import { type MailSettings, parseMailUrl } from "../channels/mail/mail_settings.ts";
import { parseWebhookSecrets } from "../channels/webhook_secret.ts";
import { type ApiKey, parseApiKeys } from "../http/auth/auth.ts";
import type { LogFormat, LogLevel } from "../lib/log.ts";
import { parseQueueUrl } from "../queue/open.ts";
import { parseDuration } from "../lib/duration.ts";
import { parseMailbox } from "../task/input/mailbox.ts";
import { parseRate, type Rate } from "../lib/rate_text.ts";

/** Everything an operator can decide. */
export interface Config {
  /** The address to listen on. */
  readonly host: string;
  /** The port to listen on; 0 takes a free one. */
  readonly port: number;
  /** Serve callers without a key although the address is not loopback. */
  readonly allowAnonymous: boolean;
  /** Where tasks are kept: `sqlite:PATH` or `memory:`. */
  readonly queue: string;
  /** Where mails go. */
  readonly mail: MailSettings;
  /** The `From` of mails that name none. */
  readonly mailFrom: string;
  /** Who may call; empty: anybody on this machine. */
  readonly apiKeys: readonly ApiKey[];
  /** What may be called although it is not public. */
  readonly fetchAllow: readonly AllowEntry[];
  /** The folder of the operator's mail templates. */
  readonly templates: string;
  /** The folder of saved bodies. */
  readonly downloads: string;
  /** A PEM file of further CA certificates. */
  readonly caFile: string | undefined;
  /** The file of aliases, hooks, schedules and limits; `undefined`: `./postrider.yaml` if it is there. */
  readonly configFile: string | undefined;
  /** Each of them signs callbacks; empty: they are not signed. */
  readonly webhookSecrets: readonly string[];
  /** The most attempts at once. */
  readonly concurrency: number;
  /** Threads for the channels. */
  readonly threads: number;
  /** The most tasks that may wait. */
  readonly maxQueued: number;
  /** How long a final task is kept, in milliseconds. */
  readonly retentionMs: number;
  /** Submits allowed to each key. */
  readonly rate: Rate | undefined;
  /** What Ctrl+C does. */
  readonly onSigint: "cancel" | "drain";
  /** How long running attempts may take to end at a drain, in milliseconds. */
  readonly drainMs: number;
  /** How much is logged. */
  readonly log: LogLevel;
  /** How; `undefined`: text on a terminal, else JSON. */
  readonly logFormat: LogFormat | undefined;
}

/** One line of the table. */
export interface Setting<T> {
  /** The variable that holds it. */
  readonly name: string;
  /** What it means, for `--help`. */
  readonly means: string;
  /** As it would be written; absent: no value. */
  readonly fallback?: string;
  /** What a right value looks like. */
  readonly expects: string;
  /** Its value is never shown. */
  readonly secret?: true;
  /** Reads a value; `undefined` or a `RangeError` for a wrong one. */
  readonly parse: (text: string) => T | undefined;
}

/** A line for each field. */
export type Table = { readonly [Field in keyof Config]: Setting<NonNullable<Config[Field]>> };

/** Each field of `Config`, and how it is set. */
export const SETTINGS: Table = {
  host: {
    name: "POSTRIDER_HOST",
    means: "address to listen on; other than loopback needs API keys",
    fallback: "127.0.0.1",
    expects: "an IP address or a host name",
    parse: (text) => /^[\w.:-]+$/.test(text) ? text : undefined,
  },
  port: {
    name: "POSTRIDER_PORT",
    means: "port to listen on",
    fallback: "8000",
    expects: "a number from 0 to 65535 (0: any free port)",
    parse: (text) => wholeNumber(text, 0, 65_535),
  },
  allowAnonymous: {
    name: "POSTRIDER_ALLOW_ANONYMOUS",
    means: "serve callers without a key on any address",
    fallback: "0",
    expects: "0 or 1",
    parse: (text) => oneOf(text, ["0", "1"]) && text === "1",
  },
  queue: {
    name: "POSTRIDER_QUEUE",
    means: "where tasks are kept",
    fallback: "sqlite:./data/postrider.db",
    expects: '"sqlite:PATH" or "memory:"',
    parse: (text) => parseQueueUrl(text) && text,
  },
  mail: {
    name: "POSTRIDER_MAIL",
    means: "the relay for mails, or a folder that keeps them",
    fallback: "outbox:./data/outbox",
    expects:
      '"smtp://user:pass@host:587?tls=required|opportunistic|none", "smtps://…" or "outbox:DIR"',
    secret: true,
    parse: parseMailUrl,
  },
  mailFrom: {
    name: "POSTRIDER_MAIL_FROM",
    means: "sender of mails that name none",
    fallback: "postrider@localhost",
    expects: '"user@example.org" or "Name <user@example.org>"',
    parse: (text) => parseMailbox(text) && text,
  },
  apiKeys: {
    name: "POSTRIDER_API_KEYS",
    means: "who may call",
    expects: '"name:secret" or "name:secret:scope+scope", comma-separated',
    secret: true,
    parse: parseApiKeys,
  },
  fetchAllow: {
    name: "POSTRIDER_FETCH_ALLOW",
    means: "what may be called although it is not public",
    expects: 'names, addresses or CIDRs, each with optional ":port", comma-separated',
    parse: parseFetchAllow,
  },
  templates: {
    name: "POSTRIDER_TEMPLATES",
    means: "folder of mail templates",
    fallback: "./templates",
    expects: "a path",
    parse: (text) => text || undefined,
  },
  downloads: {
    name: "POSTRIDER_DOWNLOADS",
    means: "the folder of what fetches save",
    fallback: "./data/downloads",
    expects: "a path",
    parse: (text) => text.replace(/(.)\/+$/, "$1") || undefined,
  },
  caFile: {
    name: "POSTRIDER_CA_FILE",
    means: "further CA certificates (PEM), for SMTP and fetch",
    expects: "a path",
    parse: (text) => text || undefined,
  },
  configFile: {
    name: "POSTRIDER_CONFIG",
    means: "aliases, hooks, schedules, per-host limits; ./postrider.yaml if there",
    expects: "a path",
    parse: (text) => text || undefined,
  },
  webhookSecrets: {
    name: "POSTRIDER_WEBHOOK_SECRET",
    means: "signs callbacks; during a rotation the new and the old one",
    expects: '"whsec_" and the base64 of 24 to 64 bytes, or several, comma-separated',
    secret: true,
    parse: parseWebhookSecrets,
  },
  concurrency: {
    name: "POSTRIDER_CONCURRENCY",
    means: "most attempts at once",
    fallback: "256",
    expects: "a number from 1 to 10000",
    parse: (text) => wholeNumber(text, 1, 10_000),
  },
  threads: {
    name: "POSTRIDER_THREADS",
    means: "threads that deliver",
    fallback: "1",
    expects: "a number from 1 to 64",
    parse: (text) => wholeNumber(text, 1, 64),
  },
  maxQueued: {
    name: "POSTRIDER_MAX_QUEUED",
    means: "most tasks that may wait",
    fallback: "1000000",
    expects: "a number from 1 to 100000000",
    parse: (text) => wholeNumber(text, 1, 100_000_000),
  },
  retentionMs: {
    name: "POSTRIDER_RETENTION",
    means: "how long a final task is kept",
    fallback: "7d",
    expects: 'a duration such as "12h" or "7d"',
    parse: parseDuration,
  },
  rate: {
    name: "POSTRIDER_RATE",
    means: "submits allowed to each key",
    expects: 'a number per duration, such as "100/1m"',
    parse: parseRate,
  },
  onSigint: {
    name: "POSTRIDER_ON_SIGINT",
    means: "what Ctrl+C does to waiting tasks: cancel them, or drain as SIGTERM does",
    fallback: "cancel",
    expects: '"cancel" or "drain"',
    parse: (text) => oneOf(text, ["cancel", "drain"]),
  },
  drainMs: {
    name: "POSTRIDER_DRAIN",
    means: "how long running attempts may take to end at a drain",
    fallback: "8s",
    expects: 'a duration such as "8s"',
    parse: parseDuration,
  },
  log: {
    name: "POSTRIDER_LOG",
    means: "how much is logged",
    fallback: "info",
    expects: '"debug", "info", "warn" or "error"',
    parse: (text) => oneOf(text, ["debug", "info", "warn", "error"]),
  },
  logFormat: {
    name: "POSTRIDER_LOG_FORMAT",
    means: "how it is written; text on a terminal, else json",
    expects: '"text" or "json"',
    parse: (text) => oneOf(text, ["text", "json"]),
  },
};

function wholeNumber(text: string, least: number, most: number): number | undefined {
  const value = Number(text);
  return /^\d+$/.test(text) && value >= least && value <= most ? value : undefined;
}

function oneOf<T extends string>(text: string, choices: readonly T[]): T | undefined {
  return choices.find((choice) => choice === text);
}
