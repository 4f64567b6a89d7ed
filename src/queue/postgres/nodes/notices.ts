/**
 * Notices between nodes, by `LISTEN` and `NOTIFY`.
 *
 * Notices only save time: a notice may be lost while a connection is down, and
 * a rescan finds the same facts within two seconds. They are sent after the
 * commit, because a notification inside a transaction makes commits wait for
 * one another.
 *
 * @module
 */

import type { Clock } from "../../../lib/clock.ts";
import { Connection, type ConnectionOptions } from "../database/connection.ts";

/** How long to wait for another commit before notices are sent, and at most, in milliseconds. */
const SEND_MS = 5;
const MAX_SEND_MS = 25;
/** PostgreSQL refuses a notification of 8,000 bytes. */
const MAX_BYTES = 7_900;

/** The content of a notification. */
export interface Notice {
  /** The node that sent it. */
  readonly from: number;
  /** Lane, priority and due time of queued tasks; `null` when there are too many to list. */
  readonly due?: readonly [number, number, number][] | null;
  /** Lanes from which tasks may be claimed again. */
  readonly freed?: readonly number[];
  /** Whether tasks have changed. */
  readonly changed?: boolean;
  /** A running task that is to be aborted. */
  readonly abort?: string;
  /** Whether pauses have begun or ended. */
  readonly paused?: boolean;
  /** Whether something was announced; see `Announcements`. */
  readonly announced?: boolean;
}

/** What notices need. */
export interface NoticesParts {
  readonly connection: ConnectionOptions;
  readonly schema: string;
  readonly clock: Clock;
  /** The number of this node. */
  readonly node: () => number;
  /** Called for each notice of another node. */
  readonly onNotice: (notice: Notice) => void;
  /** Runs work in the background and reports its failure. */
  readonly inBackground: (work: Promise<unknown>) => void;
}

/** Sends and receives notices over a connection of their own; without one, nothing is sent. */
export class Notices {
  readonly #parts: NoticesParts;
  #connection: Connection | undefined;
  #undo: () => void = () => {};
  #due = new Map<string, number>();
  #freed = new Set<number>();
  #isChanged = false;
  /** When the first of what was collected was committed, on the monotonic clock. */
  #since: number | undefined;
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
    const { schema, onNotice, node } = this.#parts;
    const connection = this.#connection;
    if (!connection) return;
    connection.onNotification((_, payload) => {
      const notice = JSON.parse(payload) as Notice;
      if (notice.from !== node()) onNotice(notice);
    });
    connection.onLost(() => this.#connection = undefined);
    await connection.run({ name: "", text: `LISTEN "${schema}_queue"` });
    // Notices need no durability, so their commits need not wait for the disk.
    await connection.run({
      name: "",
      text: `SELECT set_config('synchronous_commit', 'off', false)`,
    });
  }

  /** Reserves the name while the connection is open; adds a number when another live process has the name. */
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

  /** Adds a task that is queued there and due at that time. */
  due(lane: number, priority: number, dueAt: number): void {
    const name = `${lane}:${priority}`;
    this.#due.set(name, Math.min(dueAt, this.#due.get(name) ?? Infinity));
  }

  /** Adds a lane from which tasks may be claimed again. */
  freed(lane: number): void {
    this.#freed.add(lane);
  }

  /** Tasks have changed: sends everything that was collected, after a short wait. */
  changed(): void {
    const { clock } = this.#parts;
    this.#isChanged = true;
    this.#undo();
    if (!this.#connection || this.#closed) return this.#clear();
    this.#since ??= clock.monotonic();
    this.#undo = clock.after(
      Math.min(SEND_MS, this.#since + MAX_SEND_MS - clock.monotonic()),
      () => this.#parts.inBackground(this.#sendCollected()),
    );
  }

  /** Sends a notice at once. */
  sendNow(notice: Omit<Notice, "from">): void {
    this.#parts.inBackground(this.#send({ from: this.#parts.node(), ...notice }));
  }

  /** Closes the connection. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#undo();
    await this.#connection?.close();
  }

  async #sendCollected(): Promise<void> {
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
    this.#since = undefined;
  }

  async #send(notice: Notice): Promise<void> {
    await this.#connection?.run(
      { name: "notify", text: `SELECT pg_notify($1, $2)` },
      `${this.#parts.schema}_queue`,
      JSON.stringify(notice),
    ).catch(() => {});
  }
}
