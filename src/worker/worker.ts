/**
 * Claims tasks, attempts them and settles them, up to a limit at once.
 *
 * The worker knows neither the engine nor the channels. It owns what lies
 * between them: the concurrency limit, the deadline of each attempt, aborts,
 * and an orderly stop.
 *
 * @module
 */

import { compact } from "../lib/compact.ts";
import type { AttemptRunner } from "../channels/channel.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import { Slab } from "../lib/slab.ts";
import type { QueueEngine } from "../queue/engine.ts";
import { isDigestLane } from "../task/input/digest.ts";
import { type AbortCause, type CancelReason, decide, type Settlement } from "../task/outcome.ts";
import type { RunningTask, TaskProgress } from "../task/ports.ts";
import type { ClaimedTask } from "../task/task.ts";
import { type Backpressure, openBackpressure } from "./backpressure.ts";
import { cancellationOf, type LiveAttempt, notStarted, startAttempt } from "./attempt.ts";
import { type Digests, openDigests } from "./digests.ts";
import { type AttemptTelemetry, noTelemetry, type Observation } from "./telemetry.ts";

/** What a worker needs. */
export interface WorkerParts {
  /** Hands out tasks and takes settlements. */
  readonly engine: QueueEngine;
  /** Runs the attempts. */
  readonly runner: AttemptRunner;
  /** Times deadlines. */
  readonly clock: Clock;
  /** In [0, 1): spreads retries. */
  readonly random: () => number;
  /** Receives errors that no channel should throw, and circuit breakers. */
  readonly log: Log;
  /** The most attempts at once. */
  readonly concurrency: number;
  /** Reports each attempt. */
  readonly telemetry?: AttemptTelemetry;
  /** Called once when the engine fails under it; the worker has then stopped claiming. */
  readonly onFatal: (error: unknown) => void;
}

/** What became of the attempts that were running at a stop. */
export interface StopReport {
  /** Ended by themselves: succeeded, failed, or deferred to a later try. */
  readonly finished: number;
  /** Handed back to the queue, before they can have had an effect; no attempt is counted. */
  readonly released: number;
  /** Cancelled before they can have had an effect. */
  readonly aborted: number;
  /** Interrupted after their bytes had left. */
  readonly unknown: number;
}

/** Claims tasks, attempts them and settles them until it is stopped. */
export interface Worker {
  /** Begins to claim. */
  start(): void;
  /**
   * Stops claiming, waits `graceMs` for running attempts to end, aborts the rest
   * with `cause`, and resolves when all are settled. `shutdown` cancels
   * them, `drain` hands them back.
   */
  stop(cause: "shutdown" | "drain", graceMs: number): Promise<StopReport>;
  /** Running attempts. */
  readonly running: number;
  /** Attempts settled since the start. */
  readonly settled: number;
  /** The progress of a running task, if its channel reports any. */
  progressOf(taskId: string): TaskProgress | undefined;
  /** When the attempt of a running task began, in milliseconds since the epoch. */
  startedAtOf(taskId: string): number | undefined;
  /** All running tasks whose channel reports progress. */
  runningTasks(): RunningTask[];
}

/** Opens a worker; it claims nothing before `start`. */
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
  /** Aborts that arrived before the claim they belong to. */
  readonly #early = new Map<string, CancelReason>();
  readonly #report = { finished: 0, released: 0, aborted: 0, unknown: 0 };
  readonly #backpressure: Backpressure;
  readonly #digests: Digests;
  #settled = 0;
  #claiming: Promise<void> = Promise.resolve();
  /** Resolved when a slot becomes free. */
  #slotFree: PromiseWithResolvers<void> | undefined;
  /** Resolved when all slots are free. */
  #allFree: PromiseWithResolvers<void> | undefined;
  #unwatch = () => {};

  constructor(parts: WorkerParts) {
    this.#parts = parts;
    this.#backpressure = openBackpressure(parts.log, parts.clock, parts.engine.cluster);
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
    this.#claiming = this.#keepClaiming().catch((error) => this.#parts.onFatal(error));
  }

  progressOf(taskId: string): TaskProgress | undefined {
    return this.#liveOf(taskId)?.attempt.progress();
  }

  startedAtOf(taskId: string): number | undefined {
    return this.#liveOf(taskId)?.task.startedAt;
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

  async #keepClaiming(): Promise<void> {
    const { engine, concurrency } = this.#parts;
    while (!this.#intake.signal.aborted) {
      const free = concurrency - this.#live.size;
      if (free <= 0) {
        this.#slotFree = Promise.withResolvers();
        await this.#slotFree.promise;
        continue;
      }
      const tasks = await engine.claim(free, this.#intake.signal);
      for (const task of tasks) this.#attempt(task);
      if (this.#early.size > 0) this.#early.clear();
    }
  }

  #attempt(task: ClaimedTask): void {
    const stopping = this.#intake.signal.aborted;
    const telemetry = stopping ? noTelemetry : this.#parts.telemetry ?? noTelemetry;
    const observed = telemetry.begin(task);
    const { traceparent } = observed;
    const traced = traceparent ? { ...task, traceparent } : task;
    const attempt = stopping
      ? notStarted(this.#intake.signal.reason)
      : isDigestLane(task.lane)
      ? this.#digests.join(traced)
      : startAttempt(traced, this.#parts);
    const early = this.#early.get(task.id);
    if (early) attempt.abort("cancelled", early);
    const slot = this.#live.add({ task, attempt });
    this.#complete(task, attempt, observed)
      .catch((error) => this.#parts.onFatal(error))
      .then(() => this.#release(slot));
  }

  /** Takes one attempt from its outcome to its settlement. */
  async #complete(task: ClaimedTask, attempt: LiveAttempt, observed: Observation): Promise<void> {
    const outcome = await attempt.outcome;
    const now = this.#parts.clock.now();
    // The tasks of a digest get the same delay, so that they are attempted together again.
    const random = isDigestLane(task.lane) ? 0.5 : this.#parts.random();
    const decided = decide(task, outcome, { now, random, ...cancellationOf(attempt) });
    const running = () => this.#runningIn(task.lane);
    const byUs = attempt.cause !== undefined;
    const settlement = this.#backpressure.adjust({
      task,
      outcome,
      settlement: decided,
      byUs,
      running,
    });
    const isUntried = outcome.kind === "deferred" && outcome.untried === true;
    const release = attempt.cause === "drain" && outcome.kind === "deferred" ||
      isUntried && settlement.event !== "cancel" || settlement.event === "release";
    this.#tally(attempt.cause, settlement, release);
    observed.end(outcome, settlement);
    await this.#parts.engine.settle(release ? released(settlement) : settlement);
  }

  #runningIn(lane: string): number {
    return this.#live.values().filter(({ task }) => task.lane === lane).length;
  }

  #release(slot: number): void {
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

  /** Resolves when nothing runs; called only after the last claim. */
  async #allDone(): Promise<void> {
    if (this.#live.size === 0) return;
    this.#allFree ??= Promise.withResolvers();
    await this.#allFree.promise;
  }
}

/** The task goes back as if it had not been claimed; what was learned about its lane is kept. */
function released({ id, attempt, at, hold, adaptiveLimit, evidence }: Settlement): Settlement {
  const learned = compact({ hold, adaptiveLimit, evidence });
  return { id, attempt, event: "release", at, dueAt: at, ...learned };
}
