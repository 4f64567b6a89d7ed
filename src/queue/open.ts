/**
 * Opens the engine that `POSTRIDER_QUEUE` names.
 *
 * @module
 */

import { dirname } from "node:path";
import type { Clock } from "../lib/clock.ts";
import type { QueueEngine } from "./engine.ts";
import { openMemoryEngine } from "./memory/engine.ts";
import { openSqliteEngine } from "./sqlite/engine.ts";

/** Where tasks are stored. */
export type QueueUrl =
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
  /** Called when the engine has died and nothing can be stored any more. */
  readonly onFatal?: (error: Error) => void;
}

/** Parses a queue URL. Throws a `RangeError` for anything but `sqlite:PATH` and `memory:`. */
export function parseQueueUrl(text: string): QueueUrl {
  if (text === "memory:") return { kind: "memory" };
  const path = /^sqlite:([^\0]+)$/.exec(text)?.[1];
  if (path === undefined) {
    throw new RangeError(`Cannot open queue "${text}": expected "sqlite:PATH" or "memory:"`);
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
  await Deno.mkdir(dirname(parsed.path), { recursive: true });
  return await openSqliteEngine({ ...options, path: parsed.path });
}
