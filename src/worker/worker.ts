/**
 * Who picks the tasks up: claim, attempt, settle, as many at once as allowed.
 *
 * The worker knows neither where tasks are kept nor how payloads leave. It
 * owns what lies between: the slots, the deadline of each attempt, the wish to
 * abort one, and an orderly end.
 *
 * @module
 */

import { compact } from "../lib/compact.ts";
import type { Delivery } from "../channels/channel.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import { Slab } from "../lib/slab.ts";
import type { QueueEngine } from "../queue/engine.ts";
import { isDigestLane } from "../task/input/digest.ts";
import { type AbortCause, type CancelReason, decide, type Settlement } from "../task/outcome.ts";
import type { RunningTask, TaskProgress } from "../task/ports.ts";
import type { ClaimedTask } from "../task/task.ts";
import { type Backpressure, openBackpressure } from "./backpressure.ts";
import { cancelledBy, type LiveAttempt, startAttempt, untried } from "./attempt.ts";
import { type Digests, openDigests } from "./digests.ts";
import { type AttemptTelemetry, noTelemetry, type Observation } from "./telemetry.ts";

/** What a worker works with. */
export interface WorkerParts {
  /** Where tasks come from and settlements go. */
  readonly engine: QueueEngine;
  /** Who makes the attempts. */
  readonly delivery: Delivery;
  /** Times deadlines. */
  readonly clock: Clock;
  /** In [0, 1): spreads retries. */
  readonly random: () => number;
  /** Told of faults of ours. */
  readonly log: Log;
  /** The most attempts at once. */
  readonly concurrency: number;
  /** Sees each attempt begin and end. */
  readonly observer?: AttemptTelemetry;
  /** Called once when the engine fails under it; the worker has then stopped claiming. */
  readonly onFatal: (error: unknown) => void;
}

/** What became of the attempts that were under way at a stop. */
export interface StopReport {
  /** Ended by themselves: succeeded, failed, or deferred to a later try. */
  readonly finished: number;
  /** Handed back untried. */
  readonly released: number;
  /** Aborted before they can have had an effect. */
  readonly aborted: number;
  /** Cut off after their bytes had left. */
  readonly unknown: number;
}

/** Claims, attempts and settles until it is stopped. */
export interface Worker {
  /** Begins to claim. */
  start(): void;
  /**
   * Claims no more, lets running attempts end for `graceMs`, aborts the rest
   * with `cause`, and resolves when all are settled: `shutdown` cancels what
   * it aborts, `drain` hands it back.
   */
  stop(cause: "shutdown" | "drain", graceMs: number): Promise<StopReport>;
  /** Attempts under way. */
  readonly running: number;
  /** Attempts settled since the start. */
  readonly settled: number;
  /** How far a running task has come, when its channel says. */
  progressOf(taskId: string): TaskProgress | undefined;
  /** Every running task whose channel says how far it has come. */
  runningTasks(): RunningTask[];
}

/** Opens a worker, which waits for its `start`. */
export function openWorker(parts: WorkerParts): Worker {
  return new SlotWorker(parts);
}

interface Live {
  readonly task: ClaimedTask;
  readonly attempt: LiveAttempt;
}

class SlotWorker implements Worker {
  readonly #parts: WorkerParts;
  readonly #intake = new AbortController();
  readonly #live = new Slab<Live>();
  /** Wishes to abort that arrived together with the claim they are about. */
  readonly #early = new Map<string, CancelReason>();
  readonly #report = { finished: 0, released: 0, aborted: 0, unknown: 0 };
  readonly #backpressure: Backpressure;
  readonly #digests: Digests;
  #settled = 0;
  #claiming: Promise<void> = Promise.resolve();
  /** Somebody waits for a free slot, or for the last one to become free. */
  #slotFree: PromiseWithResolvers<void> | undefined;
  #allFree: PromiseWithResolvers<void> | undefined;
  #unwatch = () => {};

  constructor(parts: WorkerParts) {
    this.#parts = parts;
    this.#backpressure = openBackpressure(parts.log);
    this.#digests = openDigests(parts);
  }

  get running(): number {
    return this.#live.size;
  }

  get settled(): number {
    return this.#settled;
  }

  start(): void {
    this.#unwatch = this.#parts.engine.watch("running", ({ id, abort }) => {
      if (abort) this.#abortOne(id, abort);
    });
    this.#claiming = this.#claimOn().catch((error) => this.#parts.onFatal(error));
  }

  progressOf(taskId: string): TaskProgress | undefined {
    return this.#liveOf(taskId)?.attempt.progress();
  }

  runningTasks(): RunningTask[] {
    return this.#live.values().flatMap(({ task: { id, type, attempt, batchId }, ...live }) => {
      const progress = live.attempt.progress();
      if (!progress) return [];
      return [{ id, type, attempt, progress, ...compact({ batchId }) }];
    });
  }

  async stop(cause: "shutdown" | "drain", graceMs: number): Promise<StopReport> {
    this.#intake.abort(cause);
    this.#slotFree?.resolve();
    await this.#claiming;
    if (graceMs > 0 && this.#live.size > 0) await this.#grace(graceMs);
    for (const { attempt } of this.#live.values()) attempt.abort(cause);
    await this.#allDone();
    this.#unwatch();
    return this.#report;
  }

  async #claimOn(): Promise<void> {
    const { engine, concurrency } = this.#parts;
    while (!this.#intake.signal.aborted) {
      const free = concurrency - this.#live.size;
      if (free <= 0) {
        this.#slotFree = Promise.withResolvers();
        await this.#slotFree.promise;
        continue;
      }
      const tasks = await engine.claim(free, this.#intake.signal);
      for (const task of tasks) this.#carryOut(task);
      if (this.#early.size > 0) this.#early.clear();
    }
  }

  #carryOut(task: ClaimedTask): void {
    const stopping = this.#intake.signal.aborted;
    const observer = stopping ? noTelemetry : this.#parts.observer ?? noTelemetry;
    const seen = observer.begin(task);
    const traced = seen.traceparent ? { ...task, traceparent: seen.traceparent } : task;
    const attempt = stopping
      ? untried(this.#intake.signal.reason)
      : isDigestLane(task.lane)
      ? this.#digests.join(traced)
      : startAttempt(traced, this.#parts);
    const wish = this.#early.get(task.id);
    if (wish) attempt.abort("cancelled", wish);
    const slot = this.#live.add({ task, attempt });
    this.#seeThrough(task, attempt, seen)
      .catch((error) => this.#parts.onFatal(error))
      .then(() => this.#letGo(slot));
  }

  /** One attempt from its outcome to its settlement: the straight line. */
  async #seeThrough(task: ClaimedTask, attempt: LiveAttempt, seen: Observation): Promise<void> {
    const outcome = await attempt.outcome;
    const now = this.#parts.clock.now();
    // What was gathered is gathered again: its members keep in step.
    const random = isDigestLane(task.lane) ? 0.5 : this.#parts.random();
    const decided = decide(task, outcome, { now, random, ...cancelledBy(attempt) });
    const running = () => this.#runningIn(task.lane);
    const byUs = attempt.cause !== undefined;
    const settlement = this.#backpressure.adjust({
      task,
      outcome,
      settlement: decided,
      byUs,
      running,
    });
    const release = attempt.cause === "drain" && outcome.kind === "deferred";
    this.#tally(attempt.cause, settlement, release);
    seen.end(outcome, settlement);
    await this.#parts.engine.settle(release ? releaseOf(task, now) : settlement);
  }

  #runningIn(lane: string): number {
    return this.#live.values().filter(({ task }) => task.lane === lane).length;
  }

  #letGo(slot: number): void {
    this.#live.remove(slot);
    this.#settled++;
    this.#slotFree?.resolve();
    if (this.#live.size === 0) this.#allFree?.resolve();
  }

  #liveOf(taskId: string): Live | undefined {
    return this.#live.values().find(({ task }) => task.id === taskId);
  }

  #abortOne(id: string, reason: CancelReason): void {
    const live = this.#liveOf(id);
    if (live) live.attempt.abort("cancelled", reason);
    else this.#early.set(id, reason);
  }

  #tally(cause: AbortCause | undefined, settlement: Settlement, released: boolean): void {
    if (!this.#intake.signal.aborted) return;
    if (released) this.#report.released++;
    else if (settlement.record?.outcome === "unknown") this.#report.unknown++;
    else if (cause && settlement.event === "cancel") this.#report.aborted++;
    else this.#report.finished++;
  }

  async #grace(graceMs: number): Promise<void> {
    const over = Promise.withResolvers<void>();
    const undo = this.#parts.clock.after(graceMs, over.resolve);
    await Promise.race([over.promise, this.#allDone()]);
    undo();
  }

  /** Only after the last claim: nothing is added any more. */
  async #allDone(): Promise<void> {
    if (this.#live.size === 0) return;
    this.#allFree ??= Promise.withResolvers();
    await this.#allFree.promise;
  }
}

function releaseOf(task: ClaimedTask, now: number): Settlement {
  return { id: task.id, attempt: task.attempt, event: "release", at: now, dueAt: now };
}
