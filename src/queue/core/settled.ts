/**
 * A settlement as storages take it: what the lifecycle does not read is JSON text.
 *
 * @module
 */

import type { Settlement } from "../../task/outcome.ts";

/** A settlement whose bulky parts are JSON texts. */
export interface Settled extends Omit<Settlement, "record" | "result" | "carry"> {
  /** The attempt's record. */
  readonly record: string | undefined;
  /** The record's error. */
  readonly error: string | undefined;
  /** What the attempt brought back. */
  readonly result: string | undefined;
  /** For the next attempt. */
  readonly carry: string | undefined;
  /** Bytes that it fetched, when it succeeded: its batch sums them up. */
  readonly bytes: number;
}

/** The settlement with its bulky parts as JSON texts. */
export function settledOf(settlement: Settlement): Settled {
  const { record, result, carry } = settlement;
  return {
    ...settlement,
    record: textOf(record),
    error: textOf(record?.error),
    result: textOf(result),
    carry: textOf(carry),
    bytes: bytesOf(settlement),
  };
}

/** Bytes that a succeeded attempt fetched. */
export function bytesOf({ event, result }: Pick<Settlement, "event" | "result">): number {
  if (event !== "succeed" || typeof result !== "object" || result === null) return 0;
  const { bytes } = result as { readonly bytes?: unknown };
  return Number.isSafeInteger(bytes) ? Number(bytes) : 0;
}

/** The JSON text of what a settlement has. */
export function textOf(value: unknown): string | undefined {
  return value === undefined ? undefined : JSON.stringify(value);
}
