/**
 * Log lines of failures that can come in thousands: one a second of each kind,
 * with the number of those left out.
 *
 * @module
 */

import type { Clock } from "./clock.ts";
import type { Log, LogFields } from "./log.ts";

/** Time between two lines of a kind, in milliseconds. */
const INTERVAL_MS = 1_000;

/** Logs a warning of a kind, or counts it. */
export type WarnSampled = (kind: string, message: string, fields: LogFields) => void;

/**
 * Samples warnings. The first line of a kind is logged at once. Those that
 * follow within a second are one line, that of the last, whose `count` is
 * their number.
 */
export function sampleWarnings(log: Log, clock: Clock): WarnSampled {
  const kinds = new Map<string, { count: number; message: string; fields: LogFields }>();

  function schedule(kind: string): void {
    clock.after(INTERVAL_MS, () => {
      const waiting = kinds.get(kind);
      if (!waiting || waiting.count === 0) return void kinds.delete(kind);
      const { count, message, fields } = waiting;
      log.warn(message, count === 1 ? fields : { ...fields, count });
      waiting.count = 0;
      schedule(kind);
    });
  }

  return (kind, message, fields) => {
    const waiting = kinds.get(kind);
    if (waiting) {
      Object.assign(waiting, { count: waiting.count + 1, message, fields });
      return;
    }
    kinds.set(kind, { count: 0, message, fields });
    log.warn(message, fields);
    schedule(kind);
  };
}
