/**
 * What one transaction has changed, and how it is stored.
 *
 * @module
 */

import { textOfJson } from "../../lib/json/held_text.ts";
import type { NewBatch } from "../../task/batch.ts";
import type { BreakerChange } from "../../task/lane_health.ts";
import { noCounts, TASK_STATES } from "../../task/state.ts";
import type { AttemptRecord } from "../../task/task.ts";
import { erasedAttempt } from "../core/erase.ts";
import type { BatchRow, Content, Row } from "../core/row.ts";
import type { Ended } from "../core/storage.ts";
import type { FailedTask } from "../engine.ts";
import { checksumOf, insertValues, type Report, updateValues } from "./database/columns.ts";
import type { Session } from "./database/connection.ts";
import { LoadedRows } from "./loaded_rows.ts";

/** What the engine must know once the transaction is committed. */
export interface Outcome {
  /** Queued tasks that may be claimed now or at their time. */
  readonly offers: readonly Row[];
  /** When the first of the changed tasks expires, in milliseconds since the epoch; infinity for none. */
  readonly nextExpiry: number;
  /** Whether any task changed. */
  readonly hasChanges: boolean;
  /** Tasks that have become final. */
  readonly final: readonly Row[];
  /** Tasks that failed without the settlement of an attempt. */
  readonly failed: readonly FailedTask[];
  /** Running tasks that are to be aborted. */
  readonly aborting: readonly Row[];
  /** Lanes in which fewer tasks run than before, or whose terms have changed. */
  readonly freed: ReadonlySet<string>;
  /** Breakers that have opened or closed. */
  readonly breakers: readonly BreakerChange[];
}

/** Tasks in one statement that inserts: more could exceed the deadline of a statement. */
const INSERTED_AT_ONCE = 2_000;

/** The largest value of a column of the type `int`. */
const MAX_INT = 2 ** 31 - 1;

/** The changes to the rows that were read. */
export class ChangedRows extends LoadedRows {
  readonly ended: Ended[] = [];
  readonly failed: FailedTask[] = [];

  protected readonly inserted: { row: Row; content: Content }[] = [];
  protected readonly changed = new Set<Row>();
  protected readonly changedBehind = new Set<Row>();
  protected readonly reports: Report[] = [];
  protected readonly erased: number[] = [];
  protected readonly newBatches: { row: BatchRow; batch: NewBatch }[] = [];
  protected readonly changedBatches = new Set<BatchRow>();
  protected readonly disarmed: number[] = [];
  protected readonly changedHolders = new Map<string, number | undefined>();
  protected readonly tally = noCounts();
  /** By how much the number of queued tasks of API keys has changed. */
  protected readonly owners = new Map<string, number>();
  protected readonly changedHealth = new Set<string>();
  protected readonly breakers: BreakerChange[] = [];
  protected readonly claimedFrom = new Set<string>();
  protected readonly offers = new Set<Row>();
  protected readonly freed = new Set<string>();
  protected readonly extra: ((session: Session) => Promise<void>)[] = [];
  protected nextExpiry = Infinity;

  /** Whether `write` is a single statement, and so needs no transaction around it. */
  get isOneStatement(): boolean {
    return this.changed.size + this.changedHolders.size + this.newBatches.length === 0 &&
      this.extra.length === 0 && this.inserted.length <= INSERTED_AT_ONCE &&
      this.inserted.every(({ content }) =>
        !content.tags?.length && content.followUps === undefined
      );
  }

  /** Stores what was changed. */
  async write(): Promise<Outcome> {
    const { sql, lanes, slot, node } = this.context;
    const session = this.session;
    const terms = [...this.scheduler.terms];
    for (const [name, { adaptiveLimit, heldUntil, reason, limit }] of terms) {
      const id = lanes.id(name);
      await session.run(
        sql.setLane,
        id,
        limit ?? null,
        adaptiveLimit === undefined ? null : Math.min(adaptiveLimit, MAX_INT),
        heldUntil ?? null,
        reason ?? null,
      );
    }
    for (const { row, batch } of this.newBatches) {
      await session.run(
        sql.insertBatch,
        row.seq,
        row.id,
        row.createdAt,
        row.owner,
        row.total,
        JSON.stringify(Object.values(row.counts)),
        row.follows,
        row.concurrency,
      );
      if (row.follows) {
        await session.run(sql.insertFollowUps, [row.seq], [JSON.stringify(batch.followUps)]);
      }
      this.changedBatches.delete(row);
    }
    const inserted = this.inserted;
    await this.context.storeLanes(inserted.map(({ row }) => row.lane));
    await this.#writeHealth();
    const owners = [...this.owners].filter(([, by]) => by !== 0);
    const tallies = [
      TASK_STATES.map((state) => this.tally[state]),
      owners.map(([owner]) => owner),
      owners.map(([, by]) => by),
    ];
    const none = [TASK_STATES.map(() => 0), [], []];
    for (let at = 0; at < inserted.length; at += INSERTED_AT_ONCE) {
      const part = inserted.slice(at, at + INSERTED_AT_ONCE);
      const tasks = part.map(({ row, content }) => ({ row, ...content }));
      const { statement, values } = insertValues(tasks, lanes);
      const isCounted = at > 0 || this.changed.size > 0;
      await session.run(sql[statement], slot, ...isCounted ? none : tallies, ...values);
      await this.#writeTags(part);
    }
    // New tasks that changed again after their insert are updated as well.
    if (this.changed.size > 0) {
      const rows = [...this.changed];
      await session.run(
        sql.updateTasks,
        slot,
        ...tallies,
        node,
        ...updateValues(rows, this.reports, lanes),
      );
    }
    const isNew = new Set(inserted.map(({ row }) => row));
    const behind = [...this.changedBehind].filter((row) =>
      !this.changed.has(row) && !isNew.has(row)
    );
    if (behind.length > 0) {
      await session.run(
        sql.setBehind,
        behind.map(({ seq }) => seq),
        behind.map((row) => row.behind),
      );
    }
    await this.#writeKeys();
    if (this.claimedFrom.size > 0) {
      const paid = [...this.claimedFrom].filter((name) => this.scheduler.paidAt(name) > 0);
      if (paid.length > 0) {
        await session.run(
          sql.setPaid,
          paid.map((name) => lanes.id(name)),
          paid.map((name) => this.scheduler.paidAt(name)),
        );
      }
    }
    for (const batch of this.changedBatches) {
      const { seq, bytes, follows } = batch;
      await session.run(
        sql.writeBatch,
        seq,
        JSON.stringify(Object.values(batch.counts)),
        bytes,
        follows,
      );
    }
    if (this.disarmed.length > 0) await session.run(sql.dropFollowUps, this.disarmed);
    if (this.erased.length > 0) await this.#writeErased();
    for (const write of this.extra) await write(session);
    return this.#outcome();
  }

  async #writeHealth(): Promise<void> {
    const { sql, lanes } = this.context;
    const names = [...this.changedHealth];
    if (names.length === 0) return;
    const texts = names.map((name) => {
      const health = this.health.get(name);
      return health ? JSON.stringify(health) : null;
    });
    await this.session.run(sql.setHealth, names.map((name) => lanes.id(name)), texts);
  }

  async #writeTags(inserted: ChangedRows["inserted"]): Promise<void> {
    const { sql } = this.context;
    const tags: string[] = [];
    const tagged: number[] = [];
    const followed: number[] = [];
    const followUps: string[] = [];
    for (const { row, content } of inserted) {
      for (const tag of content.tags ?? []) {
        tags.push(tag);
        tagged.push(row.seq);
      }
      if (content.followUps === undefined) continue;
      followed.push(row.seq);
      followUps.push(textOfJson(content.followUps));
    }
    if (tags.length > 0) await this.session.run(sql.insertTags, tags, tagged);
    if (followed.length > 0) await this.session.run(sql.insertFollowUps, followed, followUps);
  }

  async #writeKeys(): Promise<void> {
    const { sql } = this.context;
    const held = [...this.changedHolders].filter(([, seq]) => seq !== undefined);
    const free = [...this.changedHolders].filter(([, seq]) => seq === undefined);
    if (free.length > 0) await this.session.run(sql.dropHolders, free.map(([key]) => key));
    if (held.length > 0) {
      await this.session.run(sql.setHolders, held.map(([key]) => key), held.map(([, seq]) => seq));
    }
  }

  async #writeErased(): Promise<void> {
    const { sql } = this.context;
    const erased = this.erased;
    const rows = await this.session.run(sql.contents, erased);
    const checksums = new Map(rows.map(([seq, spec]) => [seq, checksumOf(spec, null)]));
    for (const [seq, , , , attempts] of rows) {
      if (!attempts) continue;
      const left = (JSON.parse(`[${attempts}]`) as AttemptRecord[]).map(erasedAttempt);
      const text = left.map((attempt) => JSON.stringify(attempt)).join(",");
      await this.session.run(sql.writeAttempts, seq, text);
    }
    await this.session.run(sql.erase, erased, erased.map((seq) => checksums.get(seq) ?? 0));
  }

  #outcome(): Outcome {
    const changed = [...this.changed];
    for (const { row } of this.ended) this.freed.add(row.lane);
    for (const row of changed) if (row.state !== "running") this.freed.add(row.lane);
    for (const name of this.scheduler.terms.keys()) this.freed.add(name);
    return {
      offers: [...this.offers].filter(({ state, behind }) => state === "queued" && behind === 0),
      nextExpiry: this.nextExpiry,
      hasChanges: changed.length + this.inserted.length > 0,
      final: changed.filter(({ state }) => state !== "queued" && state !== "running"),
      failed: this.failed,
      aborting: changed.filter(({ state, aborting }) => state === "running" && aborting !== null),
      freed: this.freed,
      breakers: this.breakers,
    };
  }
}
