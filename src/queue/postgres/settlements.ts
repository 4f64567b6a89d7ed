/**
 * Stores the results of attempts.
 *
 * Settlements that arrive while a transaction is running share the next one.
 * While the database is unavailable they are retried.
 *
 * @module
 */

import { sleep, systemClock } from "../../lib/clock.ts";
import { sequenceOf } from "../../lib/ids.ts";
import type { Settlement } from "../../task/outcome.ts";
import { makeFollowUps } from "../core/follow_ups.ts";
import { settle } from "../core/lifecycle.ts";
import { type Settled, settledOf } from "../core/settled.ts";
import { engineErrorOf, isTemporary } from "./database/connection.ts";
import { Grouped } from "./group.ts";
import type { OwnAttempts } from "./nodes/own_attempts.ts";
import type { Transactions } from "./transactions.ts";

/** Attempts settled in one transaction. */
const SETTLED_AT_ONCE = 256;
/** Wait before a settlement is retried, in milliseconds; doubled up to the maximum. */
const RETRY_MS = 200;
const MAX_RETRY_MS = 5_000;

/** What settlements need. */
export interface SettlementsParts {
  readonly db: Transactions;
  readonly attempts: OwnAttempts;
  /** Returns a number in [0, 1), to spread retries over time. */
  readonly random: () => number;
}

/** The settlements of one engine. */
export class Settlements {
  readonly #db: Transactions;
  readonly #attempts: OwnAttempts;
  readonly #random: () => number;
  readonly #groups: Grouped<Settled, boolean>;
  /** Aborts when settlements are not retried any more. */
  readonly #dropping = new AbortController();
  #undoDropping: () => void = () => {};

  constructor({ db, attempts, random }: SettlementsParts) {
    this.#db = db;
    this.#attempts = attempts;
    this.#random = random;
    this.#groups = new Grouped((group) => this.#settleGroup(group), {
      maxItems: SETTLED_AT_ONCE,
      maxGroups: 2,
    });
  }

  /** Stores one; `false` when the task is no longer at that attempt. */
  async settle(settlement: Settlement): Promise<boolean> {
    if (this.#attempts.wasLost(settlement)) return false;
    const settled = settledOf(settlement);
    for (let waitMs = RETRY_MS;; waitMs = Math.min(MAX_RETRY_MS, waitMs * 2)) {
      try {
        const isSettled = await this.#groups.add(settled);
        this.#attempts.remove(settlement.id);
        return isSettled;
      } catch (error) {
        if (!isTemporary(error) || this.#db.isClosed) throw engineErrorOf(error);
        if (this.#dropping.signal.aborted) return false;
        const delayMs = waitMs * (0.5 + this.#random());
        await sleep(systemClock, delayMs, this.#dropping.signal).catch(() => {});
      }
    }
  }

  /** Drops settlements that the database has not taken within this time. */
  dropAfter(ms: number): void {
    this.#undoDropping = systemClock.after(ms, () => this.#dropping.abort());
  }

  /** Ends all retries. */
  close(): void {
    this.#undoDropping();
    this.#dropping.abort();
  }

  async #settleGroup(group: Settled[]): Promise<boolean[]> {
    const evidence = group.flatMap(({ evidence = [] }) => evidence);
    const changesLanes = evidence.length > 0 ||
      group.some(({ hold, adaptiveLimit }) => hold !== undefined || adaptiveLimit !== undefined);
    const lanes = changesLanes ? [...new Set(evidence.map(({ lane }) => lane))] : undefined;
    let answers: boolean[] = [];
    await this.#db.write(async (unit) => {
      await unit.loadTasks(group.map(({ id }) => sequenceOf(id)), { lanes });
      answers = group.map((one) => {
        const row = unit.row(sequenceOf(one.id));
        if (row?.id !== one.id || row.state !== "running" || row.attempt !== one.attempt) {
          return false;
        }
        return settle(unit, row, unit.learn(row.lane, this.#onServerTime(one, unit.now)));
      });
      this.#db.noteHealth(unit);
      makeFollowUps(unit);
      return true;
    });
    return answers;
  }

  /** Converts times to the server's clock, so that a wrong clock on this machine does not change any wait. */
  #onServerTime(settled: Settled, now: number): Settled {
    const { at, dueAt, hold } = settled;
    return {
      ...settled,
      at: now,
      ...(dueAt === undefined ? {} : { dueAt: now + (dueAt - at) }),
      ...(hold ? { hold: { ...hold, until: now + (hold.until - at) } } : {}),
    };
  }
}
