/**
 * Token buckets that all nodes share.
 *
 * Requests for tokens that arrive while a query is running share the next query.
 *
 * @module
 */

import type { Rate } from "../../lib/rate_text.ts";
import type { Taken } from "../../lib/token_bucket.ts";
import { Grouped } from "./group.ts";
import type { Pool } from "./database/pool.ts";
import type { Sql } from "./database/sql.ts";

interface Wanted {
  readonly name: string;
  readonly rate: Rate;
}

/** The buckets of one schema. */
export class SharedBuckets {
  readonly #pool: Pool;
  readonly #sql: Sql;
  readonly #takes: Grouped<Wanted, Taken>;

  constructor(pool: Pool, sql: Sql) {
    this.#pool = pool;
    this.#sql = sql;
    this.#takes = new Grouped((group) => this.#takeTogether(group), {
      maxItems: 1_000,
      maxGroups: 1,
    });
  }

  /** Takes a token from the bucket of this name. Rejects with an `EngineAwayError`. */
  take(name: string, rate: Rate): Promise<Taken> {
    return this.#takes.add({ name, rate });
  }

  async #takeTogether(group: readonly Wanted[]): Promise<Taken[]> {
    const takers = new Map<string, { rate: Rate; wanted: number }>();
    for (const { name, rate } of group) {
      takers.set(name, { rate, wanted: (takers.get(name)?.wanted ?? 0) + 1 });
    }
    // In one order, so that nodes that take from the same buckets do not deadlock.
    const names = [...takers.keys()].sort();
    const of = (name: string) => takers.get(name) as { rate: Rate; wanted: number };
    const rows = await this.#pool.use((session) =>
      session.run(
        this.#sql.takeTokens,
        names,
        names.map((name) => of(name).wanted),
        names.map((name) => of(name).rate.count),
        names.map((name) => of(name).rate.windowMs),
      )
    );
    const queues = new Map(names.map((name, at) => {
      const [taken, debtMs] = rows[at] as unknown as [number, number];
      return [name, answersOf(taken, debtMs, of(name))];
    }));
    return group.map(({ name }) => queues.get(name)?.shift() as Taken);
  }
}

/** One answer for each request: first those that got a token. */
function answersOf(
  taken: number,
  debtMs: number,
  { rate: { count, windowMs }, wanted }: { rate: Rate; wanted: number },
): Taken[] {
  const everyMs = windowMs / count;
  return Array.from({ length: wanted }, (_, at) => {
    const isTaken = at < taken;
    // `debtMs` is the state after all requests; each earlier request saw one token more.
    const fullMs = debtMs - Math.max(0, taken - 1 - at) * everyMs;
    const left = Math.max(0, count - fullMs / everyMs);
    const waitMs = isTaken ? 0 : Math.max(1, Math.ceil((1 - left) * everyMs));
    return { left, waitMs, fullMs };
  });
}
