/**
 * Deletes what is older than the retention: tasks, deliveries, idempotency keys,
 * and the record of their changes.
 *
 * @module
 */

import { TASK_STATES } from "../../task/state.ts";
import type { Purged } from "../engine.ts";
import type { PooledSession } from "./database/pool.ts";
import { batchFrom } from "./records.ts";
import type { Transactions } from "./transactions.ts";

/** Tasks that a purge examines in one transaction. */
const PURGE_WINDOW = 20_000;

/** Goes through the tasks in the order of acceptance, a window at a time. */
export class Purger {
  readonly #db: Transactions;
  #purgedTo = 0;
  #forgottenTo = 0;

  constructor(db: Transactions) {
    this.#db = db;
  }

  /** See `QueueEngine.purge`. */
  async purge(finishedBefore: number, limit: number): Promise<Purged> {
    const purged = await this.#db.writers.transaction(async (session) => {
      await session.run(this.#db.sql.purgeIdempotency, this.#db.now());
      const deliveries = await session.run(this.#db.sql.purgeDeliveries, finishedBefore, limit);
      const [row] = await session.run(
        this.#db.sql.purge,
        this.#purgedTo,
        PURGE_WINDOW,
        finishedBefore,
        limit,
      );
      const [seqs, states, batches, lookedTo, looked] = row ?? [[], [], [], null, 0];
      await this.#deleteTasks(session, seqs.map(Number), states, batches);
      return { deleted: seqs.length, looked, lookedTo, deliveries: deliveries.length };
    });
    if (!purged) return { deleted: 0, isOver: true };
    const { deleted, looked, lookedTo, deliveries } = purged;
    await this.#forgetChanges();
    const hasMore = deleted === limit || deliveries === limit;
    const isAtEnd = !hasMore && looked < PURGE_WINDOW;
    if (!hasMore) this.#purgedTo = isAtEnd ? 0 : lookedTo;
    return { deleted, isOver: isAtEnd };
  }

  /** Deletes the records of transactions whose tasks have all changed again or been deleted. */
  async #forgetChanges(): Promise<void> {
    const [row] = await this.#db.writers.use((session) =>
      session.run(this.#db.sql.forgetChanges, this.#forgottenTo, PURGE_WINDOW)
    );
    this.#forgottenTo = row?.[0] ?? 0;
  }

  async #deleteTasks(
    session: PooledSession,
    seqs: readonly number[],
    states: readonly number[],
    batches: readonly (string | null)[],
  ): Promise<void> {
    if (seqs.length === 0) return;
    const tally = TASK_STATES.map((_, at) => -states.filter((state) => state === at).length);
    const ofBatch = new Map<number, number[]>();
    batches.forEach((batch, at) => {
      if (batch === null) return;
      const known = ofBatch.get(Number(batch)) ?? [];
      ofBatch.set(Number(batch), [...known, states[at] as number]);
    });
    const gone: number[] = [];
    for (const [seq, left] of [...ofBatch].sort(([a], [b]) => a - b)) {
      const [values] = await session.run(this.#db.sql.lockBatches, [seq]);
      if (!values) continue;
      const batch = batchFrom(values);
      for (const state of left) batch.counts[TASK_STATES[state]!]--;
      const counts = Object.values(batch.counts);
      if (counts.every((count) => count <= 0)) gone.push(seq);
      else {
        const text = JSON.stringify(counts);
        await session.run(this.#db.sql.writeBatch, seq, text, batch.bytes, batch.follows);
      }
    }
    if (gone.length > 0) {
      await session.run(this.#db.sql.dropBatches, gone);
      await session.run(this.#db.sql.dropFollowUps, gone);
    }
    await session.run(this.#db.sql.deleteTasks, session.slot, tally, seqs);
  }
}
