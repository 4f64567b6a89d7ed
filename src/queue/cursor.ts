/**
 * Cursors: the place where a list continues, as text.
 *
 * @module
 */

import type { BatchRecord } from "../task/batch.ts";

/** A page of batches, newest first. */
export interface BatchPage {
  /** At most `limit`. */
  readonly batches: readonly BatchRecord[];
  /** Continues the list; absent at its end. */
  readonly nextCursor?: string;
}

const PATTERN = /^c([0-9a-z]{1,11})$/;

/** The cursor for what was accepted before this sequence number. */
export function formatCursor(before: number): string {
  return `c${before.toString(36)}`;
}

/** Parses a cursor; a list without one begins at the newest. Throws a `RangeError` for a malformed one. */
export function parseCursor(cursor: string | undefined): number {
  if (cursor === undefined) return Number.MAX_SAFE_INTEGER;
  const before = parseInt(PATTERN.exec(cursor)?.[1] ?? "", 36);
  if (!Number.isSafeInteger(before) || formatCursor(before) !== cursor) {
    throw new RangeError(`Cannot continue the list at "${cursor}": expected a cursor of this list`);
  }
  return before;
}
