/**
 * One running attempt: its deadline, its abort and its progress.
 *
 * Every attempt gets an outcome, whatever the channel does: one second after
 * an abort it is abandoned.
 *
 * @module
 */

import { compact } from "../lib/compact.ts";
import type { Attempt, AttemptRunner, Figures, Underway } from "../channels/channel.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { AbortCause, CancelReason, Outcome } from "../task/outcome.ts";
import type { TaskProgress } from "../task/ports.ts";
import type { ClaimedTask } from "../task/task.ts";

/** How long an aborted attempt may take to report its outcome, in milliseconds. */
const ABANDON_MS = 1_000;

/** What an attempt needs. */
export interface AttemptParts {
  /** Runs it. */
  readonly runner: AttemptRunner;
  /** Times its deadline. */
  readonly clock: Clock;
  /** Receives errors that no channel should throw, and abandoned attempts. */
  readonly log: Log;
}

/** A running attempt. */
export interface LiveAttempt {
  /** Resolves once; never rejects. */
  readonly outcome: Promise<Outcome>;
  /** Why it was aborted, if it was; the first cause is kept. */
  readonly cause: AbortCause | undefined;
  /** Why it was cancelled, if it was. */
  readonly cancelReason: CancelReason | undefined;
  /** Aborts it. */
  abort(cause: AbortCause, cancelReason?: CancelReason): void;
  /** Its progress, if its channel reports any. */
  progress(): TaskProgress | undefined;
}

/** Starts an attempt of a claimed task. */
export function startAttempt(task: ClaimedTask, parts: AttemptParts): LiveAttempt {
  return new RunningAttempt(task, parts);
}

/** The attempt of a task that was claimed while the worker stops: it is never started. */
export function notStarted(cause: AbortCause): LiveAttempt {
  const error = { code: "aborted", detail: "The service stopped before the attempt began" };
  return {
    outcome: Promise.resolve({ kind: "deferred", error }),
    cause,
    cancelReason: undefined,
    abort() {},
    progress: () => undefined,
  };
}

/** Why the task is cancelled, if the abort cancels it. After a timeout, the outcome decides. */
export function cancellationOf(attempt: LiveAttempt): { cancelled?: CancelReason } {
  if (attempt.cause === "shutdown") return { cancelled: "shutdown" };
  if (attempt.cause === "cancelled") return { cancelled: attempt.cancelReason ?? "request" };
  return {};
}

class RunningAttempt implements LiveAttempt {
  readonly #task: ClaimedTask;
  readonly #parts: AttemptParts;
  readonly #underway: Underway;
  readonly #outcome = Promise.withResolvers<Outcome>();
  readonly #startedAt: number;
  #cause: AbortCause | undefined;
  #cancelReason: CancelReason | undefined;
  #graceGiven = false;
  /** Whether the deadline was moved because the attempt began late. */
  #timeGiven = false;
  #figures: { bytes: number; totalBytes?: number } | undefined;
  #keptBytes = 0;
  #disarm: () => void;

  constructor(task: ClaimedTask, parts: AttemptParts) {
    this.#task = task;
    this.#parts = parts;
    this.#startedAt = parts.clock.monotonic();
    this.#disarm = parts.clock.after(task.timeoutMs, () => this.#overdue());
    const { id, channel } = task;
    const attempt = attemptOf(task, parts.clock.now());
    this.#underway = parts.runner.begin(channel, attempt, (figures) => this.#note(figures));
    this.#underway.outcome.then(
      (outcome) => this.#end(outcome),
      (error) => {
        parts.log.error("Channel threw an unexpected error", { task: id, channel, error });
        this.#end(
          this.#interrupted(
            "internal",
            "The channel threw an unexpected error; the log has the details",
          ),
        );
      },
    );
  }

  get outcome(): Promise<Outcome> {
    return this.#outcome.promise;
  }

  get cause(): AbortCause | undefined {
    return this.#cause;
  }

  get cancelReason(): CancelReason | undefined {
    return this.#cancelReason;
  }

  abort(cause: AbortCause, cancelReason?: CancelReason): void {
    // The end of the service also ends the wait that a timeout or a cancellation left running.
    const isLast = cause === "shutdown" || cause === "drain";
    if (this.#cause && !isLast) return;
    this.#cause ??= cause;
    this.#cancelReason ??= cancelReason;
    this.#disarm();
    this.#disarm = this.#parts.clock.after(ABANDON_MS, () => this.#abandon(cause, !isLast));
    this.#underway.abort(cause);
  }

  /** A channel that has sent its last byte may wait for the answer even after an abort. */
  #abandon(cause: AbortCause, mayWait: boolean): void {
    const { clock, runner, log } = this.#parts;
    const graceMs = mayWait && !this.#graceGiven ? runner.graceMs(this.#task.channel) : 0;
    if (graceMs > 0 && this.#underway.isSending()) {
      this.#graceGiven = true;
      this.#disarm = clock.after(graceMs, () => this.#abandon(cause, false));
      return;
    }
    log.warn("Attempt did not end after its abort and was abandoned", {
      task: this.#task.id,
      cause,
    });
    this.#end(this.#interrupted(...abandoned(cause)));
  }

  progress(): TaskProgress | undefined {
    if (!this.#figures) return undefined;
    const seconds = (this.#parts.clock.monotonic() - this.#startedAt) / 1_000;
    const bytes = this.#figures.bytes - this.#keptBytes;
    return { ...this.#figures, rate: seconds > 0 ? Math.round(bytes / seconds) : 0 };
  }

  #note({ bytes, totalBytes, keptBytes = 0 }: Figures): void {
    if (bytes === undefined) return;
    this.#keptBytes = keptBytes;
    this.#figures = { bytes, ...compact({ totalBytes }) };
  }

  /**
   * Aborts at the deadline. Once the payload has left, ending the wait for the answer would make
   * duplicates, so some channels may wait longer.
   */
  #overdue(): void {
    const { clock, runner } = this.#parts;
    if (this.#underway.keepsDeadline() && !this.#timeGiven) {
      this.#timeGiven = true;
      this.#disarm = clock.after(this.#task.timeoutMs + ABANDON_MS, () => this.#overdue());
      return;
    }
    const graceMs = this.#graceGiven ? 0 : runner.graceMs(this.#task.channel);
    if (graceMs === 0 || !this.#underway.isSending()) return this.abort("timeout");
    this.#graceGiven = true;
    this.#disarm = clock.after(graceMs, () => this.#overdue());
  }

  #end(outcome: Outcome): void {
    this.#disarm();
    this.#outcome.resolve(outcome);
  }

  #interrupted(code: string, detail: string): Outcome {
    return { kind: this.#underway.isSending() ? "unknown" : "deferred", error: { code, detail } };
  }
}

function abandoned(cause: AbortCause): [code: string, detail: string] {
  return cause === "timeout"
    ? ["timeout", "The attempt exceeded its timeout and did not end after its abort"]
    : ["aborted", "The attempt was aborted and did not end"];
}

function attemptOf(task: ClaimedTask, now: number): Attempt {
  return {
    taskId: task.id,
    number: task.attempt,
    createdAt: task.createdAt,
    deadlineAt: now + task.timeoutMs,
    payload: task.payload,
    ...compact({ carry: task.carry, requestId: task.requestId, traceparent: task.traceparent }),
  };
}
