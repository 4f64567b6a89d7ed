/**
 * One attempt while it runs: its deadline, its abort, and how far it has come.
 *
 * Whatever the channel does, the attempt has an outcome: at the latest a
 * second after it was aborted, for then it is abandoned.
 *
 * @module
 */

import { compact } from "../lib/compact.ts";
import type { Attempt, Delivery, Figures, Underway } from "../channels/channel.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { AbortCause, CancelReason, Outcome } from "../task/outcome.ts";
import type { TaskProgress } from "../task/ports.ts";
import type { ClaimedTask } from "../task/task.ts";

/** How long an aborted attempt may take to say how far it came, in milliseconds. */
const ABANDON_MS = 1_000;

/** What an attempt is made with. */
export interface AttemptParts {
  /** Who makes it. */
  readonly delivery: Delivery;
  /** Times its deadline. */
  readonly clock: Clock;
  /** Told of faults of ours. */
  readonly log: Log;
}

/** An attempt under way. */
export interface LiveAttempt {
  /** Resolves once; never rejects. */
  readonly outcome: Promise<Outcome>;
  /** Why it was aborted, if it was; the first cause holds. */
  readonly cause: AbortCause | undefined;
  /** Who cancelled it, when that is the cause. */
  readonly cancelReason: CancelReason | undefined;
  /** Asks it to end. */
  abort(cause: AbortCause, cancelReason?: CancelReason): void;
  /** How far it has come, when its channel says. */
  progress(): TaskProgress | undefined;
}

/** Begins an attempt at a claimed task. */
export function startAttempt(task: ClaimedTask, parts: AttemptParts): LiveAttempt {
  return new RunningAttempt(task, parts);
}

/** Stands for the attempt at a task that was handed over while the worker stops. */
export function untried(cause: AbortCause): LiveAttempt {
  const error = { code: "aborted", detail: "The service stopped before the attempt began." };
  return {
    outcome: Promise.resolve({ kind: "deferred", error }),
    cause,
    cancelReason: undefined,
    abort() {},
    progress: () => undefined,
  };
}

/** Only a cancellation or a shutdown ends a task; a timeout is an outcome like others. */
export function cancelledBy(attempt: LiveAttempt): { cancelled?: CancelReason } {
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
  #moved: { bytes: number; totalBytes?: number } | undefined;
  #keptBytes = 0;
  #disarm: () => void;

  constructor(task: ClaimedTask, parts: AttemptParts) {
    this.#task = task;
    this.#parts = parts;
    this.#startedAt = parts.clock.monotonic();
    this.#disarm = parts.clock.after(task.timeoutMs, () => this.#overdue());
    const { id, channel } = task;
    const attempt = attemptOf(task, parts.clock.now());
    this.#underway = parts.delivery.begin(channel, attempt, (figures) => this.#note(figures));
    this.#underway.outcome.then(
      (outcome) => this.#end(outcome),
      (error) => {
        parts.log.error("A channel broke", { task: id, channel, error });
        this.#end(this.#cutOff("internal", "The channel broke; the service's log says how."));
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
    if (this.#cause) return;
    this.#cause = cause;
    this.#cancelReason = cancelReason;
    this.#disarm();
    this.#disarm = this.#parts.clock.after(ABANDON_MS, () => {
      this.#parts.log.warn("An attempt ignored its abort and is abandoned", {
        task: this.#task.id,
        cause,
      });
      this.#end(this.#cutOff(...abandoned(cause)));
    });
    this.#underway.abort(cause);
  }

  progress(): TaskProgress | undefined {
    if (!this.#moved) return undefined;
    const seconds = (this.#parts.clock.monotonic() - this.#startedAt) / 1_000;
    const bytes = this.#moved.bytes - this.#keptBytes;
    return { ...this.#moved, rate: seconds > 0 ? Math.round(bytes / seconds) : 0 };
  }

  #note({ bytes, totalBytes, keptBytes = 0 }: Figures): void {
    if (bytes === undefined) return;
    this.#keptBytes = keptBytes;
    this.#moved = { bytes, ...compact({ totalBytes }) };
  }

  /** Cutting short the wait for the last word makes duplicates, so some channels get longer. */
  #overdue(): void {
    const { clock, delivery } = this.#parts;
    const graceMs = this.#graceGiven ? 0 : delivery.graceMs(this.#task.channel);
    if (graceMs === 0 || !this.#underway.isSending()) return this.abort("timeout");
    this.#graceGiven = true;
    this.#disarm = clock.after(graceMs, () => this.#overdue());
  }

  #end(outcome: Outcome): void {
    this.#disarm();
    this.#outcome.resolve(outcome);
  }

  #cutOff(code: string, detail: string): Outcome {
    return { kind: this.#underway.isSending() ? "unknown" : "deferred", error: { code, detail } };
  }
}

function abandoned(cause: AbortCause): [code: string, detail: string] {
  return cause === "timeout"
    ? ["timeout", "The attempt took longer than its timeout and did not end when told to."]
    : ["aborted", "The attempt was aborted and did not end when told to."];
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
