/**
 * Runs groups of commands, each group as one transaction, and hands what is
 * due to whoever waits for it. Synchronous: it is the thread's, see `thread.ts`.
 *
 * @module
 */

import type { DatabaseSync } from "node:sqlite";
import type { Failpoint } from "../../lib/failpoints.ts";
import type { TaskChange } from "../engine.ts";
import { Ballast } from "./file/ballast.ts";
import { claim, expireDue } from "./claims.ts";
import { type CommandName, commands } from "./commands.ts";
import { isDamage, isFull, openFile } from "./file/file.ts";
import { follow } from "./follow_ups.ts";
import { Ledger } from "./ledger.ts";
import { recover } from "./settlements.ts";

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
  readonly #ledger: Ledger;
  readonly #ballast: Ballast | undefined;
  /** In the order in which they are served. */
  #claims: { n: number; limit: number }[] = [];
  /** What the open file says of itself. */
  readonly opened: Opened;

  constructor(db: DatabaseSync, now: number, ballast?: Ballast, failpoint?: Failpoint) {
    this.#ledger = new Ledger(db, failpoint);
    this.#ballast = ballast;
    ballast?.hold(now);
    const recovered = this.#ledger.transaction(now, () => {
      const tasks = recover(this.#ledger);
      follow(this.#ledger);
      return tasks;
    });
    this.opened = { ...this.#reply([], [], now), recovered, sweeping: this.#ledger.sweeping };
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
      changes.push(...this.#ledger.changes);
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
      this.#ledger.db.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get();
    } finally {
      this.#ledger.db.close();
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
    const served = this.#ledger.transaction(now, () => {
      for (const command of asked) answers.push({ n: command.n, value: this.#do(command) });
      this.#ledger.intake.flush();
      expireDue(this.#ledger);
      follow(this.#ledger);
      const served = this.#serve();
      follow(this.#ledger);
      return served;
    });
    this.#claims.splice(0, served.length);
    return [[...answers, ...served], this.#ledger.changes];
  }

  /** Serves the claims that wait, as far as what is due reaches. */
  #serve(): Answered[] {
    const served: Answered[] = [];
    for (const { n, limit } of this.#claims) {
      const tasks = claim(this.#ledger, limit);
      if (tasks.length === 0) break;
      served.push({ n, value: tasks });
    }
    return served;
  }

  #do(command: Command): unknown {
    if (command.do === "insert" && this.#ballast?.hold(this.#ledger.now) === false) {
      return STORAGE_FULL;
    }
    if (!LETS_ROWS_GATHER.has(command.do)) this.#ledger.intake.flush();
    const run = commands[command.do as CommandName] as (
      ledger: Ledger,
      ...args: unknown[]
    ) => unknown;
    const value = run(this.#ledger, ...command.with);
    follow(this.#ledger);
    return value;
  }

  #alone(now: number, command: Command): Answered {
    const { n } = command;
    const once = () => this.#ledger.transaction(now, () => this.#do(command));
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
      this.#ledger.db.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get();
    } catch {
      // Then there is no room; whoever asked is told when it fails again.
    }
  }

  #reply(answers: readonly Answered[], changes: readonly TaskChange[], now: number): Reply {
    const { book, nextExpiry, last } = this.#ledger;
    const dueAt = book.nextAt();
    // What is due and was not taken waits for a claim, not for the time.
    const wakeAt = Math.min(nextExpiry, dueAt > now ? dueAt : Infinity);
    return { answers, changes, last, ...(wakeAt === Infinity ? {} : { wakeAt }) };
  }
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
