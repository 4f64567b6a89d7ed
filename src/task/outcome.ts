/**
 * The outcome of an attempt, and the settlement that is stored for it.
 *
 * The channel reports how the receiver responded; `decide` turns that into the
 * task's next state. Both are plain data, so that everything that can follow an
 * attempt is read, and tested, here.
 *
 * @module
 */

import { compact } from "../lib/compact.ts";
import { MAX_DURATION_MS } from "../lib/duration.ts";
import type { LaneEvidence } from "./lane_health.ts";
import { retryDelay, type RetrySchedule } from "./retry.ts";
import type { TaskEvent } from "./state.ts";
import type { AttemptRecord, ClaimedTask, Delivery, Json, Reason, TaskError } from "./task.ts";

/** How the receiver responded, as a channel reports it. */
export type Outcome =
  & {
    /** Details, kept with the attempt. */
    readonly evidence?: Json;
    /** Small JSON for the next attempt: recipients served, bytes saved, an ETag. */
    readonly carry?: Json;
    /** The result of the task, also of a failed one. */
    readonly result?: Json;
    /** Holds the lane: no attempt begins in it for a while. */
    readonly hold?: LaneHold;
    /** Another attempt reports the same fault: both used the connection that was lost. */
    readonly shared?: true;
    /** The lane of the host that caused this outcome, when a redirect led away from the task's own. */
    readonly otherLane?: string;
  }
  & (
    | { readonly kind: "delivered" }
    | {
      readonly kind: "rejected";
      readonly error: TaskError;
      /** `partial`: some recipients have it. `delivered`: the server took the request, but its response fails the task. */
      readonly delivery?: "partial" | "delivered";
    }
    | {
      readonly kind: "deferred";
      readonly error: TaskError;
      /** The other side's wish, in milliseconds from now; the schedule's step when it is later. */
      readonly retryAfterMs?: number;
      /** `partial`: some recipients have it. `delivered`: the server took the request, but its response is not usable. */
      readonly delivery?: "partial" | "delivered";
      /** The task never had its turn: it is handed back, and no attempt is counted or listed. */
      readonly untried?: true;
      /**
       * How many attempts so far failed because the other side refused everybody
       * (a relay that takes no session); they use up no step of the retry schedule.
       * When it is set, zero included, the fault cannot be the task's own: a probe that
       * meets a known outage is handed back.
       */
      readonly uncounted?: number;
    }
    | {
      /** The bytes had left when the attempt was cut off. */
      readonly kind: "unknown";
      readonly error: TaskError;
    }
  );

/** A pause of a whole lane. */
export interface LaneHold {
  /** Milliseconds from the end of the attempt. */
  readonly forMs: number;
  /** For people: `429 with Retry-After: 2`. */
  readonly reason: string;
  /** Afterwards one attempt at a time probes, until one is answered. */
  readonly probe?: true;
}

/** Why an attempt was aborted. */
export type AbortCause = "cancelled" | "shutdown" | "drain" | "timeout";

/** Who cancelled: a caller, a shutdown, or a caller who cancelled the whole batch. */
export type CancelReason = Extract<Reason, "request" | "shutdown" | "batch">;

/** What is stored after an attempt. */
export interface Settlement {
  /** The task. */
  readonly id: string;
  /** The attempt it settles; refused when the task is no longer at it. */
  readonly attempt: number;
  /** What happens to the task. */
  readonly event: Extract<
    TaskEvent,
    "succeed" | "fail" | "cancel" | "expire" | "retry" | "release"
  >;
  /** When the attempt ended, in milliseconds since the epoch. */
  readonly at: number;
  /** The attempt as it will be listed; absent for a release. */
  readonly record?: AttemptRecord;
  /** Earliest time of the next attempt, for a retry or a release. */
  readonly dueAt?: number;
  /** Why, where the state alone does not say. */
  readonly reason?: Reason;
  /** What became of it; with a final event. */
  readonly delivery?: Delivery;
  /** The result of the attempt. */
  readonly result?: Json;
  /** For the next attempt. */
  readonly carry?: Json;
  /** The payload may have had its effect already. */
  readonly possibleDuplicate?: boolean;
  /** The adaptive concurrency limit of the lane from now on; not kept over a restart. */
  readonly adaptiveLimit?: number;
  /** Pauses the task's lane until then, in milliseconds since the epoch. */
  readonly hold?: { readonly until: number; readonly reason: string };
  /** What the attempt showed about lanes; for engines that nodes share, which draw the conclusion. */
  readonly evidence?: readonly LaneEvidence[];
}

/**
 * The settlement of an attempt of `task` that ended with `outcome`. `random` in
 * [0, 1) spreads retries; `cancelled` is set when a caller or a shutdown
 * aborted the attempt, after which there is no other.
 */
export function decide(
  task: ClaimedTask,
  outcome: Outcome,
  { now, random, cancelled }: { now: number; random: number; cancelled?: CancelReason },
): Settlement {
  const base = {
    id: task.id,
    attempt: task.attempt,
    at: now,
    record: recordOf(task, outcome, now, cancelled !== undefined),
    ...compact({ result: outcome.result, carry: outcome.carry }),
    ...(outcome.hold === undefined ? {} : {
      hold: {
        until: now + Math.min(outcome.hold.forMs, MAX_DURATION_MS),
        reason: outcome.hold.reason,
      },
    }),
  };
  switch (outcome.kind) {
    case "delivered":
      return { ...base, event: "succeed", delivery: "delivered" };
    case "rejected":
      return {
        ...base,
        event: "fail",
        reason: "rejected",
        delivery: outcome.delivery ?? notDelivered(task),
      };
    case "deferred":
    case "unknown": {
      const unknown = outcome.kind === "unknown";
      const delivery = unknown ? "unknown" : outcome.delivery ?? notDelivered(task);
      // Also at the end: a later retry needs it.
      const marked = unknown ? { ...base, possibleDuplicate: true } : base;
      if (cancelled) return { ...marked, event: "cancel", reason: cancelled, delivery };
      if (unknown && task.onUnknown === "stop") {
        return { ...marked, event: "fail", reason: "unknown", delivery };
      }
      const wishMs = unknown ? 0 : outcome.retryAfterMs;
      const uncounted = unknown ? 0 : outcome.uncounted ?? 0;
      // A schedule without a step allows no further attempt, whatever the reason.
      const tries = Math.max(1, task.attempt - uncounted);
      const dueAt = nextDue(task.retry, tries, now, random, wishMs);
      if (dueAt === undefined) return { ...marked, event: "fail", reason: "exhausted", delivery };
      return retryOrExpire(task, marked, dueAt, delivery);
    }
  }
}

/** Once an effect may have happened, a later refusal does not undo it. */
function notDelivered(task: ClaimedTask): Delivery {
  return task.possibleDuplicate ? "unknown" : "not_delivered";
}

function nextDue(
  schedule: RetrySchedule,
  tries: number,
  now: number,
  random: number,
  retryAfterMs = 0,
): number | undefined {
  const delay = retryDelay(schedule, tries, random);
  // The receiver may ask for any wait; the result must be a date.
  return delay === undefined
    ? undefined
    : now + Math.min(Math.max(delay, retryAfterMs), MAX_DURATION_MS);
}

/** No attempt begins at or after `expiresAt`, so the task expires at once. */
function retryOrExpire<Base extends object>(
  task: ClaimedTask,
  base: Base,
  dueAt: number,
  delivery: Delivery,
) {
  if (task.expiresAt !== undefined && dueAt >= task.expiresAt) {
    return { ...base, event: "expire", reason: "expired", delivery } as const;
  }
  return { ...base, event: "retry", dueAt } as const;
}

function recordOf(
  task: ClaimedTask,
  outcome: Outcome,
  endedAt: number,
  cancelled: boolean,
): AttemptRecord {
  return {
    number: task.attempt,
    startedAt: task.startedAt,
    endedAt,
    outcome: cancelled && outcome.kind === "deferred" ? "cancelled" : outcome.kind,
    ...("error" in outcome ? { error: outcome.error } : {}),
    ...compact({ evidence: outcome.evidence }),
  };
}
