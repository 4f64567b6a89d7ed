/**
 * Runs schedules. The tasks of a tick and the schedule's next time are stored in
 * one transaction, which succeeds only if the schedule has not changed since it
 * was read. So each tick has exactly one run, also after a crash.
 *
 * Ticks and changes of one schedule happen one after another; schedules do not
 * wait for each other.
 *
 * @module
 */

import type { Clock } from "../lib/clock.ts";
import { compact } from "../lib/compact.ts";
import type { IdSource } from "../lib/ids.ts";
import type { Log } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import { EngineError, type Inserted, type QueueEngine } from "../queue/engine.ts";
import { parseBodyText } from "../task/input/body_text.ts";
import type { Draft } from "../task/input/new_task.ts";
import type { SubmitParser } from "../task/input/parse_submit.ts";
import { isFinal } from "../task/state.ts";
import type { Json } from "../task/task.ts";
import {
  afterRun,
  correctedRecord,
  readRecord,
  type ScheduleRecord,
  type Tick,
  tickAt,
} from "./schedule_record.ts";

/** What a scheduler needs. */
export interface SchedulerParts {
  /** Stores schedules and tasks. */
  readonly engine: QueueEngine;
  /** Makes ids. */
  readonly ids: IdSource;
  /** The time, and timers. */
  readonly clock: Clock;
  /** Parses the submit's body into tasks. */
  readonly acceptance: SubmitParser;
  /** Receives a line for each run that created no task. */
  readonly log: Log;
  /** Counts runs by result. */
  readonly metrics: Metrics;
  /** How many queued tasks an API key may have; absent: any number. */
  readonly maxQueuedOf?: (owner: string) => number | undefined;
  /** The longest time between two looks, in milliseconds; a minute when absent. */
  readonly longestWaitMs?: number;
}

/** A stored schedule. */
export interface Schedule {
  /** The last part of its path. */
  readonly name: string;
  /** Changes with every change of the record. */
  readonly version: number;
  /** Its definition and state. */
  readonly record: ScheduleRecord;
}

/**
 * Returns the new record, `undefined` to delete the schedule, or `"keep"` to leave it as
 * it is. `ownedBy` counts the schedules that an API key has created.
 */
export type DecideChange = (
  record: ScheduleRecord | undefined,
  ownedBy: (owner: string | undefined) => number,
) => ScheduleRecord | undefined | "keep";

/** The result of a manual run: the new id, why no task was created, or why it could not be stored. */
export type RunNow =
  | { readonly id: string }
  | { readonly error: string }
  | { readonly refused: "queue_full" | "storage_full" };

/** The longest time between two looks, and between two reads of a shared queue, in milliseconds. */
const MAX_WAIT_MS = 60_000;
/** The wait after a run could not be stored, in milliseconds. */
const AGAIN_MS = 5_000;
/** A larger difference between date and elapsed time means that the clock was set. */
const CLOCK_STEP_MS = 1_000;

/** Runs the schedules of an engine. */
export class Scheduler {
  readonly #parts: SchedulerParts;
  readonly #schedules = new Map<string, Schedule>();
  /** For each schedule with work in progress, the end of all that work. */
  readonly #turns = new Map<string, Promise<void>>();
  /** The owners of schedules that are being created. */
  readonly #creating = new Map<string, string | undefined>();
  /** When a schedule whose run could not be stored is tried again, by the monotonic clock. */
  readonly #again = new Map<string, number>();
  /** For each read in progress, the schedules that have changed since it began. */
  readonly #reads = new Set<Set<string>>();
  #refreshing: Promise<void> | undefined;
  #isOutdated = false;
  #readAt = 0;
  #undoRefresh = () => {};
  #undoWake = () => {};
  #wakeAt = Infinity;
  /** Date minus monotonic clock at the last look. */
  #clockOffset = NaN;
  #stopped = false;

  /** Creates a scheduler that is not started. */
  constructor(parts: SchedulerParts) {
    this.#parts = parts;
  }

  /** Loads the schedules and starts to run them. */
  async start(): Promise<void> {
    await this.#read();
    this.#wakeIn(0);
  }

  /** Loads what another node has changed. Calls during a read share the next one. */
  refresh(): Promise<void> {
    this.#isOutdated = true;
    this.#refreshing ??= this.#readAgain().finally(() => this.#refreshing = undefined);
    return this.#refreshing;
  }

  async #readAgain(): Promise<void> {
    const { clock, log } = this.#parts;
    try {
      while (this.#isOutdated && !this.#stopped) {
        this.#isOutdated = false;
        await this.#read();
      }
      this.#wakeIn(0);
    } catch (error) {
      log.warn("Schedules could not be read; trying again", { error });
      if (!this.#stopped) this.#undoRefresh = clock.after(AGAIN_MS, () => void this.refresh());
    }
  }

  /** Starts no further runs; resolves once the current ones are stored. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#undoWake();
    this.#undoRefresh();
    await this.#refreshing;
    await Promise.all(this.#turns.values());
  }

  /** All schedules, by name. */
  list(): Schedule[] {
    return [...this.#schedules.values()].sort((a, b) => a.name < b.name ? -1 : 1);
  }

  /** The current version of a schedule. */
  find(name: string): Schedule | undefined {
    return this.#schedules.get(name);
  }

  /** Changes, creates or deletes a schedule; resolves with the result. */
  change(name: string, decide: DecideChange): Promise<Schedule | undefined> {
    return this.#inTurn(name, async () => {
      for (;;) {
        const before = this.#schedules.get(name);
        const record = decide(before?.record, (owner) => this.#ownedBy(owner));
        if (record === "keep" || (!before && !record)) return before;
        if (!before) this.#creating.set(name, record?.owner);
        const inserted = await this.#store(name, before, record)
          .finally(() => this.#creating.delete(name));
        if (inserted.kind === "stored") return this.#schedules.get(name);
        if (inserted.kind !== "stale") {
          throw new EngineError("Cannot store a schedule: the disk is full");
        }
        await this.#read();
      }
    });
  }

  /** Makes an extra run now; `undefined` when there is no such schedule. */
  runNow(name: string): Promise<RunNow | undefined> {
    return this.#inTurn(name, async () => {
      for (;;) {
        const schedule = this.#schedules.get(name);
        if (!schedule) return undefined;
        const draft = this.#draft(schedule);
        if (typeof draft === "string") return { error: draft };
        const run = { id: idOf(draft), at: this.#parts.clock.now() };
        const record = afterRun(schedule.record, run);
        const inserted = await this.#store(name, schedule, record, draft);
        if (inserted.kind === "refused") return { refused: inserted.code };
        if (inserted.kind === "stored") {
          this.#parts.metrics.scheduled(name, "created");
          return { id: run.id };
        }
        await this.#read();
      }
    });
  }

  #ownedBy(owner: string | undefined): number {
    let count = 0;
    for (const { record } of this.#schedules.values()) {
      if (record.source === "api" && record.owner === owner) count++;
    }
    for (const creator of this.#creating.values()) if (creator === owner) count++;
    return count;
  }

  async #read(): Promise<void> {
    const changed = new Set<string>();
    this.#reads.add(changed);
    this.#readAt = this.#parts.clock.monotonic();
    try {
      const stored = await this.#parts.engine.schedules();
      const names = new Set(stored.map(({ name }) => name));
      for (const name of this.#schedules.keys()) {
        if (!names.has(name) && !changed.has(name)) this.#schedules.delete(name);
      }
      for (const { name, version, record } of stored) {
        if (!changed.has(name)) this.#set({ name, version, record: readRecord(record) });
      }
    } finally {
      this.#reads.delete(changed);
    }
  }

  #set(schedule: Schedule): void {
    this.#schedules.set(schedule.name, schedule);
  }

  #wakeIn(ms: number): void {
    const { clock } = this.#parts;
    const at = clock.monotonic() + Math.max(0, ms);
    if (this.#stopped || at >= this.#wakeAt) return;
    this.#undoWake();
    this.#wakeAt = at;
    this.#undoWake = clock.after(at - clock.monotonic(), () => {
      this.#wakeAt = Infinity;
      this.#look();
    });
  }

  /** Starts what is due, and wakes again for the next. */
  #look(): void {
    const { clock, engine, longestWaitMs = MAX_WAIT_MS } = this.#parts;
    // An announcement of another node may have been lost.
    const isOld = clock.monotonic() - this.#readAt >= MAX_WAIT_MS;
    if (engine.cluster && isOld) void this.refresh();
    const offset = clock.now() - clock.monotonic();
    const isClockSet = !(Math.abs(offset - this.#clockOffset) <= CLOCK_STEP_MS);
    this.#clockOffset = offset;
    let wait = longestWaitMs;
    for (const schedule of this.#schedules.values()) {
      const { name } = schedule;
      const dueIn = this.#dueIn(schedule);
      if (this.#turns.has(name) && !isClockSet) continue;
      if (dueIn <= 0 || isClockSet) this.#startTicks(name, isClockSet);
      else wait = Math.min(wait, dueIn);
    }
    this.#wakeIn(wait);
  }

  #dueIn({ name, record: { paused, nextAt = Infinity } }: Schedule): number {
    const { clock } = this.#parts;
    const pauseMs = (this.#again.get(name) ?? -Infinity) - clock.monotonic();
    return paused ? Infinity : Math.max(nextAt - clock.now(), pauseMs);
  }

  #startTicks(name: string, isClockSet: boolean): void {
    this.#inTurn(name, async () => {
      if (isClockSet) await this.#correct(name);
      await this.#catchUp(name);
    }).catch((error) => this.#tryAgain(name, { error }));
  }

  /** Logs the first failure of a run, and tries again later. */
  #tryAgain(name: string, fields: Readonly<Record<string, unknown>>): void {
    const { clock, log } = this.#parts;
    if (!this.#again.has(name)) {
      log.warn("Scheduled run could not be stored; trying again", { schedule: name, ...fields });
    }
    this.#again.set(name, clock.monotonic() + AGAIN_MS);
    this.#wakeIn(AGAIN_MS);
  }

  async #correct(name: string): Promise<void> {
    const schedule = this.#schedules.get(name);
    const record = schedule && correctedRecord(schedule.record, this.#parts.clock.now());
    if (!record || this.#stopped) return;
    const inserted = await this.#store(name, schedule, record);
    if (inserted.kind === "stale") await this.#read();
  }

  async #catchUp(name: string): Promise<void> {
    for (;;) {
      const schedule = this.#schedules.get(name);
      const tick = schedule && tickAt(schedule.record, this.#parts.clock.now());
      if (!tick || this.#stopped || this.#dueIn(schedule) > 0) return;
      const { record, draft } = await this.#resolve(schedule, tick);
      const inserted = await this.#store(name, schedule, record, draft);
      if (inserted.kind === "stale") await this.#read();
      else if (inserted.kind === "stored") this.#finish(schedule, record);
      else return this.#tryAgain(name, { code: "code" in inserted ? inserted.code : undefined });
    }
  }

  async #resolve(
    schedule: Schedule,
    { run, record }: Tick,
  ): Promise<{ record: ScheduleRecord; draft?: Draft }> {
    if (!run) return { record };
    if (record.spec.overlap === "skip" && await this.#isUnfinished(record.lastId)) {
      return { record: { ...record, skipped: record.skipped + 1 } };
    }
    const draft = this.#draft(schedule);
    if (typeof draft === "string") return { record: { ...record, error: draft } };
    const at = schedule.record.nextAt ?? this.#parts.clock.now();
    return { record: afterRun(record, { id: idOf(draft), at }), draft };
  }

  /** Counts a stored tick, and logs one that created no task. */
  #finish({ name, record: before }: Schedule, after: ScheduleRecord): void {
    const { log, metrics } = this.#parts;
    this.#again.delete(name);
    if (after.runs > before.runs) metrics.scheduled(name, "created");
    else if (after.skipped === before.skipped) {
      metrics.scheduled(name, "failed");
      log.warn("Scheduled run created no task", { schedule: name, detail: after.error });
    }
    if (after.skipped > before.skipped) {
      metrics.scheduled(name, "skipped", after.skipped - before.skipped);
    }
  }

  async #isUnfinished(id: string | undefined): Promise<boolean> {
    if (id === undefined) return false;
    const { engine } = this.#parts;
    if (id.startsWith("bat")) return (await engine.findBatch(id))?.done === false;
    const task = await engine.findBrief(id);
    return task !== undefined && !isFinal(task.state);
  }

  #draft({ name, record: { spec, owner } }: Schedule): Draft | string {
    const { ids, clock, acceptance } = this.#parts;
    const source = `schedule:${name}`;
    const context = { ids, now: clock.now(), owner, source };
    const made = acceptance[spec.type](parseBodyText(spec.body), context);
    if (!made.issues) return made.value;
    return made.issues.map(({ pointer, detail }) => `${pointer}: ${detail}`).join("; ");
  }

  async #store(
    name: string,
    before: Schedule | undefined,
    record: ScheduleRecord | undefined,
    draft?: Draft,
  ): Promise<Inserted> {
    const owner = record?.owner;
    const most = owner === undefined ? undefined : this.#parts.maxQueuedOf?.(owner);
    const quota = owner !== undefined && most !== undefined
      ? { owner, maxQueued: most }
      : undefined;
    const inserted = await this.#parts.engine.insert({
      tasks: draft?.drafted.map(({ task }) => task) ?? [],
      ...compact({ batch: draft?.batch, quota }),
      schedule: {
        name,
        expects: before?.version ?? 0,
        ...compact({ record: record as unknown as Json | undefined }),
      },
    });
    if (inserted.kind === "stored") {
      for (const changed of this.#reads) changed.add(name);
      if (record) this.#set({ name, version: inserted.version ?? 0, record });
      else this.#schedules.delete(name);
    }
    return inserted;
  }

  /** Runs `work` once everything started earlier for this schedule has ended. */
  #inTurn<T>(name: string, work: () => Promise<T>): Promise<T> {
    const result = (this.#turns.get(name) ?? Promise.resolve()).then(work);
    const turn = result.then(() => {}, () => {}).then(() => {
      if (this.#turns.get(name) !== turn) return;
      this.#turns.delete(name);
      const schedule = this.#schedules.get(name);
      if (schedule) this.#wakeIn(this.#dueIn(schedule));
    });
    this.#turns.set(name, turn);
    return result;
  }
}

function idOf({ batch, drafted }: Draft): string {
  return batch?.id ?? drafted[0]?.task.id ?? "";
}
