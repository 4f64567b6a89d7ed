/**
 * Tells what each finished attempt shows about its lane, and how the lane is
 * treated from then on; see `task/lane_health.ts`.
 *
 * A process that is alone keeps in memory what it has learned. Nodes that share
 * a queue keep it there: the settlement carries the evidence, and the engine
 * draws the conclusion in the transaction that stores it.
 *
 * @module
 */

import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import { sampleLines } from "../lib/sampled_log.ts";
import type { Cluster } from "../queue/engine.ts";
import {
  type BreakerChange,
  type LaneEvidence,
  type LaneHealth,
  learn,
} from "../task/lane_health.ts";
import type { Outcome, Settlement } from "../task/outcome.ts";
import type { ClaimedTask } from "../task/task.ts";

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
  /**
   * Returns the settlement, with the hold and the concurrency limit of its lane
   * added, or with the evidence from which an engine of several nodes decides them.
   */
  adjust(finished: FinishedAttempt): Settlement;
}

/**
 * Opens it without any lane, or with those that the other nodes have learned
 * about; `log` records breakers that open and close.
 */
export function openBackpressure(
  log: Log,
  clock: Clock,
  cluster?: Pick<Cluster, "healthOf" | "onBreaker">,
): Backpressure {
  const report = breakerLog(log, clock);
  if (!cluster) return new OwnBackpressure(report);
  cluster.onBreaker(report);
  return new SharedBackpressure(cluster);
}

/** Keeps what it learns in memory. */
class OwnBackpressure implements Backpressure {
  readonly #report: (change: BreakerChange) => void;
  readonly #lanes = new Map<string, LaneHealth>();

  constructor(report: (change: BreakerChange) => void) {
    this.#report = report;
  }

  adjust(finished: FinishedAttempt): Settlement {
    if (isOrdinary(finished) && !this.#lanes.has(finished.task.lane)) return finished.settlement;
    const { running } = finished;
    const { at } = finished.settlement;
    let settlement = withProbeHandedBack(finished, this.#lanes.get(finished.task.lane));
    for (const evidence of evidenceOf(finished)) {
      const { lane } = evidence;
      const known = this.#lanes.get(lane);
      if (!known && lane !== finished.task.lane && this.#lanes.size >= MAX_LANES) continue;
      const { health, hold, adaptiveLimit, breaker } = learn(known, evidence, { at, running });
      if (health) this.#lanes.set(lane, health);
      else this.#lanes.delete(lane);
      if (breaker) this.#report(breaker);
      if (adaptiveLimit !== undefined) settlement = { ...settlement, adaptiveLimit };
      const isLonger = hold && !(settlement.hold && settlement.hold.until > hold.until);
      if (isLonger) settlement = { ...settlement, hold };
    }
    return settlement;
  }
}

/** Leaves what it learns to the engine. */
class SharedBackpressure implements Backpressure {
  readonly #cluster: Pick<Cluster, "healthOf">;

  constructor(cluster: Pick<Cluster, "healthOf">) {
    this.#cluster = cluster;
  }

  adjust(finished: FinishedAttempt): Settlement {
    const known = this.#cluster.healthOf(finished.task.lane);
    if (isOrdinary(finished) && !known) return finished.settlement;
    const settlement = withProbeHandedBack(finished, known);
    // An answer of a lane without faults says nothing, and costs the database nothing.
    const evidence = evidenceOf(finished).filter(({ kind }) => known || kind !== "answer");
    return evidence.length === 0 ? settlement : { ...settlement, evidence };
  }
}

/** Logs breakers: each that closes, and samples of those that open. */
function breakerLog(log: Log, clock: Clock): (change: BreakerChange) => void {
  const sample = sampleLines(log, clock);
  return (change) => {
    const { lane, is } = change;
    if (is === "closed") return log.info("Circuit breaker closed", { lane });
    const why = is === "refused"
      ? { reason: change.reason }
      : { forMs: change.forMs, fault: change.fault };
    sample("breaker", "Circuit breaker opened", { lane, ...why }, lane);
  };
}

/** Whether the attempt shows nothing but that the host of its lane answers. */
function isOrdinary({ outcome }: FinishedAttempt): boolean {
  return outcome.kind === "delivered" && outcome.hold === undefined &&
    outcome.otherLane === undefined;
}

function evidenceOf({ task, outcome, settlement, byUs }: FinishedAttempt): LaneEvidence[] {
  const { lane, startedAt } = task;
  const { hold, otherLane } = outcome;
  if (hold?.probe) {
    if (!settlement.hold || outcome.kind !== "deferred") return [];
    const { forMs, reason } = hold;
    return [{ kind: "refused", lane, startedAt, forMs, reason, isListed: !outcome.untried }];
  }
  if (byUs || outcome.shared) return [];
  const code = networkFaultOf(outcome);
  // After a redirect, the host of the task has answered, whatever the other one did.
  if (otherLane !== undefined) {
    const answer: LaneEvidence = { kind: "answer", lane, startedAt };
    if (code === undefined) return [answer];
    return [{ kind: "fault", lane: otherLane, startedAt, code, isElsewhere: true }, answer];
  }
  if (code !== undefined) return [{ kind: "fault", lane, startedAt, code }];
  return [{ kind: isTooManyRequests(outcome) ? "too_many" : "answer", lane, startedAt }];
}

/**
 * Of a relay that refuses everybody, only the refusal that opened the breaker is listed as an
 * attempt. The task of a later probe is handed back, without an attempt.
 */
function withProbeHandedBack(
  { outcome, settlement }: FinishedAttempt,
  known: LaneHealth | undefined,
): Settlement {
  const isProbe = outcome.hold?.probe === true && outcome.kind === "deferred" &&
    outcome.uncounted !== undefined;
  if (!isProbe || !known?.isListed || settlement.event !== "retry") return settlement;
  return { ...settlement, event: "release" };
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
