/**
 * Stores submissions.
 *
 * Those that contain only tasks share a statement with the others that arrive
 * while one is running; each of the rest has a transaction of its own.
 *
 * @module
 */

import { systemClock } from "../../lib/clock.ts";
import type { NewTask } from "../../task/task.ts";
import { keyName } from "../core/keys.ts";
import { contentOf, newRow } from "../core/row.ts";
import { insertSubmission } from "../core/submissions.ts";
import { EngineAwayError, type Inserted, type Submission } from "../engine.ts";
import type { Outcome } from "./changed_rows.ts";
import { Grouped } from "./group.ts";
import type { PooledSession } from "./database/pool.ts";
import type { Transactions } from "./transactions.ts";
import type { Unit } from "./unit.ts";

/** Submissions in one statement. */
const INSERTED_AT_ONCE = 64;
/** How long a count of the queued tasks is used, in milliseconds. */
const COUNTED_MS = 1_000;
/** Tasks below the limit from which on each group counts: more than other nodes store in that time. */
const COUNTED_EXACTLY = 100_000;

/** The submissions of one engine. */
export class Inserts {
  readonly #db: Transactions;
  readonly #maxQueued: number;
  readonly #plain: Grouped<Submission, Inserted>;
  /** How many tasks are queued as far as this node knows, and when that was last counted. */
  #queued = Infinity;
  #countedAt = 0;

  /** At most `maxQueued` tasks may be queued. */
  constructor(db: Transactions, maxQueued: number) {
    this.#db = db;
    this.#maxQueued = maxQueued;
    this.#plain = new Grouped((group) => this.#insertPlain(group), {
      maxItems: INSERTED_AT_ONCE,
      maxGroups: 2,
      waitsFor: INSERTED_AT_ONCE / 2,
    });
  }

  /** Stores all of a submission or nothing. */
  insert(submission: Submission): Promise<Inserted> {
    const { tasks, batch, idempotency, schedule, delivery } = submission;
    const isPlain = batch === undefined && idempotency === undefined && schedule === undefined &&
      delivery === undefined && tasks.every(({ key }) => key === undefined);
    return isPlain ? this.#plain.add(submission) : this.#insertAlone(submission);
  }

  /** Inserts submissions that contain only tasks, with one statement. */
  async #insertPlain(
    group: Submission[],
  ): Promise<readonly (Inserted | Promise<Inserted>)[]> {
    try {
      return await this.#insertTogether(group);
    } catch (error) {
      // One submission may have caused the error, so each is tried alone.
      if (group.length === 1 || error instanceof EngineAwayError) throw error;
      return group.map((one) => this.#insertTogether([one]).then(([answer]) => answer as Inserted));
    }
  }

  async #insertTogether(group: Submission[]): Promise<Inserted[]> {
    const submissions = group.map(({ tasks, ...rest }) => ({ ...rest, tasks: rowsOf(tasks) }));
    const owners = unique(group.flatMap(({ quota }) => quota ? [quota.owner] : []));
    const maxQueued = this.#maxQueued;
    let answers: Inserted[] = [];
    const outcome = await this.#db.writers.use(async (session) => {
      const unit = this.#db.unit(session);
      await this.#count(unit, owners);
      const before = unit.counts.queued;
      answers = submissions.map((one) => insertSubmission(unit, one, maxQueued));
      this.#queued += unit.counts.queued - before;
      if (answers.every(({ kind }) => kind !== "stored")) return undefined;
      return unit.isOneStatement ? await unit.write() : await this.#inTransaction(session, unit);
    });
    if (outcome) this.#db.follow(outcome);
    return answers;
  }

  /** Reads how many tasks are queued, unless the limit is far away. */
  async #count(unit: Unit, owners: readonly string[]): Promise<void> {
    const now = systemClock.monotonic();
    const isFar = this.#queued < this.#maxQueued - COUNTED_EXACTLY;
    if (isFar && owners.length === 0 && now - this.#countedAt < COUNTED_MS) {
      unit.counts.queued = this.#queued;
      return;
    }
    await unit.loadCounts(owners);
    this.#queued = unit.counts.queued;
    this.#countedAt = now;
  }

  async #inTransaction(session: PooledSession, unit: Unit): Promise<Outcome> {
    await session.run(this.#db.sql.begin);
    try {
      const outcome = await unit.write();
      await session.run(this.#db.sql.commit);
      return outcome;
    } catch (error) {
      if (!(error instanceof EngineAwayError)) await session.run(this.#db.sql.rollback);
      throw error;
    }
  }

  async #insertAlone(submission: Submission): Promise<Inserted> {
    const maxQueued = this.#maxQueued;
    let answer: Inserted = { kind: "stored" };
    await this.#db.write(
      async (unit) => {
        // Anew for each try: the lifecycle changes rows, and a deadlock rolls back only the database.
        const tasks = rowsOf(submission.tasks);
        const keys = tasks.flatMap(({ row }) => row.key === null ? [] : [keyName(row)]);
        await unit.loadKeys(unique(keys));
        await unit.loadSubmission(submission);
        await unit.loadCounts(submission.quota ? [submission.quota.owner] : []);
        answer = insertSubmission(unit, { ...submission, tasks }, maxQueued);
        return answer.kind === "stored";
      },
    );
    return answer;
  }
}

function rowsOf(tasks: readonly NewTask[]) {
  return tasks.map((task) => ({ row: newRow(task), content: contentOf(task) }));
}

function unique<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}
