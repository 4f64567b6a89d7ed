/**
 * The numbers that lanes have in the file, and what is set for each.
 *
 * @module
 */

import type { LaneScheduler } from "../lanes/lane_scheduler.ts";
import type { Statements } from "./file/statements.ts";

interface LaneRow {
  readonly id: number;
  readonly name: string;
  readonly most: number | null;
  readonly held_until: number | null;
  readonly reason: string | null;
}

/** Lanes by name and by number. */
export class LaneTable {
  #sql: Statements;
  #ids = new Map<string, number>();
  #names: string[] = [];

  constructor(sql: Statements) {
    this.#sql = sql;
  }

  /** Reads all lanes, and passes what is set for them to the scheduler. */
  load(scheduler: LaneScheduler): void {
    this.#ids.clear();
    this.#names = [];
    for (const row of this.#sql.lanes.iterate() as Iterable<unknown>) {
      const { id, name, most, held_until, reason } = row as LaneRow;
      this.#ids.set(name, id);
      this.#names[id] = name;
      if (most === null && held_until === null) continue;
      scheduler.set(name, {
        ...(most === null ? {} : { limit: most }),
        ...(held_until === null ? {} : { heldUntil: held_until }),
        ...(reason === null ? {} : { reason }),
      });
    }
  }

  /** The number of a lane; it gets one when it has none. */
  id(name: string): number {
    let id = this.#ids.get(name);
    if (id === undefined) {
      id = Math.max(this.#names.length, 1);
      this.#sql.insertLane.run(id, name);
      this.#ids.set(name, id);
      this.#names[id] = name;
    }
    return id;
  }

  /** The name of a lane. */
  name(id: number): string {
    return this.#names[id] ?? "";
  }

  /** The numbers of those whose names pass. */
  matching(pass: (name: string) => boolean): number[] {
    return [...this.#ids].filter(([name]) => pass(name)).map(([, id]) => id);
  }

  /** Stores how many may run at once. */
  limit(name: string, most: number): void {
    this.#sql.limitLane.run(most, this.id(name));
  }

  /** Stores that a lane is not held any more. */
  release(name: string): void {
    this.#sql.releaseLane.run(this.id(name));
  }

  /** Stores a hold. */
  hold(name: string, until: number, reason: string): void {
    this.#sql.holdLane.run(until, reason, this.id(name));
  }
}
