/**
 * What nodes tell one another, by `LISTEN` and `NOTIFY`.
 *
 * Everything here is a hint, and is found without it within two seconds: a
 * notification may be lost while a connection is down. Nodes tell after the
 * commit, because a notification inside a transaction makes commits wait for
 * one another.
 *
 * @module
 */

import type { Clock } from "../../lib/clock.ts";
import type { Announcement } from "../cluster.ts";
import { Connection, type ConnectionOptions } from "./connection.ts";

/** How soon others are told of what was committed, in milliseconds. */
const TELL_MS = 5;
/** PostgreSQL refuses a notification of 8,000 bytes. */
const MAX_BYTES = 7_900;

/** What a notification says. */
export interface Notice {
  /** The node that sent it. */
  readonly from: number;
  /** Lane, priority and due time of what waits; `null` for too many to list. */
  readonly due?: readonly [number, number, number][] | null;
  /** Lanes in which something may begin again. */
  readonly freed?: readonly number[];
  /** Whether tasks have changed. */
  readonly changed?: boolean;
  /** A running task that is to be aborted. */
  readonly abort?: string;
  /** Whether pauses have begun or ended. */
  readonly paused?: boolean;
  readonly announced?: Announcement;
}

/** What notices need. */
export interface NoticesParts {
  readonly connection: ConnectionOptions;
  readonly schema: string;
  readonly clock: Clock;
  /** The number of this node. */
  readonly node: () => number;
  /** Called for each notice of another node. */
  readonly heard: (notice: Notice) => void;
  /** Runs work of the engine's own. */
  readonly chore: (work: Promise<unknown>) => void;
}

/** Sends and receives notices over a connection of their own; without one, nothing is sent. */
export class Notices {
  readonly #parts: NoticesParts;
  #connection: Connection | undefined;
  #undo: () => void = () => {};
  #due = new Map<string, number>();
  #freed = new Set<number>();
  #isChanged = false;
  #closed = false;

  constructor(parts: NoticesParts) {
    this.#parts = parts;
  }

  /** Whether there is a connection. */
  get isConnected(): boolean {
    return this.#connection !== undefined;
  }

  /** Opens the connection. Rejects with an `EngineAwayError`. */
  async connect(): Promise<void> {
    this.#connection = await Connection.open(this.#parts.connection);
  }

  /** Starts to listen. */
  async listen(): Promise<void> {
    const { schema, heard, node } = this.#parts;
    const connection = this.#connection;
    if (!connection) return;
    connection.onNotification((_, payload) => {
      const notice = JSON.parse(payload) as Notice;
      if (notice.from !== node()) heard(notice);
    });
    connection.onLost(() => this.#connection = undefined);
    await connection.run({ name: "", text: `LISTEN "${schema}_queue"` });
    // Nothing that is sent here has to survive anything.
    await connection.run({
      name: "",
      text: `SELECT set_config('synchronous_commit', 'off', false)`,
    });
  }

  /** Reserves the name for as long as the connection lives; with a number when a live process has it. */
  async reserve(name: string): Promise<string> {
    for (let number = 1; this.#connection; number++) {
      const numbered = number === 1 ? name : `${name}-${number}`;
      const [row] = await this.#connection.run(
        {
          name: "",
          text: `SELECT pg_try_advisory_lock(
                   hashtextextended($1, 0) & ((1::bigint << 55) - 1) | (10::bigint << 56))`,
        },
        `${this.#parts.schema} ${numbered}`,
      );
      if (row?.[0]) return numbered;
    }
    return name;
  }

  /** Something waits there, due then. */
  due(lane: number, priority: number, dueAt: number): void {
    const name = `${lane}:${priority}`;
    this.#due.set(name, Math.min(dueAt, this.#due.get(name) ?? Infinity));
  }

  /** Something may begin in the lane again. */
  freed(lane: number): void {
    this.#freed.add(lane);
  }

  /** Tasks have changed: tells all that was collected, soon. */
  changed(): void {
    this.#isChanged = true;
    this.#undo();
    if (!this.#connection || this.#closed) return this.#clear();
    this.#undo = this.#parts.clock.after(TELL_MS, () => this.#parts.chore(this.#tell()));
  }

  /** Tells something at once. */
  now(notice: Omit<Notice, "from">): void {
    this.#parts.chore(this.#send({ from: this.#parts.node(), ...notice }));
  }

  /** Ends it. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#undo();
    await this.#connection?.close();
  }

  async #tell(): Promise<void> {
    const from = this.#parts.node();
    const changed = this.#isChanged;
    const due = [...this.#due].map(([place, dueAt]): [number, number, number] => {
      const [lane = 0, priority = 0] = place.split(":").map(Number);
      return [lane, priority, dueAt];
    });
    const notice: Notice = { from, changed, freed: [...this.#freed], due };
    this.#clear();
    const isShort = JSON.stringify(notice).length <= MAX_BYTES;
    await this.#send(isShort ? notice : { from, changed, due: null });
  }

  #clear(): void {
    this.#due = new Map();
    this.#freed = new Set();
    this.#isChanged = false;
  }

  async #send(notice: Notice): Promise<void> {
    await this.#connection?.run(
      { name: "notify", text: `SELECT pg_notify($1, $2)` },
      `${this.#parts.schema}_queue`,
      JSON.stringify(notice),
    ).catch(() => {});
  }
}
