/**
 * Cancelling and reviving all tasks that match a filter, some in each transaction.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import type { CancelReason } from "../../task/outcome.ts";
import { cancel, revive } from "../core/lifecycle.ts";
import { countResults } from "../core/local_engine.ts";
import type { Row } from "../core/row.ts";
import { allowing, keepsExpiry } from "../core/rules.ts";
import type { Room, TaskFilter } from "../engine.ts";
import { matching } from "./lists.ts";
import type { SqliteStorage } from "./storage.ts";

/** Tasks that are changed in one transaction. */
const CHANGED_AT_ONCE = 500;

/** Cancels the next of those that match, accepted before `before`. */
export function cancelSome(
  storage: SqliteStorage,
  filter: TaskFilter,
  reason: CancelReason,
  by: string | undefined,
  before: number,
) {
  const wanted = allowing(filter, "cancel");
  return forSome(storage, wanted, before, (row) => cancel(storage, row, reason, by));
}

/** Revives the next of those that match, accepted before `before`. */
export function reviveSome(
  storage: SqliteStorage,
  filter: TaskFilter,
  room: Room | undefined,
  before: number,
) {
  const options = compact({ expiring: keepsExpiry(filter), room });
  const wanted = allowing(filter, "revive");
  return forSome(storage, wanted, before, (row) => revive(storage, row, options));
}

function forSome<Result extends string>(
  storage: SqliteStorage,
  filter: TaskFilter,
  before: number,
  act: (row: Row | undefined) => Result,
) {
  if (filter.states?.length === 0) return { results: {} };
  const { seqs, next } = matching(storage, filter, CHANGED_AT_ONCE, before);
  // Read one by one: what is done to a task may change the next.
  const results = countResults(seqs, (seq) => act(storage.row(seq)));
  return { results, ...compact({ next }) };
}
