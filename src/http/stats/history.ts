/**
 * Counts what the service does, and keeps the counts in the queue: once a
 * minute, when there is something new, for three lengths of steps.
 *
 * What is shown are the stored counts of all nodes, and those of this process
 * that are not stored yet.
 *
 * @module
 */

import type { Clock } from "../../lib/clock.ts";
import type { Metrics } from "../../lib/metrics.ts";
import type { QueueEngine } from "../../queue/engine.ts";
import {
  addTally,
  countAt,
  type EndedAttempt,
  HISTORY_STEPS,
  noTally,
  type Tally,
  tallyAt,
  withFewHosts,
} from "../../task/history.ts";
import type { TaskState } from "../../task/state.ts";
import { Minute } from "./minute.ts";

const MINUTE_MS = 60_000;
/** Hosts with the most attempts, and with the most failures, that are stored by name. */
const STORED_HOSTS = 30;
/** Steps that are kept for a later try while the queue cannot store them. */
const MAX_UNSTORED = 200;
/** How long stored counts are shown before they are read again, in milliseconds. */
const READ_AGAIN_MS = 10_000;

/** Counts of a length of time up to now. */
export interface Shown {
  /** The length of a step, in milliseconds. */
  readonly stepMs: number;
  /** The start of the first step, in milliseconds since the epoch. */
  readonly from: number;
  /** One tally for each step, oldest first; the last step is not over. */
  readonly steps: readonly Tally[];
  /** The sum of the steps. */
  readonly total: Tally;
}

/** Counts, and keeps the counts. */
export interface History {
  /** A submit of this many tasks was accepted within `ms` milliseconds. */
  accepted(type: string, tasks: number, ms: number): void;
  /** A task became final `ms` milliseconds after it was accepted. */
  finished(type: string, state: TaskState, ms: number): void;
  /** An attempt ended. */
  attempted(attempt: EndedAttempt): void;
  /** Counts tasks of `key ada`, deliveries of `hook builds`, or runs of `schedule nightly`. */
  submitted(who: string, count: number): void;
  /** A hook received a delivery. */
  delivered(hook: string, verdict: string): void;
  /** `due` tasks, at least one, are due and wait at this moment. */
  waiting(due: number): void;
  /** The counts from `since` to now, in the shortest steps that are kept for so long. */
  read(since: number): Promise<Shown>;
  /** Stores what is not stored yet, and ends. */
  close(): Promise<void>;
}

/** What a history needs. */
export interface HistoryParts {
  /** Keeps the counts; where several nodes share it, attempts are counted for each. */
  readonly engine: Pick<QueueEngine, "history" | "writeHistory" | "cluster">;
  /** Ends each minute of counting. */
  readonly clock: Clock;
  /** Identifies this process: the name of its node, and further words. */
  readonly run: string;
}

/** Opens a history. */
export function openHistory(parts: HistoryParts): History {
  return new StoredHistory(parts);
}

/** The counts of a process in one step. */
interface Step {
  readonly stepMs: number;
  readonly at: number;
  readonly run: string;
  tally: Tally;
}

/** The minute that is counted. */
interface Present {
  readonly at: number;
  readonly run: string;
  readonly counts: Minute;
}

/** The stored counts of one length of steps. */
interface Stored {
  readonly readAt: number;
  readonly steps: ReadonlyMap<number, Tally>;
  /** Sums from a start on, by that start. */
  readonly sums: Map<number, Tally>;
}

class StoredHistory implements History {
  readonly #parts: HistoryParts;
  #current: Present | undefined;
  /** The start of the minute before. */
  #lastAt = -Infinity;
  /** Minutes that are over and not stored yet. */
  #unstored: Step[] = [];
  /** The latest step of each length. */
  readonly #latest = new Map<number, Step>();
  /** Steps that have changed since they were stored. */
  #changed = new Set<Step>();
  readonly #stored = new Map<number, Stored>();
  #runs = 0;
  /** Storing and reading take turns. */
  #turn: Promise<unknown> = Promise.resolve();
  #undo = () => {};
  #isClosed = false;

  constructor(parts: HistoryParts) {
    this.#parts = parts;
  }

  accepted(type: string, tasks: number, ms: number): void {
    this.#now().accepted(type, tasks, ms);
  }

  finished(type: string, state: TaskState, ms: number): void {
    this.#now().finished(type, state, ms);
  }

  attempted(attempt: EndedAttempt): void {
    this.#now().attempted(attempt);
  }

  submitted(who: string, tasks: number): void {
    this.#now().submitted(who, tasks);
  }

  delivered(hook: string, verdict: string): void {
    this.#now().delivered(hook, verdict);
  }

  waiting(due: number): void {
    this.#now().waiting(due);
  }

  async read(since: number): Promise<Shown> {
    const now = this.#parts.clock.now();
    const { stepMs } = HISTORY_STEPS.find(({ stepMs, keptMs }) => now - since <= keptMs - stepMs) ??
      HISTORY_STEPS.at(-1) as typeof HISTORY_STEPS[number];
    const from = startOf(since, stepMs);
    const stored = await this.#inTurn(() => this.#readStored(stepMs, now));
    const steps: Tally[] = [];
    for (let at = from; at <= now; at += stepMs) steps.push(stored.steps.get(at) ?? noTally());
    let sum = stored.sums.get(from);
    if (!sum) {
      sum = noTally();
      for (const step of steps) addTally(sum, step);
      stored.sums.set(from, sum);
    }
    const total = sumOf(sum);
    const present = this.#current
      ? [{ ...this.#current, tally: this.#current.counts.tally() }]
      : [];
    for (const { at, tally, run } of [...this.#unstored, ...present]) {
      const place = Math.min(steps.length - 1, Math.floor((at - from) / stepMs));
      const step = steps[place];
      if (!step) continue;
      const counted = this.#withNode(tally, run);
      steps[place] = sumOf(step, counted);
      addTally(total, counted);
    }
    return { stepMs, from, steps, total };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#undo();
    this.#endMinute();
    await this.#inTurn(() => this.#store());
  }

  /**
   * The counts of this minute. Only the first of a minute reads the clock: a timer
   * ends it.
   */
  #now(): Minute {
    return (this.#current ??= this.#begin()).counts;
  }

  #begin(): Present {
    const now = this.#parts.clock.now();
    const at = startOf(now, MINUTE_MS);
    // After the clock was set back, a minute of that start may be stored already.
    if (at <= this.#lastAt) this.#runs++;
    this.#lastAt = at;
    this.#storeAfter(at + MINUTE_MS - now);
    const run = this.#runs === 0 ? this.#parts.run : `${this.#parts.run}.${this.#runs}`;
    return { at, run, counts: new Minute() };
  }

  #storeAfter(delayMs: number): void {
    if (this.#isClosed) return;
    this.#undo();
    this.#undo = this.#parts.clock.after(delayMs, () => {
      this.#endMinute();
      this.#inTurn(() => this.#store());
    });
  }

  /** Adds the minute to the steps that it belongs to. */
  #endMinute(): void {
    if (!this.#current) return;
    const { at, run, counts } = this.#current;
    this.#current = undefined;
    const tally = withFewHosts(counts.tally(), STORED_HOSTS);
    const ended: Step = { stepMs: MINUTE_MS, at, run, tally };
    this.#unstored.push(ended);
    this.#changed.add(ended);
    for (const { stepMs } of HISTORY_STEPS.slice(1)) {
      const at = startOf(ended.at, stepMs);
      let step = this.#latest.get(stepMs);
      if (step?.at !== at || step.run !== run) {
        step = { stepMs, at, run, tally: noTally() };
        this.#latest.set(stepMs, step);
      }
      addTally(step.tally, tally);
      step.tally = withFewHosts(step.tally, STORED_HOSTS);
      this.#changed.add(step);
    }
  }

  async #store(): Promise<void> {
    const changed = [...this.#changed].slice(-MAX_UNSTORED);
    this.#unstored = this.#unstored.slice(-MAX_UNSTORED);
    if (changed.length === 0) return;
    const minutes = this.#unstored.length;
    this.#changed = new Set();
    try {
      await this.#parts.engine.writeHistory(
        changed.map(({ tally, ...step }) => ({ ...step, tally: JSON.stringify(tally) })),
      );
      this.#unstored.splice(0, minutes);
      this.#stored.clear();
    } catch {
      // The queue is unavailable, which is reported elsewhere: stored with the next minute.
      this.#changed = new Set([...changed, ...this.#changed]);
      if (!this.#current) this.#storeAfter(MINUTE_MS);
    }
  }

  async #readStored(stepMs: number, now: number): Promise<Stored> {
    const { engine, clock } = this.#parts;
    const known = this.#stored.get(stepMs);
    if (known && clock.monotonic() - known.readAt < READ_AGAIN_MS) return known;
    const keptMs = HISTORY_STEPS.find((step) => step.stepMs === stepMs)?.keptMs ?? 0;
    const steps = new Map<number, Tally>();
    for (const { at, tally, run } of await engine.history(stepMs, now - keptMs)) {
      let step = steps.get(at);
      if (!step) steps.set(at, step = noTally());
      addTally(step, this.#withNode(JSON.parse(tally), run));
    }
    const stored = { readAt: clock.monotonic(), steps, sums: new Map() };
    this.#stored.set(stepMs, stored);
    return stored;
  }

  /** The same with the attempts of all hosts as those of the node that counted them. */
  #withNode(tally: Tally, run: string): Tally {
    if (!this.#parts.engine.cluster) return tally;
    const [node = ""] = run.split(" ");
    const counts = noTally();
    for (const host of Object.values(tallyAt(tally, "hosts"))) {
      const { attempts = 0, delivered = 0, ms = noTally() } = host as Tally;
      addTally(counts, { attempts, delivered, ms });
    }
    return Object.assign(noTally(), tally, { nodes: Object.assign(noTally(), { [node]: counts }) });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }
}

function startOf(at: number, stepMs: number): number {
  return Math.floor(at / stepMs) * stepMs;
}

function sumOf(...tallies: Tally[]): Tally {
  const sum = noTally();
  for (const tally of tallies) addTally(sum, tally);
  return sum;
}

/** Tasks that ended in a state, of all types. */
export function endedAs(tally: Tally, state: TaskState): number {
  const types = Object.values(tallyAt(tally, "types"));
  return types.reduce<number>((sum, type) => sum + countAt(type as Tally, state), 0);
}

/** How many tasks were due and waited during a step: the mean of the minutes when any did. */
export function dueIn(step: Tally): number {
  const samples = countAt(step, "waiting", "samples");
  return samples === 0 ? 0 : Math.round(countAt(step, "waiting", "due") / samples);
}

/** Metrics whose counts are added to the history as well. */
export function withHistory(metrics: Metrics, history: History): Metrics {
  return {
    ...metrics,
    accepted(type, tasks, seconds) {
      metrics.accepted(type, tasks, seconds);
      history.accepted(type, tasks, seconds * 1_000);
    },
    delivered(hook, verdict) {
      metrics.delivered(hook, verdict);
      history.delivered(hook, verdict);
      if (verdict === "accepted") history.submitted(`hook ${hook}`, 1);
    },
    scheduled(schedule, result, count = 1) {
      metrics.scheduled(schedule, result, count);
      if (result === "created") history.submitted(`schedule ${schedule}`, count);
    },
  };
}
