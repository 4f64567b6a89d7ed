/**
 * Opens the engine that `POSTRIDER_QUEUE` names.
 *
 * @module
 */

import { dirname } from "node:path";
import type { Clock } from "../lib/clock.ts";
import { compact } from "../lib/compact.ts";
import type { FailedTask, QueueEngine } from "./engine.ts";
import { openMemoryEngine } from "./memory/engine.ts";
import type { NodeOptions } from "./cluster.ts";
import { parsePostgresUrl, type PostgresUrl } from "./postgres/url.ts";
import { openSqliteEngine } from "./sqlite/engine.ts";

export type { NodeRole } from "./cluster.ts";

/** Where tasks are stored. */
export type QueueUrl =
  | PostgresUrl
  | { readonly kind: "sqlite"; readonly path: string }
  | { readonly kind: "memory" };

/** Options of every engine. */
export interface QueueOptions {
  /** The time of everything that is stored, and the timers that wake claims. */
  readonly clock: Clock;
  /** How many tasks may be queued; more are refused. Default: a million. */
  readonly maxQueued?: number;
  /** The module of the engine's thread; the crash suite has its own. */
  readonly thread?: URL | undefined;
  /** Called for each task that failed without the settlement of an attempt, also while this opens. */
  readonly onFailed?: (task: FailedTask) => void;
  /** Called when the engine has died and nothing can be stored any more. */
  readonly onFatal?: (error: Error) => void;
  /** Whether a queue is opened although it was moved elsewhere. */
  readonly force?: boolean;
  /** How this process joins the others, where the engine is shared. */
  readonly node?: NodeOptions;
}

/** Parses a queue URL. Throws a `RangeError` for anything but `sqlite:PATH`, `postgres://…` and `memory:`. */
export function parseQueueUrl(text: string): QueueUrl {
  if (text === "memory:") return { kind: "memory" };
  if (/^postgres(?:ql)?:/.test(text)) return parsePostgresUrl(text);
  const path = /^sqlite:([^\0]+)$/.exec(text)?.[1];
  if (path === undefined) {
    throw new RangeError(
      `Cannot open queue "${text}": expected "sqlite:PATH", "postgres://…" or "memory:"`,
    );
  }
  return { kind: "sqlite", path };
}

/**
 * Opens the queue at `url`; creates its file and folder when they are missing.
 * Rejects with an `EngineInUseError` when another process has it open,
 * with an `EngineDamagedError` when it cannot be read.
 */
export async function openQueue(url: string, options: QueueOptions): Promise<QueueEngine> {
  const parsed = parseQueueUrl(url);
  if (parsed.kind === "memory") return openMemoryEngine(options);
  if (parsed.kind === "postgres") return await openPostgres(parsed, options);
  await Deno.mkdir(dirname(parsed.path), { recursive: true, mode: 0o700 });
  await createPrivate(parsed.path);
  return await openSqliteEngine({
    ...options,
    ...compact({ whenMoved: options.force ? "use" as const : undefined }),
    path: parsed.path,
  });
}

/** Creates the file for its owner only; SQLite gives the files next to it the same mode. */
async function createPrivate(path: string): Promise<void> {
  try {
    (await Deno.open(path, { write: true, createNew: true, mode: 0o600 })).close();
  } catch {
    // It exists, or the engine reports why it cannot be created.
  }
}

/** The URL without user and password, as logs may show it. */
export function shownQueueUrl(text: string): string {
  const url = parseQueueUrl(text);
  if (url.kind !== "postgres") return text;
  const { host, port, database, schema } = url;
  return `postgres://${
    host.includes(":") ? `[${host}]` : host
  }:${port}/${database}?schema=${schema}`;
}

/** The driver is loaded only when it is used. */
async function openPostgres(url: PostgresUrl, options: QueueOptions): Promise<QueueEngine> {
  const { clock, maxQueued, node, force, onFailed, onFatal } = options;
  const { openPostgresEngine } = await import("./postgres/open.ts");
  const alone: NodeOptions = {
    name: "check",
    report: () => ({ role: "api", version: "", running: 0, concurrency: 0 }),
    random: () => 0.5,
    migrate: "check",
  };
  const { listenUrl, ...rest } = node ?? alone;
  return await openPostgresEngine({
    ...rest,
    url,
    clock,
    ...compact({ maxQueued, force, onFailed, onFatal }),
    ...compact({ listenUrl: listenUrl === undefined ? undefined : parsePostgresUrl(listenUrl) }),
  });
}
