/**
 * Log lines of failures that can come in thousands: at most one a second of each
 * kind, with their number.
 *
 * @module
 */

import type { Clock } from "./clock.ts";
import type { Log, LogFields } from "./log.ts";

/** Time between two lines of a kind, in milliseconds. */
const INTERVAL_MS = 1_000;

/** Ids listed in one line. */
const MAX_IDS = 50;

/** Logs a line of a kind, or counts it; `id` is what it is about. */
export type LogSampled = (
  kind: string,
  message: string,
  fields: LogFields,
  id?: string,
  level?: "warn" | "error",
) => void;

interface Waiting {
  count: number;
  ids: string[];
  log(): void;
}

/**
 * Samples lines, which are warnings unless they name another level. The first
 * line of a kind is logged at once. Those that follow within a second are one
 * line, that of the last, whose `count` is their number and whose `ids` are the
 * first fifty of their ids. When `ending` aborts, those that wait are logged.
 */
export function sampleLines(log: Log, clock: Clock, ending?: AbortSignal): LogSampled {
  const kinds = new Map<string, Waiting>();

  /** Logs the lines counted since; returns whether there were any. */
  function flush(waiting: Waiting): boolean {
    if (waiting.count === 0) return false;
    waiting.log();
    waiting.count = 0;
    waiting.ids = [];
    return true;
  }

  function schedule(kind: string, waiting: Waiting): void {
    clock.after(INTERVAL_MS, () => {
      if (flush(waiting)) schedule(kind, waiting);
      else kinds.delete(kind);
    });
  }

  ending?.addEventListener("abort", () => kinds.forEach(flush), { once: true });

  return (kind, message, fields, id, level = "warn") => {
    const waiting = kinds.get(kind);
    if (!waiting || ending?.aborted) {
      log[level](message, fields);
      const next: Waiting = { count: 0, ids: [], log() {} };
      if (!waiting) schedule(kind, next);
      return void kinds.set(kind, waiting ?? next);
    }
    waiting.count++;
    if (id !== undefined && waiting.ids.length < MAX_IDS) waiting.ids.push(id);
    waiting.log = () => {
      const { count, ids } = waiting;
      const listed = ids.length > 0 ? { count, ids } : { count };
      log[level](message, count === 1 ? fields : { ...fields, ...listed });
    };
  };
}
