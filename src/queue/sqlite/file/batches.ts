/**
 * Where the tasks of each batch stand: read when first touched, written once
 * per transaction. Nobody else writes the file, so what was read stays true.
 *
 * @module
 */

import { type Counts, TASK_STATES } from "../../../task/state.ts";
import type { BatchRecord, NewBatch } from "../../../task/batch.ts";
import { STATE } from "./rows.ts";
import type { Statements } from "./statements.ts";

/** A batch as it is kept. */
export interface BatchRow {
  readonly seq: number;
  readonly id: string;
  readonly created_at: number;
  readonly owner: string | null;
  readonly era: number;
  readonly total: number;
  /** In the order of `TASK_STATES`. */
  readonly counts: number[];
  /** What those that succeeded brought back. */
  bytes: number;
  /** Whether something is to be made when it is done. */
  follows: number;
  /** The most of its tasks that run at once. */
  readonly most: number | null;
  /** While it is being kept: how many more of its tasks need not stand back. */
  seats?: number;
}

/** Batches that are kept in memory; more are read anew. */
const MAX_KNOWN = 1_000;

/** Batches, as of the present transaction. */
export class Batches {
  #sql: Statements;
  #known = new Map<number, BatchRow>();
  #changed = new Set<BatchRow>();

  constructor(sql: Statements) {
    this.#sql = sql;
  }

  /** Keeps a new batch, all of whose tasks are queued. */
  insert(seq: number, batch: NewBatch, era: number, total: number): void {
    const { id, createdAt, owner = null } = batch;
    const counts = [total, 0, 0, 0, 0, 0];
    const follows = batch.followUps?.length ? 1 : 0;
    const text = JSON.stringify(counts);
    const most = batch.concurrency ?? null;
    this.#sql.insertBatch.run(seq, id, createdAt, owner, era, total, text, follows, most);
    if (follows) this.#sql.insertFollowers.run(seq, JSON.stringify(batch.followUps));
    this.#known.set(seq, {
      seq,
      id,
      created_at: createdAt,
      owner,
      era,
      total,
      counts,
      bytes: 0,
      follows,
      most,
      seats: most ?? Infinity,
    });
  }

  /** The batch as of the present transaction. */
  get(seq: number): BatchRow | undefined {
    const known = this.#known.get(seq);
    if (known) return known;
    const row = this.#sql.batch.get(seq) as
      | Omit<BatchRow, "counts"> & { counts: string }
      | undefined;
    if (!row) return undefined;
    const batch = { ...row, counts: JSON.parse(row.counts) as number[] };
    this.#known.set(seq, batch);
    return batch;
  }

  /** One of its tasks left a state for another, or was deleted. */
  move(seq: number, from: number, to: number | undefined): BatchRow | undefined {
    const batch = this.get(seq);
    if (!batch) return undefined;
    batch.counts[from]!--;
    if (to !== undefined) batch.counts[to]!++;
    this.#changed.add(batch);
    return batch;
  }

  /** One of its tasks has brought back so much. */
  brought(seq: number, bytes: number): void {
    const batch = this.get(seq);
    if (!batch) return;
    batch.bytes += bytes;
    this.#changed.add(batch);
  }

  /** Writes down what has changed; a batch without any task left is deleted. */
  flush(): void {
    for (const batch of this.#changed) {
      if (batch.counts.some((count) => count > 0)) {
        this.#sql.writeBatch.run(JSON.stringify(batch.counts), batch.bytes, batch.seq);
      } else {
        this.#sql.dropBatch.run(batch.seq);
        this.#known.delete(batch.seq);
        if (batch.follows) this.#sql.dropFollowers.run(batch.seq);
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

/** Whether each of its tasks is final. */
export function isDone({ counts }: BatchRow, marked: boolean): boolean {
  const queued = marked ? 0 : counts[STATE.queued] ?? 0;
  return queued + (counts[STATE.running] ?? 0) === 0;
}

/** The batch in the house's words; `marked` when a shutdown mark has cancelled what waits in it. */
export function batchRecordOf(row: BatchRow, marked: boolean): BatchRecord {
  const counts = Object.fromEntries(
    TASK_STATES.map((state, number) => [state, row.counts[number] ?? 0]),
  ) as Counts;
  if (marked) {
    counts.cancelled += counts.queued;
    counts.queued = 0;
  }
  return {
    id: row.id,
    createdAt: row.created_at,
    ...(row.owner === null ? {} : { owner: row.owner }),
    total: row.total,
    counts,
    done: isDone(row, marked),
    bytes: row.bytes,
  };
}
