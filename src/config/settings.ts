/**
 * The table of settings: the only place that has their names.
 *
 * @module
 */

import { type AllowEntry, parseFetchAllow } from "../channels/guard/guard.ts";
import { isHostName, type MailSettings, parseMailUrl } from "../channels/mail/mail_settings.ts";
import { type EgressProxy, parseEgressProxy } from "../channels/guard/egress_proxy.ts";
import { parseWebhookSecrets } from "../channels/webhook_secret.ts";
import { parseBasePath } from "../http/base_path.ts";
import { type CorsOrigins, parseCorsOrigins } from "../http/cors.ts";
import { type IsTrusted, parseTrustedProxies } from "../http/request/client.ts";
import { type ApiKey, parseApiKeys } from "../http/auth/auth.ts";
import type { LogFormat, LogLevel } from "../lib/log.ts";
import { type NodeRole, parseQueueUrl } from "../queue/open.ts";
import { parseBytes } from "../lib/byte_size.ts";
import { parseDuration } from "../lib/duration.ts";
import { parseMailbox } from "../task/input/mailbox.ts";
import { parseRate, type Rate } from "../lib/rate_text.ts";

/** The settings. */
export interface Config {
  /** The address to listen on. */
  readonly host: string;
  /** The port to listen on; 0 means any free one. */
  readonly port: number;
  /** Whether callers without a key are served on any address. */
  readonly allowAnonymous: boolean;
  /** The queue: `sqlite:PATH`, `postgres://…` or `memory:`. */
  readonly queue: string;
  /** Another URL of the same database, for notifications behind a connection pooler. */
  readonly queueListen: string | undefined;
  /** Whether an older database schema is brought up to date at the start, or refused. */
  readonly migrate: "auto" | "check";
  /** The least that a stored task must survive. */
  readonly durability: "any" | "disk" | "replicated";
  /** What this node does on a shared queue. */
  readonly role: NodeRole;
  /** The name of this node; `undefined`: the host name. */
  readonly node: string | undefined;
  /** The path below which everything is served: `/postrider`, or empty. */
  readonly basePath: string;
  /** Origins that browsers may call from. */
  readonly corsOrigins: CorsOrigins | undefined;
  /** Whether an address is a proxy whose `X-Forwarded-*` headers count. */
  readonly trustsProxy: IsTrusted | undefined;
  /** The relay or outbox of mails. */
  readonly mail: MailSettings;
  /** The default `From` of mails. */
  readonly mailFrom: string;
  /** Host name in EHLO; `undefined`: the machine's, if it is a full name. */
  readonly mailHostname: string | undefined;
  /** API keys; empty: every caller on this machine. */
  readonly apiKeys: readonly ApiKey[];
  /** Non-public addresses that may be called. */
  readonly fetchAllow: readonly AllowEntry[];
  /** The folder of custom mail templates. */
  readonly templates: string;
  /** The folder of saved response bodies. */
  readonly downloads: string;
  /** The size of all saved response bodies together, in bytes; `undefined`: no limit. */
  readonly downloadsMax: number | undefined;
  /** A PEM file of additional CA certificates. */
  readonly caFile: string | undefined;
  /** Path of `postrider.yaml`; `undefined`: `./postrider.yaml` if it exists. */
  readonly configFile: string | undefined;
  /** The HTTP proxy that all guarded connections go through. */
  readonly egressProxy: EgressProxy | undefined;
  /** Secrets that sign callbacks; empty: callbacks are not signed. */
  readonly webhookSecrets: readonly string[];
  /** Most attempts at once. */
  readonly concurrency: number;
  /** Number of channel threads. */
  readonly threads: number;
  /** Most queued tasks. */
  readonly maxQueued: number;
  /** How long final tasks are kept, in milliseconds. */
  readonly retentionMs: number;
  /** Rate limit of submits per key. */
  readonly rate: Rate | undefined;
  /** What SIGINT does. */
  readonly onSigint: "cancel" | "drain" | undefined;
  /** Time for running attempts to finish at a drain, in milliseconds. */
  readonly drainMs: number;
  /** Lowest level that is logged. */
  readonly log: LogLevel;
  /** Format of the log; `undefined`: text on a terminal, else JSON. */
  readonly logFormat: LogFormat | undefined;
}

/** One setting. */
export interface Setting<T> {
  /** The environment variable. */
  readonly name: string;
  /** Its description for `--help`. */
  readonly means: string;
  /** The default as text; absent: none. */
  readonly fallback?: string;
  /** The format of its value. */
  readonly expects: string;
  /** Its value is never shown. */
  readonly secret?: true;
  /** Parses a value; `undefined` or a `RangeError` for an invalid one. */
  readonly parse: (text: string) => T | undefined;
}

/** The setting of each field. */
export type Table = { readonly [Field in keyof Config]: Setting<NonNullable<Config[Field]>> };

/** Each field of `Config` with its setting. */
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
    means: "serve callers without an API key on any address",
    fallback: "0",
    expects: "0 or 1",
    parse: (text) => oneOf(text, ["0", "1"]) && text === "1",
  },
  basePath: {
    name: "POSTRIDER_BASE_PATH",
    means: "path below which everything is served, such as /postrider",
    expects: 'a path such as "/postrider"',
    parse: parseBasePath,
  },
  corsOrigins: {
    name: "POSTRIDER_CORS_ORIGINS",
    means: "origins of web pages that may call the API",
    expects: 'origins such as "https://app.example.org", comma-separated, or "*"',
    parse: parseCorsOrigins,
  },
  trustsProxy: {
    name: "POSTRIDER_TRUSTED_PROXIES",
    means: "proxies whose Forwarded and X-Forwarded-* headers are believed",
    expects: "IP addresses or CIDRs, comma-separated",
    parse: parseTrustedProxies,
  },
  queue: {
    name: "POSTRIDER_QUEUE",
    means: "where tasks are stored",
    fallback: "sqlite:./data/postrider.db",
    expects: '"sqlite:PATH", "postgres://USER:PASSWORD@HOST/DATABASE" or "memory:"',
    secret: true,
    parse: (text) => parseQueueUrl(text) && text,
  },
  queueListen: {
    name: "POSTRIDER_QUEUE_LISTEN",
    means: "direct URL of the database, for notifications when POSTRIDER_QUEUE is a pooler",
    expects: '"postgres://USER:PASSWORD@HOST/DATABASE"',
    secret: true,
    parse: (text) => parseQueueUrl(text).kind === "postgres" ? text : undefined,
  },
  migrate: {
    name: "POSTRIDER_MIGRATE",
    means: "bring an older database schema up to date at the start, or only check it",
    fallback: "auto",
    expects: '"auto" or "check"',
    parse: (text) => oneOf(text, ["auto", "check"]),
  },
  durability: {
    name: "POSTRIDER_DURABILITY",
    means: "refuse to start when a stored task would survive less",
    fallback: "any",
    expects: '"any", "disk" or "replicated"',
    parse: (text) => oneOf(text, ["any", "disk", "replicated"]),
  },
  role: {
    name: "POSTRIDER_ROLE",
    means: "on a PostgreSQL queue: api accepts and shows, worker attempts, all does both",
    fallback: "all",
    expects: '"all", "api" or "worker"',
    parse: (text) => oneOf(text, ["all", "api", "worker"]),
  },
  node: {
    name: "POSTRIDER_NODE",
    means: "on a PostgreSQL queue: name of this node; the host name if unset",
    expects: "a name of up to 100 letters, digits and ._-",
    parse: (text) => /^[\w.-]{1,100}$/.test(text) ? text : undefined,
  },
  mail: {
    name: "POSTRIDER_MAIL",
    means: "relay that sends mails, or a folder that they are written to",
    fallback: "outbox:./data/outbox",
    expects:
      '"smtp://user:pass@host:587?tls=required|opportunistic|none", "smtps://…" or "outbox:DIR"',
    secret: true,
    parse: parseMailUrl,
  },
  mailFrom: {
    name: "POSTRIDER_MAIL_FROM",
    means: "default sender of mails",
    fallback: "postrider@localhost",
    expects: '"user@example.org" or "Name <user@example.org>"',
    parse: (text) => parseMailbox(text) && text,
  },
  mailHostname: {
    name: "POSTRIDER_MAIL_HOSTNAME",
    means: "host name that relays are greeted with; unset: the machine's, if it has a dot",
    expects: 'a full host name such as "mx.example.org"',
    parse: (text) => isHostName(text) ? text : undefined,
  },
  apiKeys: {
    name: "POSTRIDER_API_KEYS",
    means: "API keys of the callers",
    expects: '"name:secret" or "name:secret:scope+scope", comma-separated',
    secret: true,
    parse: parseApiKeys,
  },
  fetchAllow: {
    name: "POSTRIDER_FETCH_ALLOW",
    means: "non-public addresses that may be called",
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
    means: "folder of saved response bodies",
    fallback: "./data/downloads",
    expects: "a path",
    parse: (text) => text.replace(/(.)\/+$/, "$1") || undefined,
  },
  downloadsMax: {
    name: "POSTRIDER_DOWNLOADS_MAX",
    means: "size of all saved response bodies together; no limit when empty",
    expects: 'a size such as "500MiB" or "20GiB"',
    parse: parseBytes,
  },
  caFile: {
    name: "POSTRIDER_CA_FILE",
    means: "additional CA certificates (PEM) for SMTP and fetch",
    expects: "a path",
    parse: (text) => text || undefined,
  },
  configFile: {
    name: "POSTRIDER_CONFIG",
    means: "file of aliases, hooks, schedules and limits; ./postrider.yaml if it exists",
    expects: "a path",
    parse: (text) => text || undefined,
  },
  egressProxy: {
    name: "POSTRIDER_EGRESS_PROXY",
    means: "HTTP proxy for requests, callbacks and chat; the guard still checks each address",
    expects: 'a URL such as "http://user:pass@proxy.example.org:3128"',
    secret: true,
    parse: parseEgressProxy,
  },
  webhookSecrets: {
    name: "POSTRIDER_WEBHOOK_SECRET",
    means: "secret that signs callbacks; during a rotation the new and the old one",
    expects: '"whsec_" and the base64 of 24 to 64 bytes, or several, comma-separated',
    secret: true,
    parse: parseWebhookSecrets,
  },
  concurrency: {
    name: "POSTRIDER_CONCURRENCY",
    means: "maximum of attempts at once",
    fallback: "256",
    expects: "a number from 1 to 10000",
    parse: (text) => wholeNumber(text, 1, 10_000),
  },
  threads: {
    name: "POSTRIDER_THREADS",
    means: "number of delivery threads",
    fallback: "1",
    expects: "a number from 1 to 64",
    parse: (text) => wholeNumber(text, 1, 64),
  },
  maxQueued: {
    name: "POSTRIDER_MAX_QUEUED",
    means: "maximum of queued tasks",
    fallback: "1000000",
    expects: "a number from 1 to 100000000",
    parse: (text) => wholeNumber(text, 1, 100_000_000),
  },
  retentionMs: {
    name: "POSTRIDER_RETENTION",
    means: "how long final tasks are kept",
    fallback: "7d",
    expects: 'a duration such as "12h" or "7d"',
    parse: parseDuration,
  },
  rate: {
    name: "POSTRIDER_RATE",
    means: "rate limit of submits per API key",
    expects: 'a number per duration, such as "100/1m"',
    parse: parseRate,
  },
  onSigint: {
    name: "POSTRIDER_ON_SIGINT",
    means: "what Ctrl+C does: cancel queued tasks (on PostgreSQL: hand back attempts), or drain",
    expects: '"cancel" or "drain"',
    parse: (text) => oneOf(text, ["cancel", "drain"]),
  },
  drainMs: {
    name: "POSTRIDER_DRAIN",
    means: "time for running attempts to finish at a drain",
    fallback: "8s",
    expects: 'a duration such as "8s"',
    parse: parseDuration,
  },
  log: {
    name: "POSTRIDER_LOG",
    means: "lowest level that is logged",
    fallback: "info",
    expects: '"debug", "info", "warn" or "error"',
    parse: (text) => oneOf(text, ["debug", "info", "warn", "error"]),
  },
  logFormat: {
    name: "POSTRIDER_LOG_FORMAT",
    means: "format of the log; text on a terminal, else json",
    expects: '"text" or "json"',
    parse: (text) => oneOf(text, ["text", "json"]),
  },
};

function wholeNumber(text: string, min: number, max: number): number | undefined {
  const value = Number(text);
  return /^\d+$/.test(text) && value >= min && value <= max ? value : undefined;
}

function oneOf<T extends string>(text: string, choices: readonly T[]): T | undefined {
  return choices.find((choice) => choice === text);
}
