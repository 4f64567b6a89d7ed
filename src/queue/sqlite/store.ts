/**
 * Runs groups of commands, each group as one transaction, and hands what is due
 * to the claims that wait for it. Synchronous: it runs on the queue's thread,
 * see `thread/thread.ts`.
 *
 * @module
 */

import type { DatabaseSync } from "node:sqlite";
import type { Failpoint } from "../../lib/failpoints.ts";
import type { HostLimits } from "../../task/host_limits.ts";
import type { CancelReason } from "../../task/outcome.ts";
import { claim } from "../core/claims.ts";
import { makeFollowUps } from "../core/follow_ups.ts";
import { cancel, expire, recover, revive, runNow, settle } from "../core/lifecycle.ts";
import type { Row } from "../core/row.ts";
import { insertSubmission } from "../core/submissions.ts";
import type { TaskChange } from "../engine.ts";
import { cancelSome, reviveSome } from "./cancel_retry.ts";
import { changesAfter } from "./changes.ts";
import {
  type PackedSettlement,
  type PackedSubmission,
  unpackSettlement,
  unpackSubmission,
} from "./codec.ts";
import { Ballast } from "./file/ballast.ts";
import { isDamage, isFull, openFile } from "./file/file.ts";
import { cancelWaiting, sweep } from "./generation.ts";
import { list } from "./lists.ts";
import { purge } from "./purge.ts";
import {
  batchTasks,
  deliveries,
  findBatch,
  findDelivery,
  listBatches,
  schedules,
} from "./records.ts";
import { SqliteStorage } from "./storage.ts";

type Host = readonly [host: string, limits: HostLimits];

/** What the thread can be asked to do, by name. Arguments and results cross as plain data. */
const commands = {
  insert: (storage: SqliteStorage, submission: PackedSubmission, maxQueued: number) =>
    insertSubmission(storage, unpackSubmission(submission), maxQueued),
  settle: (storage: SqliteStorage, packed: PackedSettlement) => {
    const settled = unpackSettlement(packed);
    return settle(storage, storage.find(settled.id), settled);
  },
  cancel: (storage: SqliteStorage, id: string, reason: CancelReason) =>
    cancel(storage, storage.find(id), reason),
  cancelSome,
  cancelWaiting,
  revive: (storage: SqliteStorage, id: string) => revive(storage, storage.find(id)),
  reviveSome,
  runNow: (storage: SqliteStorage, id: string) => runNow(storage, storage.find(id)),
  find: (storage: SqliteStorage, id: string) => {
    const row = storage.find(id);
    return row && storage.record(row);
  },
  list,
  findBatch,
  listBatches,
  batchTasks,
  lastChange: (storage: SqliteStorage) => storage.change,
  changesAfter,
  schedules,
  deliveries,
  findDelivery,
  counts: (storage: SqliteStorage) => ({ ...storage.counts }),
  lanes: (storage: SqliteStorage, limit: number) => storage.scheduler.status(storage.now, limit),
  lane: (storage: SqliteStorage, lane: string) => storage.scheduler.statusOf(lane, storage.now),
  limitHosts: (storage: SqliteStorage, hosts: readonly Host[]): null => {
    storage.hosts = new Map(hosts);
    storage.scheduler.limitHosts(storage.hosts);
    return null;
  },
  limitLane: (storage: SqliteStorage, lane: string, limit: number): null => {
    storage.lanes.limit(lane, limit);
    storage.scheduler.set(lane, { limit });
    return null;
  },
  purge,
  sweep,
  watch: (storage: SqliteStorage, word: string): null => {
    storage.watched.add(word);
    return null;
  },
  unwatch: (storage: SqliteStorage, word: string): null => {
    storage.watched.delete(word);
    return null;
  },
};

/** The names of what the thread can be asked to do. */
export type CommandName = keyof typeof commands;

/** What a command takes, after the storage. */
export type Arguments<Name extends CommandName> = Parameters<(typeof commands)[Name]> extends
  [SqliteStorage, ...infer Rest] ? Rest : never;

/** What a command returns. */
export type Result<Name extends CommandName> = ReturnType<(typeof commands)[Name]>;

/** One thing asked for. */
export interface Command {
  /** Names the answer. */
  readonly n: number;
  /** A command by its name; `claim` waits until something is due, `withdraw` ends that. */
  readonly do: CommandName | "claim" | "withdraw";
  /** For `claim` the most tasks, for `withdraw` the claim's `n`. */
  readonly with: readonly unknown[];
}

/** What is to be done in one transaction. */
export interface Group {
  /** The main thread's time, in milliseconds since the epoch. */
  readonly now: number;
  /** In the order in which they were asked for. */
  readonly commands: readonly Command[];
}

/** An error as it crosses. */
export interface Fault {
  /** The class. */
  readonly name: "EngineError" | "EngineDamagedError";
  /** The text. */
  readonly message: string;
}

/** One answer. */
export interface Answered {
  /** The command's. */
  readonly n: number;
  /** What came of it. */
  readonly value?: unknown;
  /** Instead of a value. */
  readonly fault?: Fault;
}

/** What came of a group; all of it is on disk. */
export interface Reply {
  /** Of this group's commands, and of claims that waited since earlier ones. */
  readonly answers: readonly Answered[];
  /** Changes that somebody watches. */
  readonly changes: readonly TaskChange[];
  /** When to come again at the latest, in milliseconds since the epoch. */
  readonly wakeAt?: number;
  /** The highest sequence number ever kept. */
  readonly last: number;
}

/** What an open file says of itself. */
export interface Opened extends Reply {
  /** Attempts that had broken off. */
  readonly recovered: number;
  /** Whether `sweep` has something to do. */
  readonly sweeping: boolean;
}

/** How soon claims are tried again after the disk did not take them. */
const CLAIM_AGAIN_MS = 1_000;

/** An open file. */
export class Store {
  readonly #storage: SqliteStorage;
  readonly #ballast: Ballast | undefined;
  /** In the order in which they are served. */
  #claims: { n: number; limit: number }[] = [];
  /** What the open file says of itself. */
  readonly opened: Opened;

  constructor(db: DatabaseSync, now: number, ballast?: Ballast, failpoint?: Failpoint) {
    this.#storage = new SqliteStorage(db, failpoint);
    this.#ballast = ballast;
    ballast?.hold(now);
    const recovered = this.#storage.transaction(now, () => {
      const interrupted = this.#storage.running();
      for (const row of interrupted) recover(this.#storage, row);
      makeFollowUps(this.#storage);
      return interrupted.length;
    });
    this.opened = { ...this.#reply([], [], now), recovered, sweeping: this.#storage.sweeping };
  }

  /** Does all that a group asks for. A command that fails does not spoil its fellows. */
  run(group: Group): Reply {
    const { now } = group;
    const answers = this.#queueClaims(group.commands);
    const asked = group.commands.filter((command) => !isClaiming(command));
    try {
      return this.#reply(...this.#together(now, asked, answers), now);
    } catch {
      // Rolled back: whoever is at fault is found by doing each on its own.
    }
    const changes: TaskChange[] = [];
    for (const command of asked) {
      answers.push(this.#alone(now, command));
      changes.push(...this.#storage.changes);
    }
    try {
      const [all, later] = this.#together(now, [], answers);
      return this.#reply(all, [...changes, ...later], now);
    } catch (error) {
      if (isFull(error)) this.#makeRoom(now);
      return { ...this.#reply(answers, changes, now), wakeAt: now + CLAIM_AGAIN_MS };
    }
  }

  /** Leaves a file without a log beside it. */
  close(): void {
    try {
      this.#storage.db.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get();
    } finally {
      this.#storage.db.close();
    }
  }

  #queueClaims(group: readonly Command[]): Answered[] {
    const answers: Answered[] = [];
    for (const { n, do: what, with: [argument] } of group) {
      if (what === "claim") this.#claims.push({ n, limit: Number(argument) });
      if (what !== "withdraw") continue;
      const left = this.#claims.filter((waiting) => waiting.n !== argument);
      if (left.length < this.#claims.length) answers.push({ n: Number(argument), value: [] });
      this.#claims = left;
    }
    return answers;
  }

  #together(
    now: number,
    asked: readonly Command[],
    before: readonly Answered[],
  ): [Answered[], TaskChange[]] {
    const answers = [...before];
    const served = this.#storage.transaction(now, () => {
      for (const command of asked) answers.push({ n: command.n, value: this.#do(command) });
      this.#storage.flush();
      expireDue(this.#storage);
      makeFollowUps(this.#storage);
      const served = this.#serve();
      makeFollowUps(this.#storage);
      return served;
    });
    this.#claims.splice(0, served.length);
    return [[...answers, ...served], this.#storage.changes];
  }

  /** Serves the claims that wait, as far as what is due reaches. */
  #serve(): Answered[] {
    const served: Answered[] = [];
    for (const { n, limit } of this.#claims) {
      const tasks = claim(this.#storage, limit);
      if (tasks.length === 0) break;
      served.push({ n, value: tasks });
    }
    return served;
  }

  #do(command: Command): unknown {
    if (command.do === "insert" && this.#ballast?.hold(this.#storage.now) === false) {
      return STORAGE_FULL;
    }
    if (!LETS_ROWS_GATHER.has(command.do)) this.#storage.flush();
    const run = commands[command.do as CommandName] as (
      storage: SqliteStorage,
      ...args: unknown[]
    ) => unknown;
    const value = run(this.#storage, ...command.with);
    makeFollowUps(this.#storage);
    return value;
  }

  #alone(now: number, command: Command): Answered {
    const { n } = command;
    const once = () => this.#storage.transaction(now, () => this.#do(command));
    try {
      try {
        return { n, value: once() };
      } catch (error) {
        if (!isFull(error)) throw error;
        if (command.do === "insert") return { n, value: STORAGE_FULL };
        this.#makeRoom(now);
        return { n, value: once() };
      }
    } catch (error) {
      return { n, fault: faultOf(error) };
    }
  }

  /** With the ballast gone the log fits into the file, and what it took is free as well. */
  #makeRoom(now: number): void {
    this.#ballast?.release(now);
    try {
      this.#storage.db.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get();
    } catch {
      // Then there is no room; whoever asked is told when it fails again.
    }
  }

  #reply(answers: readonly Answered[], changes: readonly TaskChange[], now: number): Reply {
    const { scheduler, nextExpiry, last } = this.#storage;
    const dueAt = scheduler.nextAt();
    // What is due and was not taken waits for a claim, not for the time.
    const wakeAt = Math.min(nextExpiry, dueAt > now ? dueAt : Infinity);
    return { answers, changes, last, ...(wakeAt === Infinity ? {} : { wakeAt }) };
  }
}

/** Tasks that expire in one transaction; the rest follows in the next. */
const EXPIRED_AT_ONCE = 500;

/** Ends those whose time is over, as many as do not keep others waiting. */
function expireDue(storage: SqliteStorage): void {
  const { sql, generation, now } = storage;
  if (storage.nextExpiry > now || storage.closed) return;
  const rows = sql.expiring.all(generation, now, EXPIRED_AT_ONCE) as unknown as { seq: number }[];
  for (const { seq } of rows) expire(storage, storage.row(seq) as Row);
  storage.findExpiry();
}

/** Between these, new rows are left to be written several at once: what they read is written already. */
const LETS_ROWS_GATHER: ReadonlySet<Command["do"]> = new Set(["insert", "settle"]);

const STORAGE_FULL = { kind: "refused", code: "storage_full" } as const;

function isClaiming(command: Command): boolean {
  return command.do === "claim" || command.do === "withdraw";
}

function faultOf(error: unknown): Fault {
  const message = error instanceof Error ? error.message : String(error);
  return { name: isDamage(error) ? "EngineDamagedError" : "EngineError", message };
}

/** Opens the file at `path`; `ballastBytes` are set aside beside it. */
export function openStore(
  path: string,
  now: number,
  ballastBytes: number,
  failpoint?: Failpoint,
): Store {
  return new Store(openFile(path), now, new Ballast(`${path}.ballast`, ballastBytes), failpoint);
}
