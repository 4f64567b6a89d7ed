/**
 * What nodes announce to all others, counted in the database: a node whose notice was
 * lost, or which polls, finds it at its next rescan.
 *
 * @module
 */

import type { Announcement } from "../../cluster.ts";
import type { Transactions } from "../transactions.ts";

/** The announcements that one node has heard. */
export class Announcements {
  readonly #db: Transactions;
  readonly #heard = new Map<Announcement, number>();
  #isOpen = false;

  constructor(db: Transactions) {
    this.#db = db;
  }

  /** Counts an announcement of this node. */
  async add(what: Announcement): Promise<void> {
    const [row] = await this.#db.read(this.#db.sql.announce, what);
    const number: number = row?.[0] ?? 0;
    // Unless another node's has not been heard yet.
    if (number === (this.#heard.get(what) ?? 0) + 1) this.#heard.set(what, number);
  }

  /** Returns what other nodes have announced since the last call; the first finds nothing new. */
  async read(): Promise<Announcement[]> {
    const rows = await this.#db.read(this.#db.sql.announced) as [Announcement, number][];
    const found = rows.filter(([what, number]) => number > (this.#heard.get(what) ?? 0));
    for (const [what, number] of found) this.#heard.set(what, number);
    if (this.#isOpen) return found.map(([what]) => what);
    this.#isOpen = true;
    return [];
  }
}
