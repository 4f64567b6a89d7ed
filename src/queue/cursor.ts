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

/** Where a list by due time continues. */
export interface DuePlace {
  /** Due time of the last task before it, in milliseconds since the epoch. */
  readonly dueAt: number;
  /** Sequence number of that task. */
  readonly seq: number;
}

const DUE_PATTERN = /^d([0-9a-z]{1,11})-([0-9a-z]{1,11})$/;

/** The cursor for what follows a task in a list by due time. */
export function formatDueCursor({ dueAt, seq }: DuePlace): string {
  return `d${dueAt.toString(36)}-${seq.toString(36)}`;
}

/** Where a list by due time begins without a cursor. */
export function dueAfter(now: number): DuePlace {
  return { dueAt: now, seq: Number.MAX_SAFE_INTEGER };
}

/** Parses a cursor of a list by due time. Throws a `RangeError` for a malformed one. */
export function parseDueCursor(cursor: string): DuePlace {
  const [, dueAt = "", seq = ""] = DUE_PATTERN.exec(cursor) ?? [];
  const place = { dueAt: parseInt(dueAt, 36), seq: parseInt(seq, 36) };
  const isSafe = Number.isSafeInteger(place.dueAt) && Number.isSafeInteger(place.seq);
  if (!isSafe || formatDueCursor(place) !== cursor) throw unknownCursor(cursor);
  return place;
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
    throw unknownCursor(cursor);
  }
  return before;
}

function unknownCursor(cursor: string): RangeError {
  return new RangeError(
    `Cannot continue the list at "${cursor}": expected a cursor of this list`,
  );
}
