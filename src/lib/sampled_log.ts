/**
 * Log lines of failures that can come in thousands: one a second of each kind,
 * with their number.
 *
 * @module
 */

import type { Clock } from "./clock.ts";
import type { Log, LogFields } from "./log.ts";

/** Time between two lines of a kind, in milliseconds. */
const INTERVAL_MS = 1_000;

/** Ids listed in one line. */
const MAX_IDS = 50;

/** Logs a warning of a kind, or counts it; `id` is what it is about. */
export type WarnSampled = (kind: string, message: string, fields: LogFields, id?: string) => void;

/**
 * Samples warnings. The first line of a kind is logged at once. Those that
 * follow within a second are one line, that of the last, whose `count` is
 * their number and whose `ids` are the first fifty of their ids.
 */
export function sampleWarnings(log: Log, clock: Clock): WarnSampled {
  const kinds = new Map<
    string,
    { count: number; ids: string[]; message: string; fields: LogFields }
  >();

  function schedule(kind: string): void {
    clock.after(INTERVAL_MS, () => {
      const waiting = kinds.get(kind);
      if (!waiting || waiting.count === 0) return void kinds.delete(kind);
      const { count, ids, message, fields } = waiting;
      const listed = ids.length > 0 ? { count, ids } : { count };
      log.warn(message, count === 1 ? fields : { ...fields, ...listed });
      waiting.count = 0;
      waiting.ids = [];
      schedule(kind);
    });
  }

  return (kind, message, fields, id) => {
    const waiting = kinds.get(kind);
    if (waiting) {
      Object.assign(waiting, { count: waiting.count + 1, message, fields });
      if (id !== undefined && waiting.ids.length < MAX_IDS) waiting.ids.push(id);
      return;
    }
    kinds.set(kind, { count: 0, ids: [], message, fields });
    log.warn(message, fields);
    schedule(kind);
  };
}
