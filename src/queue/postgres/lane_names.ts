/**
 * Maps lane numbers to names and back. A lane's name never changes, so each is read once.
 *
 * @module
 */

import { EngineError } from "../errors.ts";
import type { LaneNames } from "./database/columns.ts";
import type { Session } from "./database/connection.ts";
import type { Sql } from "./database/sql.ts";

/** The lanes that this node has read so far. */
export class LaneTable implements LaneNames {
  readonly #sql: Sql;
  readonly #names = new Map<number, string>();
  readonly #ids = new Map<string, number>();

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  name(id: number): string {
    const name = this.#names.get(id);
    if (name === undefined) throw new EngineError(`Cannot read lane ${id}: it was not looked up`);
    return name;
  }

  id(name: string): number {
    const id = this.#ids.get(name);
    if (id === undefined) throw new EngineError(`Cannot write lane "${name}": it was not stored`);
    return id;
  }

  /** Whether the name is known to be stored. */
  has(name: string): boolean {
    return this.#ids.has(name);
  }

  /** Looks up the names of these numbers. */
  async read(session: Session, ids: readonly number[]): Promise<void> {
    const unknown = ids.filter((id) => !this.#names.has(id));
    if (unknown.length > 0) this.#take(await session.run(this.#sql.laneNames, unknown));
  }

  /** Looks up the numbers of these names, and stores those that are new: outside any transaction. */
  async store(session: Session, names: readonly string[]): Promise<void> {
    const unknown = names.filter((name) => !this.#ids.has(name));
    if (unknown.length === 0) return;
    const rows = await session.run(this.#sql.laneIds, unknown);
    this.#take(rows);
    // Another node stored the name between the two parts of the statement.
    if (unknown.some((name) => !this.#ids.has(name))) await this.store(session, names);
  }

  /** Reads all lanes, and returns their names. */
  async readAll(session: Session): Promise<string[]> {
    this.#take(await session.run(this.#sql.allLanes));
    return [...this.#ids.keys()];
  }

  #take(rows: readonly (readonly unknown[])[]): void {
    for (const [id, name] of rows as readonly [number, string][]) {
      this.#names.set(id, name);
      this.#ids.set(name, id);
    }
  }
}
