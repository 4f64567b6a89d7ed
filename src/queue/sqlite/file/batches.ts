/**
 * The rows of batches: read when first used, written once by each transaction.
 * No other process writes the file, so what was read stays true.
 *
 * @module
 */

import { type Counts, TASK_STATES } from "../../../task/state.ts";
import type { NewBatch } from "../../../task/batch.ts";
import type { BatchRow } from "../../core/row.ts";
import type { Statements } from "./statements.ts";

interface StoredRow {
  readonly seq: number;
  readonly id: string;
  readonly created_at: number;
  readonly owner: string | null;
  readonly era: number;
  readonly total: number;
  readonly counts: string;
  readonly bytes: number;
  readonly follows: number;
  readonly most: number | null;
}

/** Batches that are held in memory; others are read again. */
const MAX_KNOWN = 1_000;

/** Batches, as of the present transaction. */
export class Batches {
  #sql: Statements;
  #known = new Map<number, BatchRow>();
  #changed = new Set<BatchRow>();

  constructor(sql: Statements) {
    this.#sql = sql;
  }

  /** Stores a new batch. */
  insert(row: BatchRow, { followUps }: NewBatch): void {
    const { seq, id, createdAt, owner, generation, total, counts, concurrency } = row;
    const text = formatCounts(counts);
    const follows = row.follows ? 1 : 0;
    this.#sql.insertBatch
      .run(seq, id, createdAt, owner, generation, total, text, follows, concurrency);
    if (row.follows) this.#sql.insertFollowUps.run(seq, JSON.stringify(followUps));
    this.#known.set(seq, row);
  }

  /** The batch as of the present transaction. */
  get(seq: number): BatchRow | undefined {
    const known = this.#known.get(seq);
    if (known) return known;
    const row = this.#sql.batch.get(seq) as StoredRow | undefined;
    if (!row) return undefined;
    const batch: BatchRow = {
      seq,
      id: row.id,
      createdAt: row.created_at,
      owner: row.owner,
      generation: row.era,
      total: row.total,
      counts: parseCounts(row.counts),
      bytes: row.bytes,
      follows: row.follows === 1,
      concurrency: row.most,
    };
    this.#known.set(seq, batch);
    return batch;
  }

  /** Notes that a batch has changed. */
  changed(batch: BatchRow): void {
    this.#changed.add(batch);
  }

  /** Writes what has changed; a batch without any task left is deleted. */
  flush(): void {
    for (const { seq, counts, bytes, follows } of this.#changed) {
      if (TASK_STATES.some((state) => counts[state] > 0)) {
        this.#sql.writeBatch.run(formatCounts(counts), bytes, follows ? 1 : 0, seq);
      } else {
        this.#sql.dropBatch.run(seq);
        this.#known.delete(seq);
        if (follows) this.#sql.dropFollowUps.run(seq);
      }
    }
    this.#changed.clear();
    if (this.#known.size > MAX_KNOWN) this.#known.clear();
  }

  /** Drops what was read and changed, as after a rollback. */
  forget(): void {
    this.#changed.clear();
    this.#known.clear();
  }
}

/** Counts as the file holds them: JSON, in the order of `TASK_STATES`. */
export function formatCounts(counts: Counts): string {
  return JSON.stringify(TASK_STATES.map((state) => counts[state]));
}

/** Reads counts. */
export function parseCounts(text: string): Counts {
  const numbers: number[] = JSON.parse(text);
  return Object.fromEntries(TASK_STATES.map((state, at) => [state, numbers[at] ?? 0])) as Counts;
}
