/**
 * Cancelling and reviving all tasks that match a filter, some in each transaction.
 *
 * @module
 */

import type { CancelReason } from "../../task/outcome.ts";
import { cancel, revive } from "../core/lifecycle.ts";
import type { Row } from "../core/row.ts";
import { allowing } from "../core/rules.ts";
import type { TaskFilter } from "../engine.ts";
import { matching } from "./lists.ts";
import type { SqliteStorage } from "./storage.ts";

/** Tasks that are changed in one transaction. */
const CHANGED_AT_ONCE = 500;

/** What one transaction came to, by result; `next` is where the following one goes on. */
export interface Progress<Result extends string> {
  /** How many tasks came to each. */
  readonly results: Partial<Record<Result, number>>;
  /** Absent at the end. */
  readonly next?: number;
}

/** Cancels the next of those that match, accepted before `before`. */
export function cancelSome(
  storage: SqliteStorage,
  filter: TaskFilter,
  reason: CancelReason,
  before: number,
) {
  const wanted = allowing(filter, "cancel");
  return forSome(storage, wanted, before, (row) => cancel(storage, row, reason));
}

/** Revives the next of those that match, accepted before `before`. */
export function reviveSome(storage: SqliteStorage, filter: TaskFilter, before: number) {
  return forSome(storage, allowing(filter, "revive"), before, (row) => revive(storage, row));
}

function forSome<Result extends string>(
  storage: SqliteStorage,
  filter: TaskFilter,
  before: number,
  act: (row: Row | undefined) => Result,
): Progress<Result> {
  const results: Partial<Record<Result, number>> = {};
  if (filter.states?.length === 0) return { results };
  const { seqs, next } = matching(storage, filter, CHANGED_AT_ONCE, before);
  for (const seq of seqs) {
    const result = act(storage.row(seq));
    results[result] = (results[result] ?? 0) + 1;
  }
  return next === undefined ? { results } : { results, next };
}
