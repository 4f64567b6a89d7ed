/**
 * Runs schedules. The tasks of a tick and the schedule's next time are stored in
 * one transaction, which succeeds only if the schedule has not changed since it
 * was read. So each tick has exactly one run, also after a crash.
 *
 * @module
 */

import type { Clock } from "../lib/clock.ts";
import type { IdSource } from "../lib/ids.ts";
import type { Log } from "../lib/log.ts";
import { EngineError, type Inserted, type QueueEngine } from "../queue/engine.ts";
import type { SubmitParser } from "../task/input/parse_submit.ts";
import { isFinal } from "../task/state.ts";
import type { Draft } from "../task/input/new_task.ts";
import type { StoredSchedule } from "../task/trigger.ts";
import { keptRecord, recordOf, type ScheduleRecord, tickAt } from "./schedule_record.ts";

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
  /** The longest wait, so that a changed clock is noticed; a minute when absent. */
  readonly longestWaitMs?: number;
}

/** The result of a manual run: the new id, why no task was created, or why it could not be stored. */
export type RunNow =
  | { readonly id: string }
  | { readonly error: string }
  | { readonly refused: "queue_full" | "storage_full" };

const MAX_WAIT_MS = 60_000;
/** The wait after the engine refused a run, in milliseconds. */
const AGAIN_MS = 5_000;

/** Runs the schedules of an engine. */
export class Scheduler {
  readonly #parts: SchedulerParts;
  #kept = new Map<string, StoredSchedule>();
  #undoWake = () => {};
  /** Serializes ticks and changes. */
  #line: Promise<unknown> = Promise.resolve();
  #stopped = false;

  /** Creates a scheduler that is not started. */
  constructor(parts: SchedulerParts) {
    this.#parts = parts;
  }

  /** Loads the schedules and starts to run them. */
  async start(): Promise<void> {
    await this.#inLine(() => this.#read());
    this.#wakeIn(0);
  }

  /** Starts no further runs; resolves once the current one is stored. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#undoWake();
    await this.#line;
  }

  /** All schedules, by name. */
  list(): StoredSchedule[] {
    return [...this.#kept.values()].sort((a, b) => a.name < b.name ? -1 : 1);
  }

  /** The current version of a schedule. */
  find(name: string): StoredSchedule | undefined {
    return this.#kept.get(name);
  }

  /**
   * Changes a schedule. `decide` receives the current record and returns the new
   * one, `undefined` to delete it, or `"keep"` to leave it as it is.
   */
  change(
    name: string,
    decide: (record: ScheduleRecord | undefined) => ScheduleRecord | undefined | "keep",
  ): Promise<StoredSchedule | undefined> {
    return this.#inLine(async () => {
      for (;;) {
        const kept = this.#kept.get(name);
        const record = decide(kept && recordOf(kept));
        if (record === "keep" || (!kept && !record)) return kept;
        const inserted = await this.#keep(name, kept, record, undefined);
        if (inserted.kind === "stored") break;
        if (inserted.kind !== "stale") {
          throw new EngineError("Cannot store a schedule: the disk is full");
        }
        await this.#read();
      }
      this.#wakeIn(0);
      return this.#kept.get(name);
    });
  }

  /** Makes an extra run now; `undefined` when there is no such schedule. */
  runNow(name: string): Promise<RunNow | undefined> {
    return this.#inLine(async () => {
      const kept = this.#kept.get(name);
      if (!kept) return undefined;
      const made = this.#draft(recordOf(kept));
      if (typeof made === "string") return { error: made };
      const id = idOf(made);
      const record = ran(recordOf(kept), id, this.#parts.clock.now());
      const inserted = await this.#keep(name, kept, record, made);
      if (inserted.kind === "refused") return { refused: inserted.code };
      return inserted.kind === "stored"
        ? { id }
        : { error: "The schedule was changed by another request" };
    });
  }

  async #read(): Promise<void> {
    const all = await this.#parts.engine.schedules();
    this.#kept = new Map(all.map((kept) => [kept.name, kept]));
  }

  #wakeIn(ms: number): void {
    if (this.#stopped) return;
    this.#undoWake();
    this.#undoWake = this.#parts.clock.after(ms, () => {
      this.#inLine(() => this.#lookRound()).catch((error) => {
        this.#parts.log.error("Scheduler failed; trying again", { error });
        this.#wakeIn(AGAIN_MS);
      });
    });
  }

  async #lookRound(): Promise<void> {
    let again = this.#parts.longestWaitMs ?? MAX_WAIT_MS;
    for (const name of [...this.#kept.keys()]) {
      if (!await this.#catchUp(name)) again = Math.min(again, AGAIN_MS);
    }
    const now = this.#parts.clock.now();
    for (const kept of this.#kept.values()) {
      const { paused, nextAt } = recordOf(kept);
      if (!paused && nextAt > now) again = Math.min(again, nextAt - now);
    }
    this.#wakeIn(again);
  }

  /** Runs what is due of one schedule; `false` when the engine refused it. */
  async #catchUp(name: string): Promise<boolean> {
    for (;;) {
      const kept = this.#kept.get(name);
      const tick = kept && tickAt(recordOf(kept), this.#parts.clock.now());
      if (!kept || !tick || this.#stopped) return true;
      const { record, drafted } = await this.#resolve(kept, tick.run, tick.record);
      const inserted = await this.#keep(name, kept, record, drafted);
      if (inserted.kind === "stale") await this.#read();
      else if (inserted.kind !== "stored") return false;
    }
  }

  async #resolve(
    kept: StoredSchedule,
    run: boolean,
    next: ScheduleRecord,
  ): Promise<{ record: ScheduleRecord; drafted?: Draft }> {
    if (!run) return { record: next };
    if (next.spec.overlap === "skip" && await this.#isUnderWay(next.lastId)) {
      return { record: { ...next, skipped: next.skipped + 1 } };
    }
    const made = this.#draft(next);
    if (typeof made === "string") {
      this.#parts.log.error("Scheduled run created no task", { schedule: kept.name, detail: made });
      return { record: { ...next, error: made } };
    }
    return { record: ran(next, idOf(made), recordOf(kept).nextAt), drafted: made };
  }

  async #isUnderWay(id: string | undefined): Promise<boolean> {
    if (id === undefined) return false;
    const { engine } = this.#parts;
    if (id.startsWith("bat")) return (await engine.findBatch(id))?.done === false;
    const task = await engine.find(id);
    return task !== undefined && !isFinal(task.state);
  }

  #draft({ spec, owner }: ScheduleRecord): Draft | string {
    const { ids, clock, acceptance } = this.#parts;
    const made = acceptance[spec.type](spec.body, { ids, now: clock.now(), owner });
    if (!made.issues) return made.value;
    return made.issues.map(({ pointer, detail }) => `${pointer}: ${detail}`).join("; ");
  }

  async #keep(
    name: string,
    kept: StoredSchedule | undefined,
    record: ScheduleRecord | undefined,
    draft: Draft | undefined,
  ): Promise<Inserted> {
    const inserted = await this.#parts.engine.insert({
      tasks: draft?.drafted.map(({ task }) => task) ?? [],
      ...(draft?.batch ? { batch: draft.batch } : {}),
      schedule: {
        name,
        expects: kept?.version ?? 0,
        ...(record ? { record: keptRecord(record) } : {}),
      },
    });
    if (inserted.kind === "stored") {
      if (!record) this.#kept.delete(name);
      else {
        const version = inserted.version ?? 0;
        this.#kept.set(name, { name, version, record: keptRecord(record) });
      }
    }
    return inserted;
  }

  #inLine<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#line.then(work);
    this.#line = done.catch(() => {});
    return done;
  }
}

function ran({ error: _, ...record }: ScheduleRecord, id: string, at: number): ScheduleRecord {
  return { ...record, lastAt: at, lastId: id, runs: record.runs + 1 };
}

function idOf({ batch, drafted }: Draft): string {
  return batch?.id ?? drafted[0]?.task.id ?? "";
}
