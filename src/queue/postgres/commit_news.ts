/**
 * Passes on what a commit brought to those who wait for it, here and on other
 * nodes.
 *
 * @module
 */

import type { BreakerChange } from "../../task/lane_health.ts";
import { changeOf } from "../core/row.ts";
import type { Watchers } from "../core/watchers.ts";
import type { FailedTask } from "../engine.ts";
import type { Outcome } from "./changed_rows.ts";
import type { ClaimRounds } from "./claim_rounds.ts";
import type { Claimer } from "./claimer.ts";
import type { Expiry } from "./expiry.ts";
import type { Hints } from "./hints.ts";
import type { LaneTable } from "./lane_names.ts";
import type { Notices } from "./nodes/notices.ts";
import type { Tail } from "./tail.ts";

/** Who waits for what. */
export interface CommitNewsParts {
  readonly lanes: LaneTable;
  /** Tasks that are due, and lanes that have room. */
  readonly rounds: ClaimRounds;
  readonly hints: Hints;
  readonly claimer: Claimer;
  /** Tasks that expire. */
  readonly expiry: Expiry;
  /** Other nodes. */
  readonly notices: Notices;
  /** Watchers of changes on any node. */
  readonly tail: Tail;
  /** Watchers of what ends or is aborted on this node. */
  readonly ownWatchers: Watchers;
  readonly onBreaker: (change: BreakerChange) => void;
  readonly onFailed: (task: FailedTask) => void;
}

/** Passes on what a transaction of this node has committed. */
export function passOn(
  { offers, nextExpiry, hasChanges, final, failed, aborting, freed, breakers }: Outcome,
  parts: CommitNewsParts,
): void {
  const { lanes, rounds, hints, claimer, expiry, notices, tail, ownWatchers } = parts;
  for (const { lane, priority, dueAt } of offers) {
    rounds.offer(lanes.id(lane), priority, dueAt);
    notices.due(lanes.id(lane), priority, dueAt);
  }
  for (const lane of freed) {
    hints.reopen(lanes.id(lane));
    notices.freed(lanes.id(lane));
  }
  expiry.note(nextExpiry);
  for (const change of breakers) parts.onBreaker(change);
  for (const row of final) ownWatchers.notify(changeOf(row, undefined));
  for (const task of failed) parts.onFailed(task);
  for (const row of aborting) {
    ownWatchers.notify({ ...changeOf(row, undefined), abort: row.aborting ?? "request" });
    notices.sendNow({ abort: row.id });
  }
  if (hasChanges) {
    tail.kick();
    notices.changed();
  }
  claimer.kick();
}
