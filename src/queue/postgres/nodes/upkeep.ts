/**
 * What a node does every two seconds: it says that it lives, learns what others
 * have asked of it, hands back what it does not run, and takes over from nodes
 * that are gone.
 *
 * @module
 */

import type { Clock } from "../../../lib/clock.ts";
import { makeFollowUps } from "../../core/follow_ups.ts";
import { recover, settle } from "../../core/lifecycle.ts";
import { changeOf, type Row } from "../../core/row.ts";
import type { TaskChange } from "../../engine.ts";
import type { Claimer } from "../claimer.ts";
import { rowFrom } from "../database/columns.ts";
import { isTemporary } from "../database/connection.ts";
import { HEARTBEAT_MS, type Node } from "./node.ts";
import type { OwnAttempts } from "./own_attempts.ts";
import { CHANGED_AT_ONCE, type Transactions } from "../transactions.ts";

/** What the upkeep needs. */
export interface UpkeepParts {
  readonly db: Transactions;
  readonly clock: Clock;
  readonly claimer: Claimer;
  readonly attempts: OwnAttempts;
  readonly node: () => Node;
  /** Calls the watchers of this node. */
  readonly notify: (change: TaskChange) => void;
  /** Listens for notices again when the connection was lost. */
  readonly reconnect: () => Promise<void>;
  /** What only one node does. */
  readonly lead: () => Promise<void>;
  /** Runs work in the background and reports its failure. */
  readonly inBackground: (work: Promise<unknown>) => void;
}

/** The upkeep of one node. */
export class Upkeep {
  readonly #parts: UpkeepParts;
  readonly #db: Transactions;
  #undo: () => void = () => {};

  constructor(parts: UpkeepParts) {
    this.#parts = parts;
    this.#db = parts.db;
  }

  /** Begins the heartbeats. */
  start(): void {
    const { clock, inBackground } = this.#parts;
    if (this.#db.isClosed) return;
    this.#undo = clock.after(HEARTBEAT_MS, () => inBackground(this.#beat()));
  }

  /** Ends the heartbeats. */
  stop(): void {
    this.#undo();
  }

  async #beat(): Promise<void> {
    const { claimer, reconnect, lead } = this.#parts;
    const node = this.#parts.node();
    const { readers } = this.#db;
    try {
      const isAlive = await readers.use((session) => node.beat(session));
      if (!isAlive) await this.registerAgain();
      await reconnect();
      await this.lookForAborts();
      await claimer.between(() => this.#releaseLostClaims());
      const given = await readers.use((session) => node.giveUpOthers(session));
      if (given > 0 || !isAlive || node.isLeader) await this.recoverOrphans();
      if (node.isLeader) await lead();
    } catch (error) {
      if (!isTemporary(error) && !this.#db.isClosed) throw error;
    } finally {
      this.start();
    }
  }

  /** Another node gave this one up and recovers its attempts: aborts them here, and registers again. */
  async registerAgain(): Promise<void> {
    const { attempts, notify, node } = this.#parts;
    for (const id of attempts.lose()) notify(lostChange(id, this.#db.now()));
    await node().register(this.#db.writers);
  }

  /** Finds aborts that were requested on other nodes. */
  async lookForAborts(): Promise<void> {
    const rows = await this.#db.readTasks(this.#db.sql.aborting, this.#parts.node().id);
    for (const values of rows) {
      const row = rowFrom(values, this.#db.lanes);
      this.#parts.notify({ ...changeOf(row, undefined), abort: row.aborting ?? "request" });
    }
  }

  /** Releases tasks that the database assigns to this node but whose claim got no reply. */
  async #releaseLostClaims(): Promise<void> {
    const rows = await this.#db.read(
      this.#db.sql.heldBy,
      this.#parts.node().id,
      this.#parts.attempts.numbers(),
    );
    await this.#db.changeSome(rows.map(([seq]) => seq), (unit, row) => {
      if (row.state !== "running" || this.#parts.attempts.has(row.seq)) return;
      settle(unit, row, {
        id: row.id,
        attempt: row.attempt,
        event: "release",
        at: unit.now,
        dueAt: unit.now,
        record: undefined,
        error: undefined,
        result: undefined,
        carry: undefined,
        bytes: 0,
      });
    });
  }

  /** Recovers the attempts of nodes that no longer exist, and returns how many. */
  async recoverOrphans(): Promise<number> {
    let recovered = 0;
    for (;;) {
      let found = 0;
      await this.#db.write(async (unit) => {
        const seqs = await unit.lockOrphans(CHANGED_AT_ONCE);
        found = seqs.length;
        if (found === 0) return false;
        await unit.loadTasks(seqs);
        await unit.loadContents(seqs);
        for (const seq of seqs) recover(unit, unit.row(seq) as Row);
        makeFollowUps(unit);
        return true;
      });
      recovered += found;
      if (found < CHANGED_AT_ONCE) return recovered;
    }
  }
}

function lostChange(id: string, at: number): TaskChange {
  return { id, type: "fetch", state: "running", attempt: 0, at, change: 0, abort: "request" };
}
