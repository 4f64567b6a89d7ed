/**
 * One round of a claim: locks lanes, takes the tasks that are due in them, and
 * corrects the hints by what it found. A round looks again, in a transaction of its own,
 * where tasks that it found could not begin and so took the places of others.
 *
 * @module
 */

import type { ClaimedTask } from "../../task/task.ts";
import { claim } from "../core/claims.ts";
import { makeFollowUps } from "../core/follow_ups.ts";
import { EngineAwayError } from "../engine.ts";
import type { Outcome } from "./changed_rows.ts";
import { sqlStateOf } from "./database/connection.ts";
import type { Hints, Place } from "./hints.ts";
import type { OwnAttempts } from "./nodes/own_attempts.ts";
import type { Pool } from "./database/pool.ts";
import type { Transactions } from "./transactions.ts";

/** How long to skip a lane that another node is claiming from, in milliseconds. */
const BUSY_MS = 5;
/** How long to skip a full lane at most, in milliseconds. */
const FULL_MS = 250;
/** How often one round looks at most. */
const MAX_LOOKS = 10;

/** What rounds need. */
export interface ClaimRoundsParts {
  readonly db: Transactions;
  readonly hints: Hints;
  readonly attempts: OwnAttempts;
  /** Whether other nodes may have given this one up. */
  readonly hasLostContact: () => boolean;
  /** The connection for claims. */
  readonly claims: () => Pool;
  /** Called when this node was given up. */
  readonly registerAgain: () => Promise<void>;
}

/** The rounds of one engine; one runs at a time. */
export class ClaimRounds {
  readonly #parts: ClaimRoundsParts;
  readonly #db: Transactions;
  readonly #hints: Hints;
  /** Offers since the running look began: they are newer than what it finds. */
  #late: [number, number, number][] | undefined;

  constructor(parts: ClaimRoundsParts) {
    this.#parts = parts;
    this.#db = parts.db;
    this.#hints = parts.hints;
  }

  /** A task is queued there and due at that time: newer than what a running round finds. */
  offer(lane: number, priority: number, dueAt: number): void {
    this.#hints.offer(lane, priority, dueAt);
    this.#late?.push([lane, priority, dueAt]);
  }

  /** Takes up to `limit` tasks from these places. */
  async run(places: readonly Place[], limit: number): Promise<ClaimedTask[]> {
    const claimed: ClaimedTask[] = [];
    for (let looks = 1;; looks++) {
      const wanted = limit - claimed.length;
      try {
        const { tasks, found } = await this.#look(places, wanted);
        claimed.push(...tasks);
        if (found < wanted) return claimed;
      } catch (error) {
        if (claimed.length === 0) throw error;
        return claimed;
      }
      if (claimed.length === 0 || claimed.length === limit || looks === MAX_LOOKS) return claimed;
    }
  }

  /** Takes tasks; `found` is how many were locked, of which some may not begin yet. */
  async #look(
    places: readonly Place[],
    limit: number,
  ): Promise<{ tasks: ClaimedTask[]; found: number }> {
    this.#late = [];
    try {
      return await this.#take(places, limit);
    } finally {
      this.#late = undefined;
    }
  }

  async #take(
    places: readonly Place[],
    limit: number,
  ): Promise<{ tasks: ClaimedTask[]; found: number }> {
    if (this.#parts.hasLostContact()) {
      throw new EngineAwayError(
        "Cannot claim tasks: the last contact with the database is too old",
      );
    }
    let claimed: ClaimedTask[] = [];
    let locked: string[] = [];
    let found = 0;
    const closedUntil = new Map<string, number>();
    let outcome: Outcome | undefined;
    try {
      outcome = await this.#parts.claims().transaction(async (session) => {
        const unit = this.#db.unit(session);
        // A transaction that is repeated has claimed nothing before.
        claimed = [];
        locked = [];
        found = 0;
        closedUntil.clear();
        await unit.loadPauses();
        const names = [...new Set(places.map(({ lane }) => lane))];
        await this.#db.lanes.read(session, names);
        locked = await unit.lockLanes(names.map((id) => this.#db.lanes.name(id)));
        this.#db.noteHealth(unit);
        const now = unit.now;
        const turns = places
          .filter(({ lane }) => locked.includes(this.#db.lanes.name(lane)))
          .map(({ lane, priority, head }) => {
            const name = this.#db.lanes.name(lane);
            return { lane: name, priority, head, room: unit.scheduler.roomOf(name, now) };
          });
        for (const { lane, priority, head, room } of turns) {
          if (room > 0) unit.scheduler.offer(lane, priority, head);
          else closedUntil.set(lane, unit.scheduler.opensAt(lane, now) ?? now + FULL_MS);
        }
        const open = turns.filter(({ room }) => room > 0);
        if (unit.pauses.all) {
          for (const { lane } of open) closedUntil.set(lane, now + FULL_MS);
          return undefined;
        }
        if (open.length === 0) return undefined;
        found = await unit.loadDue(open, limit);
        claimed = claim(unit, limit);
        makeFollowUps(unit);
        return await unit.write();
      });
    } catch (error) {
      if (sqlStateOf(error) === "PR001") await this.#parts.registerAgain();
      throw error;
    }
    for (const task of claimed) this.#parts.attempts.add(task);
    // The tasks are claimed: if this threw, they would stay on this node without an attempt.
    await this.#correctHints(places, locked, closedUntil).catch(() => {});
    if (outcome) this.#db.follow(outcome);
    return { tasks: claimed, found };
  }

  async #correctHints(
    places: readonly Place[],
    locked: readonly string[],
    closedUntil: ReadonlyMap<string, number>,
  ): Promise<void> {
    const now = this.#db.now();
    const looked = places.filter(({ lane }) => locked.includes(this.#db.lanes.name(lane)));
    for (const { lane } of places) {
      const name = this.#db.lanes.name(lane);
      if (!locked.includes(name)) this.#hints.close(lane, now + BUSY_MS);
      const until = closedUntil.get(name);
      if (until !== undefined) this.#hints.close(lane, until);
    }
    if (looked.length > 0) {
      const rows = await this.#parts.claims().use((session) =>
        session.run(
          this.#db.sql.heads,
          looked.map(({ lane }) => lane),
          looked.map(({ priority }) => priority),
          looked.map(({ head }) => head),
        )
      );
      for (const [lane, priority, head] of rows) this.#hints.found(lane, priority, head);
    }
    for (const [lane, priority, dueAt] of this.#late ?? []) {
      this.#hints.offer(lane, priority, dueAt);
    }
  }
}
