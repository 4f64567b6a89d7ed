/**
 * Runs groups of commands, each group as one transaction, and hands what is due
 * to the claims that wait for it. Synchronous: it runs on the queue's thread,
 * see `thread/thread.ts`.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import type { Failpoint } from "../../lib/failpoints.ts";
import { claim } from "../core/claims.ts";
import { makeFollowUps } from "../core/follow_ups.ts";
import { expire, recover, settle } from "../core/lifecycle.ts";
import { type Commands, type CommandTable, commonCommands, findRow } from "../core/commands.ts";
import type { Row } from "../core/row.ts";
import { isUnused } from "../core/rules.ts";
import { insertSubmission } from "../core/submissions.ts";
import type { FailedTask, Inserted, OpenedFile, TaskChange } from "../engine.ts";
import { changesAfter } from "./changes.ts";
import {
  type FlatList,
  packChanges,
  packClaims,
  type PackedSubmission,
  SETTLEMENT_SIZE,
  TASK_SIZE,
  unpackSettlement,
  unpackSubmission,
  unpackTask,
} from "./codec.ts";
import { Backups } from "./file/backup.ts";
import { Ballast } from "./file/ballast.ts";
import { pragma } from "./file/schema.ts";
import { isDamage, isFull, type OpenDatabase, openFile, setInUse } from "./file/file.ts";
import type { WhenMoved } from "./file/move.ts";
import { cancelWaiting, sweep } from "./generation.ts";
import { count, matching, upcoming } from "./lists.ts";
import { applyPauses, endPauses, pause, resume } from "./pauses.ts";
import { purge } from "./purge.ts";
import {
  batchTasks,
  deliveries,
  endedSessions,
  endSession,
  findDelivery,
  history,
  listBatches,
  schedules,
  writeHistory,
} from "./records.ts";
import { SqliteStorage } from "./storage.ts";

/** The results of a list, one for each; `undefined` when each was stored or settled. */
export type ListResults<Result> =
  | readonly { readonly value?: Result; readonly fault?: Fault }[]
  | undefined;

/** The commands of the thread. */
export interface ThreadCommands extends Commands {
  insert(submission: PackedSubmission, maxQueued: number): Inserted;
  /** Submissions of one task; after the values of each comes how many tasks its API key may have queued. */
  insertEach(list: FlatList, maxQueued: number): ListResults<Inserted>;
  settleEach(list: FlatList): ListResults<boolean>;
  sweep(): boolean;
  watch(word: string): void;
  unwatch(word: string): void;
}

const commands: CommandTable<SqliteStorage, ThreadCommands> = {
  ...commonCommands<SqliteStorage>({ matching, upcoming }),
  insert: (storage, submission, maxQueued) =>
    insertSubmission(storage, unpackSubmission(submission), maxQueued),
  insertEach: (storage, list, maxQueued) => {
    const results: { value: Inserted }[] = [];
    let allStored = true;
    for (let at = 0; at < list.length; at += LIST_SIZES.insertEach) {
      const task = unpackTask(list, at);
      const most = list[at + TASK_SIZE] as number | undefined;
      const quota = most === undefined || task.row.owner === null
        ? NO_QUOTA
        : { quota: { owner: task.row.owner, maxQueued: most } };
      const value = insertSubmission(storage, { tasks: [task], ...quota }, maxQueued);
      allStored &&= value.kind === "stored";
      results.push({ value });
    }
    return allStored ? undefined : results;
  },
  settleEach: (storage, list) => {
    const results: { value: boolean }[] = [];
    let allSettled = true;
    for (let at = 0; at < list.length; at += LIST_SIZES.settleEach) {
      const settled = unpackSettlement(list, at);
      const value = settle(storage, findRow(storage, settled.id), settled);
      makeFollowUps(storage);
      allSettled &&= value;
      results.push({ value });
    }
    return allSettled ? undefined : results;
  },
  cancelWaiting,
  count,
  listBatches,
  batchTasks,
  changesAfter,
  schedules,
  deliveries,
  findDelivery,
  writeHistory,
  history,
  endSession,
  endedSessions,
  limitHosts: (storage, hosts) => {
    storage.hosts = new Map(hosts);
    storage.scheduler.limitHosts(storage.hosts);
  },
  limitLane: (storage, lane, limit) => {
    storage.lanes.limit(lane, limit);
    storage.scheduler.set(lane, { limit });
  },
  purge,
  queued: (storage) => {
    storage.flush();
    const { now, generation, counts, pauses } = storage;
    const kinds = storage.queuedCounts.at(now, generation, counts.queued);
    if (pauses.all) return { due: 0, scheduled: 0, retrying: 0, paused: counts.queued };
    return { ...kinds, ...compact({ oldestDueAt: storage.oldestDueAt() }) };
  },
  pauses: ({ pauses }) => [...pauses.list()],
  pause,
  resume,
  applyPauses,
  releaseHolds: (storage, host) => {
    const released = storage.scheduler.releaseHolds(host);
    for (const lane of released) storage.lanes.release(lane);
    return released;
  },
  moveLanes: (storage, prefixes, used, to) => {
    storage.flush();
    const { lanes, scheduler, sql } = storage;
    const into = lanes.id(to);
    let moved = 0;
    for (const lane of lanes.matching((name) => isUnused(name, prefixes, used))) {
      moved += Number(sql.moveLane.run(into, lane).changes);
      scheduler.releaseHolds(lanes.name(lane));
      sql.releaseLane.run(lane);
    }
    for (let priority = 0; priority <= 9 && moved > 0; priority++) {
      scheduler.offer(to, priority, storage.nextDueAt({ lane: to, priority }));
    }
    return moved;
  },
  sweep,
  watch: (storage, word) => void storage.watched.add(word),
  unwatch: (storage, word) => void storage.watched.delete(word),
};

const NO_QUOTA = {};

/** How many values each item takes in the lists of these commands. */
const LIST_SIZES = { insertEach: TASK_SIZE + 1, settleEach: SETTLEMENT_SIZE } as const;

/** Commands that take a list of tasks or settlements. */
export type ListName = keyof typeof LIST_SIZES;

/** One command. */
export interface Command {
  /** The number of the result. */
  readonly n: number;
  /** The command's name. `claim` waits until a task is due, `withdraw` ends that wait. */
  readonly do: keyof ThreadCommands | "claim" | "withdraw";
  /** Its arguments; for `claim` the most tasks, for `withdraw` the claim's `n`. */
  readonly with: readonly unknown[];
}

/** The commands of one transaction. */
export interface Group {
  /** The main thread's time, in milliseconds since the epoch. */
  readonly now: number;
  /** In the order of the calls. */
  readonly commands: readonly Command[];
}

/** An error as it crosses to the main thread. */
export interface Fault {
  /** The class. */
  readonly name: "EngineError" | "EngineDamagedError";
  /** The text. */
  readonly message: string;
}

/** The result of one command. */
export interface Answered {
  /** The command's. */
  readonly n: number;
  /** What it returned. */
  readonly value?: unknown;
  /** Instead of a value. */
  readonly fault?: Fault;
}

/** The results of a group; all of it is on disk. */
export interface Reply {
  /** Of this group's commands, and of earlier claims that waited. */
  readonly answers: readonly Answered[];
  /** Watched changes. */
  readonly changes: FlatList;
  /** Tasks that failed without the settlement of an attempt. */
  readonly failed?: readonly FailedTask[];
  /** When the thread has to run again at the latest, in milliseconds since the epoch. */
  readonly wakeAt?: number;
  /** The highest sequence number ever stored. */
  readonly last: number;
}

/** What was found when the file was opened. */
export interface Opened extends Reply {
  /** Interrupted attempts. */
  readonly recovered: number;
  /** Whether `sweep` has something to do. */
  readonly sweeping: boolean;
  /** The file itself. */
  readonly file: OpenedFile;
}

/** The wait before claims are tried again after a full disk. */
const CLAIM_AGAIN_MS = 1_000;

/** An open file. */
export class Store {
  readonly #storage: SqliteStorage;
  readonly #ballast: Ballast | undefined;
  readonly #backups: Backups | undefined;
  /** In the order in which they are served. */
  #claims: { n: number; limit: number }[] = [];
  /** What was found in the file. */
  readonly opened: Opened;

  constructor(
    { db, ...file }: OpenDatabase,
    now: number,
    ballast?: Ballast,
    failpoint?: Failpoint,
    reader?: Deno.FsFile,
  ) {
    this.#storage = new SqliteStorage(db, failpoint);
    this.#ballast = ballast;
    this.#backups = reader && new Backups(db, reader);
    ballast?.hold(now);
    const recovered = this.#storage.transaction(now, () => {
      const interrupted = this.#storage.running();
      for (const row of interrupted) recover(this.#storage, row);
      makeFollowUps(this.#storage);
      return interrupted.length;
    });
    this.opened = {
      ...this.#reply([], [], now),
      recovered,
      sweeping: this.#storage.sweeping,
      file,
    };
  }

  /** Runs a group. A command that fails does not affect the others. */
  run(group: Group): Reply {
    const { now } = group;
    const answers = this.#queueClaims(group.commands);
    const others = group.commands.filter((command) => !isClaiming(command));
    try {
      return this.#reply(...this.#together(now, others, answers), now);
    } catch {
      // Rolled back. Running each command by itself finds the one that fails.
    }
    const changes: TaskChange[] = [];
    for (const command of others) {
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

  /**
   * Gives the free space of the file back to the file system, when that is more
   * than half of the file and what remains is copied quickly.
   */
  compact(): void {
    const { db } = this.#storage;
    const pages = pragma(db, "page_count");
    const free = pragma(db, "freelist_count");
    const pageBytes = pragma(db, "page_size");
    if (free * 2 < pages || free * pageBytes < COMPACT_FREE_BYTES) return;
    if ((pages - free) * pageBytes > COMPACT_USED_BYTES) return;
    if (this.#backups?.isRunning) return;
    try {
      db.exec("VACUUM");
      db.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get();
    } catch {
      // As on a full disk: nothing has changed, and the next call tries again.
    }
  }

  /** Copies the file as of the last commit to a new one at `path`. Groups run meanwhile. */
  backup(path: string): Promise<void> {
    if (!this.#backups) return Promise.reject(new Error("the file is not open for reading"));
    return this.#backups.make(path);
  }

  /** Closes the file, and leaves no log next to it. */
  close(): void {
    this.#backups?.giveUp("the queue was closed");
    try {
      setInUse(this.#storage.db, false);
    } finally {
      this.#storage.db.close();
      this.#backups?.close();
    }
  }

  #queueClaims(group: readonly Command[]): Answered[] {
    const answers: Answered[] = [];
    for (const { n, do: name, with: [argument] } of group) {
      if (name === "claim") this.#claims.push({ n, limit: Number(argument) });
      if (name !== "withdraw") continue;
      const left = this.#claims.filter((waiting) => waiting.n !== argument);
      if (left.length < this.#claims.length) answers.push({ n: Number(argument), value: [] });
      this.#claims = left;
    }
    return answers;
  }

  #together(
    now: number,
    commands: readonly Command[],
    before: readonly Answered[],
  ): [Answered[], TaskChange[]] {
    const answers = [...before];
    const served = this.#storage.transaction(now, () => {
      for (const command of commands) answers.push({ n: command.n, value: this.#do(command) });
      expireDue(this.#storage);
      endPauses(this.#storage);
      if (!this.#storage.closed) applyPauses(this.#storage);
      makeFollowUps(this.#storage);
      const served = this.#serve();
      makeFollowUps(this.#storage);
      return served;
    });
    this.#claims.splice(0, served.length);
    return [[...answers, ...served], this.#storage.changes];
  }

  /** Serves the waiting claims until nothing is due. */
  #serve(): Answered[] {
    const served: Answered[] = [];
    for (const { n, limit } of this.#claims) {
      const tasks = claim(this.#storage, limit);
      if (tasks.length === 0) break;
      served.push({ n, value: packClaims(tasks) });
    }
    return served;
  }

  #do(command: Command): unknown {
    if (isInsert(command) && this.#ballast?.hold(this.#storage.now) === false) {
      return fullResult(command);
    }
    if (!LEAVES_ROWS_BUFFERED.has(command.do)) this.#storage.flush();
    const run = commands[command.do as keyof ThreadCommands] as (
      storage: SqliteStorage,
      ...args: unknown[]
    ) => unknown;
    const value = run(this.#storage, ...command.with);
    makeFollowUps(this.#storage);
    return value;
  }

  #alone(now: number, command: Command): Answered {
    const { n } = command;
    const items = itemsOf(command);
    if (items.length < 2) return this.#oneAlone(now, command);
    const results = items.map((item) => {
      const { value, fault } = this.#oneAlone(now, item);
      return fault ? { fault } : (value as ListResults<unknown>)?.[0] ?? {};
    });
    return { n, value: results };
  }

  #oneAlone(now: number, command: Command): Answered {
    const { n } = command;
    const once = () => this.#storage.transaction(now, () => this.#do(command));
    try {
      try {
        return { n, value: once() };
      } catch (error) {
        if (!isFull(error)) throw error;
        if (isInsert(command)) return { n, value: fullResult(command) };
        this.#makeRoom(now);
        return { n, value: once() };
      }
    } catch (error) {
      return { n, fault: faultOf(error) };
    }
  }

  /** Without the ballast the log can be copied into the file, and its own space is free too. */
  #makeRoom(now: number): void {
    this.#ballast?.release(now);
    this.#backups?.giveUp("the disk is full");
    try {
      this.#storage.db.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get();
    } catch {
      // Still full: the command fails when it is tried again.
    }
  }

  #reply(answers: readonly Answered[], changes: readonly TaskChange[], now: number): Reply {
    const { scheduler, nextExpiry, last, pauses, failed } = this.#storage;
    const dueAt = scheduler.nextAt();
    // A due task that was not taken waits for a claim, not for its time.
    const wakeAt = Math.min(nextExpiry, pauses.nextEnd, dueAt > now ? dueAt : Infinity);
    return {
      answers,
      changes: packChanges(changes),
      last,
      ...(failed.length === 0 ? {} : { failed }),
      ...(wakeAt === Infinity ? {} : { wakeAt }),
    };
  }
}

/** Less free space is not worth it, in bytes. */
const COMPACT_FREE_BYTES = 16 * 2 ** 20;
/** Used bytes that are copied within about half a second. */
const COMPACT_USED_BYTES = 16 * 2 ** 20;

/** Tasks that expire in one transaction; the rest follows in the next. */
const EXPIRED_AT_ONCE = 500;

/** Ends those whose time is over, as many as do not keep others waiting. */
function expireDue(storage: SqliteStorage): void {
  const { sql, generation, now } = storage;
  if (storage.nextExpiry > now || storage.closed) return;
  storage.flush();
  const rows = sql.expiring.all(generation, now, EXPIRED_AT_ONCE) as unknown as { seq: number }[];
  for (const { seq } of rows) expire(storage, storage.row(seq) as Row);
  storage.findExpiry();
}

/** Before these commands new rows need not be written, so several can be written at once. */
const LEAVES_ROWS_BUFFERED: ReadonlySet<Command["do"]> = new Set([
  "insert",
  "insertEach",
  "settleEach",
  "find",
  "findBrief",
  "watch",
  "unwatch",
]);

const STORAGE_FULL = { kind: "refused", code: "storage_full" } as const;

function isInsert(command: Command): boolean {
  return command.do === "insert" || command.do === "insertEach";
}

function fullResult(command: Command): unknown {
  if (command.do === "insert") return STORAGE_FULL;
  return itemsOf(command).map(() => ({ value: STORAGE_FULL }));
}

/** One command for each item of a list; none for a command without a list. */
function itemsOf({ n, do: name, with: [list, ...more] }: Command): Command[] {
  if (name !== "insertEach" && name !== "settleEach") return [];
  const values = list as FlatList;
  const size = LIST_SIZES[name];
  return Array.from(
    { length: values.length / size },
    (_, at) => ({ n, do: name, with: [values.slice(at * size, (at + 1) * size), ...more] }),
  );
}

function isClaiming(command: Command): boolean {
  return command.do === "claim" || command.do === "withdraw";
}

function faultOf(error: unknown): Fault {
  const message = error instanceof Error ? error.message : String(error);
  return { name: isDamage(error) ? "EngineDamagedError" : "EngineError", message };
}

/** Opens the file at `path`; `ballastBytes` are reserved in a file next to it. */
export function openStore(
  path: string,
  now: number,
  { ballastBytes, whenMoved = "refuse", failpoint }: {
    readonly ballastBytes: number;
    readonly whenMoved?: WhenMoved;
    readonly failpoint?: Failpoint;
  },
): Store {
  const ballast = new Ballast(`${path}.ballast`, ballastBytes);
  const file = openFile(path, whenMoved);
  return new Store(file, now, ballast, failpoint, Deno.openSync(path));
}
