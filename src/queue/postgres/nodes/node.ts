/**
 * This process among the nodes that share the queue.
 *
 * A node has a row that it renews every two seconds. One that has not been
 * renewed for ten is deleted by another node, and its attempts count as
 * interrupted. The node that finds its own row gone has been given up: it
 * aborts its attempts and registers again.
 *
 * @module
 */

import type { Clock } from "../../../lib/clock.ts";
import { EngineError } from "../../errors.ts";
import type { NodeReport, NodeStatus } from "../../cluster.ts";
import type { Session } from "../database/connection.ts";
import type { Pool } from "../database/pool.ts";
import { NODES_LOCK } from "../database/schema.ts";

/** How often a node renews its row, in milliseconds. */
const HEARTBEAT_MS = 2_000;
/** After this time without a heartbeat, in milliseconds, other nodes give up a node. */
const LEASE_MS = 10_000;
/** After an outage of its own, a node waits this long, in milliseconds, before it gives up others. */
const CONTACT_MS = 12_000;
/** How long a node stays leader without a heartbeat, in milliseconds. */
const LEADER_MS = 10_000;
/** Nodes at once: each has a slot of its own, which is six bits of the ids that it creates. */
const MAX_NODES = 64;

/** The server's time, so that a wrong clock on a node cannot change which nodes are given up. */
const SERVER_MS = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

/** What a node needs. */
export interface NodeParts {
  readonly schema: string;
  /** Measures the age of the last heartbeat; it must be the clock by which heartbeats are sent. */
  readonly clock: Clock;
  /** Unique among the live processes. */
  readonly name: string;
  readonly report: () => NodeReport;
}

/** One registered process. */
export class Node {
  readonly #parts: NodeParts;
  #id = 0;
  #slot = 0;
  #isLeader = false;
  /** Start of the current period without an outage, on the monotonic clock. */
  #contactSince = 0;
  #lastContact = 0;
  /** The server's time minus this machine's, in milliseconds. */
  #offsetMs = 0;

  constructor(parts: NodeParts) {
    this.#parts = parts;
  }

  /** The number of its row. */
  get id(): number {
    return this.#id;
  }

  /** The six bits that its ids contain. */
  get slot(): number {
    return this.#slot;
  }

  /** Whether this node does the work that only one node may do, such as expiring and purging. */
  get isLeader(): boolean {
    return this.#isLeader;
  }

  /** The server's time minus this machine's, in milliseconds. */
  get offsetMs(): number {
    return this.#offsetMs;
  }

  /** Whether the last heartbeat is so old that other nodes may have given this one up. */
  get hasLostContact(): boolean {
    return this.#parts.clock.monotonic() - this.#lastContact > LEASE_MS;
  }

  /** Takes a slot. An earlier process with the same name is given up at once. */
  async register(pool: Pool): Promise<void> {
    const { schema, name, report } = this.#parts;
    const row = await pool.transaction(async (session) => {
      await session.run({ name: "", text: `SELECT pg_advisory_xact_lock(${NODES_LOCK})` });
      await session.run({ name: "", text: `DELETE FROM ${schema}.node WHERE name = $1` }, name);
      const rows = await session.run(
        {
          name: "",
          text: `
          INSERT INTO ${schema}.node (slot, name, since, seen, report)
          SELECT (SELECT min(s) FROM generate_series(0, ${MAX_NODES - 1}) s
                   WHERE s NOT IN (SELECT slot FROM ${schema}.node)), $1, ${SERVER_MS}, ${SERVER_MS}, $2
          RETURNING id, slot`,
        },
        name,
        JSON.stringify(report()),
      );
      return rows[0];
    });
    if (!row || row[1] === null) {
      throw new EngineError(`Cannot join the queue: expected at most ${MAX_NODES} nodes`);
    }
    [this.#id, this.#slot] = row as unknown as [number, number];
    this.#contactSince = this.#lastContact = this.#parts.clock.monotonic();
  }

  /** Renews the row; `false` when the node was given up. Rejects when the database is unavailable. */
  async beat(session: Session): Promise<boolean> {
    const { schema, clock, report } = this.#parts;
    const before = clock.now();
    const sentAt = clock.monotonic();
    const rows = await session.run(
      {
        name: "beat",
        text: `
        WITH led AS (
          UPDATE ${schema}.state SET leader = $1, leader_until = ${SERVER_MS} + ${LEADER_MS}
           WHERE leader = $1 OR leader_until < ${SERVER_MS} RETURNING leader)
        UPDATE ${schema}.node SET seen = ${SERVER_MS}, report = $2 WHERE id = $1
        RETURNING seen, (SELECT leader FROM led)`,
      },
      this.#id,
      JSON.stringify(report()),
    );
    const now = clock.monotonic();
    if (now - this.#lastContact > LEASE_MS) this.#contactSince = now;
    this.#lastContact = now;
    const [row] = rows;
    this.#isLeader = row?.[1] === this.#id;
    if (!row) return false;
    // A slow reply makes the estimate too inaccurate.
    if (now - sentAt < 1_000) this.#offsetMs = row[0] - (before + (now - sentAt) / 2);
    return true;
  }

  /** Gives up nodes whose heartbeat is too old, and returns how many. */
  async giveUpOthers(session: Session): Promise<number> {
    const { schema } = this.#parts;
    if (this.#parts.clock.monotonic() - this.#contactSince < CONTACT_MS) return 0;
    const rows = await session.run(
      {
        name: "giveUp",
        text: `
        DELETE FROM ${schema}.node WHERE id IN (
          SELECT id FROM ${schema}.node WHERE seen < ${SERVER_MS} - ${LEASE_MS} AND id <> $1
             FOR UPDATE SKIP LOCKED)
        RETURNING id`,
      },
      this.#id,
    );
    return rows.length;
  }

  /** Leaves the queue: other nodes recover the attempts that it did not settle. */
  async leave(session: Session): Promise<void> {
    const { schema } = this.#parts;
    await session.run({ name: "", text: `DELETE FROM ${schema}.node WHERE id = $1` }, this.#id);
  }

  /** All live nodes, by name. */
  async list(session: Session): Promise<NodeStatus[]> {
    const { schema } = this.#parts;
    const rows = await session.run({
      name: "nodes",
      text: `SELECT name, since, seen, report FROM ${schema}.node ORDER BY name, id`,
    });
    return rows.map(([name, since, seen, report]) => ({
      ...JSON.parse(report),
      name,
      since,
      seen,
    }));
  }
}

export { HEARTBEAT_MS };
