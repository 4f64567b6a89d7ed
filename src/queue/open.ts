/**
 * From the setting `POSTRIDER_QUEUE` to an engine.
 *
 * @module
 */

import { dirname } from "node:path";
import type { Clock } from "../lib/clock.ts";
import type { QueueEngine } from "./engine.ts";
import { openMemoryEngine } from "./memory/engine.ts";
import { openSqliteEngine } from "./sqlite/engine.ts";

/** Where tasks are kept. */
export type QueueUrl =
  | { readonly kind: "sqlite"; readonly path: string }
  | { readonly kind: "memory" };

/** What every engine takes. */
export interface QueueOptions {
  /** The time of all that is written, and what wakes claims. */
  readonly clock: Clock;
  /** How many tasks may wait; more are refused. A million when absent. */
  readonly maxQueued?: number;
  /** The module of an engine's thread, where it has one; the crash suite has one of its own. */
  readonly thread?: URL | undefined;
  /** The engine has died: nothing can be kept any more. */
  readonly onFatal?: (error: Error) => void;
}

/** Reads where tasks are kept. Throws a `RangeError` for what is neither `sqlite:PATH` nor `memory:`. */
export function parseQueueUrl(text: string): QueueUrl {
  if (text === "memory:") return { kind: "memory" };
  const path = /^sqlite:([^\0]+)$/.exec(text)?.[1];
  if (path === undefined) {
    throw new RangeError(`Cannot open queue "${text}": expected "sqlite:PATH" or "memory:"`);
  }
  return { kind: "sqlite", path };
}

/**
 * Opens the queue at `url`, and creates its file and folder when there are
 * none. Rejects with an `EngineInUseError` when another process has it open,
 * with an `EngineDamagedError` when it cannot be read.
 */
export async function openQueue(url: string, options: QueueOptions): Promise<QueueEngine> {
  const parsed = parseQueueUrl(url);
  if (parsed.kind === "memory") return openMemoryEngine(options);
  await Deno.mkdir(dirname(parsed.path), { recursive: true });
  return await openSqliteEngine({ ...options, path: parsed.path });
}
