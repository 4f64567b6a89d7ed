/**
 * Adapts each lane to the way its host or relay answers.
 *
 * Two mechanisms work per lane. A circuit breaker opens after ten network
 * faults in a row, or at once when a relay refuses every session; while it is
 * open, one attempt at a time probes at growing intervals. The adaptive
 * concurrency limit is halved when a host answers "too many requests", and
 * grows by one after each full round of good answers.
 *
 * @module
 */

import type { Clock } from "../lib/clock.ts";
import type { Log, LogFields } from "../lib/log.ts";
import { type LogSampled, sampleLines } from "../lib/sampled_log.ts";
import { DEFAULT_LANE_LIMIT } from "../task/host_limits.ts";
import type { Outcome, Settlement } from "../task/outcome.ts";
import type { ClaimedTask } from "../task/task.ts";

/** Network faults in a row that open the breaker. */
const OPENS_AFTER = 10;
/** How long the breaker is open the first time; each failed probe doubles it. */
const FIRST_OPEN_MS = 5_000;
const MAX_OPEN_MS = 5 * 60_000;

/** Lanes that redirects may add: their names come from servers. */
const MAX_LANES = 10_000;

/** Faults without an answer from the other side; a bad answer is not a network fault. */
const NETWORK_FAULTS = new Set([
  "connection_refused",
  "connection_reset",
  "dns_failed",
  "network_fault",
  "timeout",
  "tls_failed",
  "unreachable",
]);

/** A finished attempt, and the settlement that is about to be written for it. */
export interface FinishedAttempt {
  /** The task of the attempt. */
  readonly task: ClaimedTask;
  /** The outcome that its channel reported. */
  readonly outcome: Outcome;
  /** The settlement without the effects on the lane. */
  readonly settlement: Settlement;
  /** Whether the worker aborted it, which is no evidence about the host. */
  readonly byUs: boolean;
  /** How many attempts of the lane are running, this one included. */
  readonly running: () => number;
}

/** Learns from finished attempts. */
export interface Backpressure {
  /** Returns the settlement, with the hold and the concurrency limit of its lane added. */
  adjust(finished: FinishedAttempt): Settlement;
}

/** What is kept of a lane that had faults. */
interface LaneHealth {
  faults: number;
  /** How long the breaker is open; zero while it is closed. */
  openMs: number;
  /** Attempts that began before this time are ignored, in milliseconds since the epoch. */
  notBefore: number;
  limit: number;
  /** Answers since the limit last grew. */
  answers: number;
  /** Whether the refusal that opened the breaker is listed with a task. */
  isListed: boolean;
}

/** Opens it without any lane; `log` records breakers that open and close. */
export function openBackpressure(log: Log, clock: Clock): Backpressure {
  return new LaneBackpressure(log, sampleLines(log, clock));
}

class LaneBackpressure implements Backpressure {
  readonly #log: Log;
  readonly #sample: LogSampled;
  readonly #lanes = new Map<string, LaneHealth>();

  constructor(log: Log, sample: LogSampled) {
    this.#log = log;
    this.#sample = sample;
  }

  adjust({ task, outcome, settlement, byUs, running }: FinishedAttempt): Settlement {
    const { lane } = task;
    if (outcome.hold?.probe) return this.#countRefusal(task, outcome, settlement);
    if (byUs || outcome.shared) return settlement;
    const { otherLane } = outcome;
    // After a redirect, the host of the task has answered, whatever the other one did.
    if (otherLane !== undefined && networkFaultOf(outcome)) this.#noteFault(otherLane);
    const fault = otherLane === undefined ? networkFaultOf(outcome) : undefined;
    const isTooMany = otherLane === undefined && isTooManyRequests(outcome);
    if (!this.#lanes.has(lane) && fault === undefined && !isTooMany) return settlement;
    const health = this.#healthOf(lane);
    const isNews = task.startedAt >= health.notBefore;
    if (fault !== undefined) {
      return isNews ? this.#countFault(lane, health, fault, settlement) : settlement;
    }
    if (isTooMany && isNews) health.limit = Math.min(health.limit, running());
    const limit = this.#countAnswer(lane, health, isTooMany && isNews);
    if (isTooMany && isNews) health.notBefore = settlement.at;
    if (health.limit >= DEFAULT_LANE_LIMIT) this.#lanes.delete(lane);
    return limit === undefined ? settlement : { ...settlement, adaptiveLimit: limit };
  }

  #warnOpened(lane: string, why: LogFields): void {
    this.#sample("breaker", "Circuit breaker opened", { lane, ...why }, lane);
  }

  #healthOf(lane: string): LaneHealth {
    let health = this.#lanes.get(lane);
    if (!health) {
      const limit = DEFAULT_LANE_LIMIT;
      health = { faults: 0, openMs: 0, notBefore: 0, limit, answers: 0, isListed: false };
      this.#lanes.set(lane, health);
    }
    return health;
  }

  /** Counts a fault that a redirect ran into; the breaker itself opens by a task of that lane. */
  #noteFault(lane: string): void {
    if (this.#lanes.size >= MAX_LANES && !this.#lanes.has(lane)) return;
    const health = this.#healthOf(lane);
    if (health.faults < OPENS_AFTER - 1) health.faults++;
  }

  #countFault(lane: string, health: LaneHealth, fault: string, settlement: Settlement): Settlement {
    health.faults++;
    if (health.faults < OPENS_AFTER) return settlement;
    health.openMs = Math.min(health.openMs * 2 || FIRST_OPEN_MS, MAX_OPEN_MS);
    const until = settlement.at + health.openMs;
    const reason = `breaker: ${health.faults} network faults in a row, the last ${fault}`;
    this.#warnOpened(lane, { forMs: health.openMs, fault });
    health.notBefore = until;
    const { hold } = settlement;
    const longest = hold && hold.until > until ? hold : { until, reason };
    return { ...settlement, hold: longest, adaptiveLimit: 1 };
  }

  /**
   * The other side refuses everybody: the breaker opens at once. The first refusal is
   * listed with its task; those of later probes are not, and cost their tasks no attempt.
   */
  #countRefusal(
    { lane, startedAt }: ClaimedTask,
    outcome: Outcome,
    settlement: Settlement,
  ): Settlement {
    const { hold } = settlement;
    if (!hold || outcome.kind !== "deferred") return settlement;
    const health = this.#healthOf(lane);
    if (health.openMs === 0) {
      this.#warnOpened(lane, { reason: hold.reason });
    }
    if (startedAt >= health.notBefore) {
      health.openMs = Math.max(1, outcome.hold?.forMs ?? 0);
      health.notBefore = hold.until;
    }
    const isRelease = health.isListed && outcome.uncounted !== undefined &&
      settlement.event === "retry";
    if (!outcome.untried) health.isListed = true;
    const event = isRelease ? "release" : settlement.event;
    return { ...settlement, event, adaptiveLimit: 1 };
  }

  /** Records a response; returns the new concurrency limit when it changed. */
  #countAnswer(lane: string, health: LaneHealth, isTooMany: boolean): number | undefined {
    const wasOpen = health.openMs > 0;
    if (wasOpen) this.#log.info("Circuit breaker closed", { lane });
    health.faults = health.openMs = 0;
    health.isListed = false;
    if (isTooMany) {
      health.answers = 0;
      return health.limit = Math.max(1, Math.floor(health.limit / 2));
    }
    health.answers++;
    if (health.answers >= health.limit && health.limit < DEFAULT_LANE_LIMIT) {
      health.answers = 0;
      return laneLimit(++health.limit);
    }
    return wasOpen ? laneLimit(health.limit) : undefined;
  }
}

/** At the default the adaptive limit stops limiting, so that an operator may allow more. */
function laneLimit(limit: number): number {
  return limit >= DEFAULT_LANE_LIMIT ? Number.MAX_SAFE_INTEGER : limit;
}

function networkFaultOf(outcome: Outcome): string | undefined {
  if (outcome.kind !== "deferred" && outcome.kind !== "unknown") return undefined;
  return NETWORK_FAULTS.has(outcome.error.code) ? outcome.error.code : undefined;
}

/** 503 counts only with a `Retry-After`: without it the host is failing, not overloaded by us. */
function isTooManyRequests(outcome: Outcome): boolean {
  return outcome.kind === "deferred" &&
    (outcome.error.code === "http_429" ||
      (outcome.hold !== undefined && outcome.error.code === "http_503"));
}
