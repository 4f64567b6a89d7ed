/**
 * Ends queued tasks at the time when they expire.
 *
 * @module
 */

import type { Clock } from "../../lib/clock.ts";
import { expire } from "../core/lifecycle.ts";
import { MAX_WAIT_MS } from "../core/rules.ts";
import { CHANGED_AT_ONCE, type Transactions } from "./transactions.ts";

/** What the expiry needs. */
export interface ExpiryParts {
  readonly db: Transactions;
  readonly clock: Clock;
  /** Runs work in the background and reports its failure. */
  readonly inBackground: (work: Promise<unknown>) => void;
}

/** A timer for the task that expires first. */
export class Expiry {
  readonly #db: Transactions;
  readonly #clock: Clock;
  readonly #inBackground: (work: Promise<unknown>) => void;
  #next = Infinity;
  #undo: () => void = () => {};

  constructor({ db, clock, inBackground }: ExpiryParts) {
    this.#db = db;
    this.#clock = clock;
    this.#inBackground = inBackground;
  }

  /** A task expires then, in milliseconds since the epoch; infinity for none. */
  note(at: number): void {
    if (at < this.#next) this.#setTimer(at);
  }

  /** Finds when the first task expires. */
  async find(): Promise<void> {
    const [row] = await this.#db.read(this.#db.sql.nextExpiry);
    this.#setTimer(row?.[0] ?? Infinity);
  }

  /** Ends the timer. */
  stop(): void {
    this.#undo();
  }

  #setTimer(at: number): void {
    this.#next = at;
    this.#undo();
    if (at === Infinity || this.#db.isClosed) return;
    const delayMs = Math.min(at - this.#db.now(), MAX_WAIT_MS);
    const end = () => this.#inBackground(this.endExpired());
    if (delayMs > 0) this.#undo = this.#clock.after(delayMs, end);
    else end();
  }

  /** Ends the tasks that have expired. */
  async endExpired(): Promise<void> {
    if (this.#db.isShutDown) return;
    for (;;) {
      const rows = await this.#db.read(this.#db.sql.expiring, this.#db.now(), CHANGED_AT_ONCE);
      await this.#db.changeSome(rows.map(([seq]) => seq), (unit, row) => {
        if (row.state !== "queued" || row.expiresAt === null) return;
        if (row.expiresAt <= unit.now) expire(unit, row);
      });
      if (rows.length < CHANGED_AT_ONCE) break;
    }
    await this.find();
  }
}
