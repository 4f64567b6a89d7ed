/**
 * What is learned of hosts and relays from how they answer: how much they
 * bear, and when it is no use to ask.
 *
 * The breaker of a lane opens after ten network faults in a row; then one
 * attempt at a time asks whether the other side is back, at growing intervals.
 * A host that says "too many" is asked half as much, and gradually more again.
 *
 * @module
 */

import type { Log } from "../lib/log.ts";
import { DEFAULT_LANE_LIMIT } from "../task/host_limits.ts";
import type { Outcome, Settlement } from "../task/outcome.ts";
import type { ClaimedTask } from "../task/task.ts";

/** Faults in a row that open the breaker. */
const OPENS_AFTER = 10;
/** How long it is open the first time; twice as long after each attempt that finds nobody. */
const FIRST_OPEN_MS = 5_000;
const MAX_OPEN_MS = 5 * 60_000;

/** Nobody answered: what an answer says, however bad, is no such fault. */
const NETWORK_FAULTS = new Set([
  "connection_refused",
  "connection_reset",
  "dns_failed",
  "network_fault",
  "timeout",
  "tls_failed",
  "unreachable",
]);

/** How an attempt came out, and what is about to be written down for it. */
export interface Ended {
  /** What was attempted. */
  readonly task: ClaimedTask;
  /** What the other side said. */
  readonly outcome: Outcome;
  /** What comes of it. */
  readonly settlement: Settlement;
  /** Whether we ended it ourselves: that says nothing of the other side. */
  readonly byUs: boolean;
  /** How many attempts of the lane are under way, this one included. */
  readonly running: () => number;
}

/** Learns from attempts. */
export interface Backpressure {
  /** The settlement, with what its lane is to do from now on. */
  consider(ended: Ended): Settlement;
}

/** What a lane in trouble has shown of itself. */
interface Trouble {
  faults: number;
  /** The breaker's; zero while it is closed. */
  openMs: number;
  /** What began before says nothing new, in milliseconds since the epoch. */
  notBefore: number;
  bears: number;
  /** Answers since it was last asked for more. */
  answers: number;
}

/** Opens it, with nothing learned; `log` hears of breakers. */
export function openBackpressure(log: Log): Backpressure {
  return new LearnedCourtesy(log);
}

class LearnedCourtesy implements Backpressure {
  readonly #log: Log;
  readonly #lanes = new Map<string, Trouble>();

  constructor(log: Log) {
    this.#log = log;
  }

  consider({ task, outcome, settlement, byUs, running }: Ended): Settlement {
    if (byUs || outcome.shared) return settlement;
    const { lane } = task;
    const fault = faultOf(outcome);
    const isTooMany = saysTooMany(outcome);
    let trouble = this.#lanes.get(lane);
    if (!trouble) {
      if (fault === undefined && !isTooMany) return settlement;
      trouble = { faults: 0, openMs: 0, notBefore: 0, bears: DEFAULT_LANE_LIMIT, answers: 0 };
      this.#lanes.set(lane, trouble);
    }
    const isNews = task.startedAt >= trouble.notBefore;
    if (fault !== undefined) {
      return isNews ? this.#fault(lane, trouble, fault, settlement) : settlement;
    }
    if (isTooMany && isNews) trouble.bears = Math.min(trouble.bears, running());
    const learned = this.#answer(lane, trouble, isTooMany && isNews);
    if (isTooMany && isNews) trouble.notBefore = settlement.at;
    if (trouble.bears >= DEFAULT_LANE_LIMIT) this.#lanes.delete(lane);
    return learned === undefined ? settlement : { ...settlement, bears: learned };
  }

  /** Another one in a row. */
  #fault(lane: string, trouble: Trouble, fault: string, settlement: Settlement): Settlement {
    trouble.faults++;
    if (trouble.faults < OPENS_AFTER) return settlement;
    trouble.openMs = Math.min(trouble.openMs * 2 || FIRST_OPEN_MS, MAX_OPEN_MS);
    const until = settlement.at + trouble.openMs;
    const reason = `breaker: ${trouble.faults} network faults in a row, the last ${fault}`;
    this.#log.warn("A breaker opens", { lane, forMs: trouble.openMs, fault });
    trouble.notBefore = until;
    const { hold } = settlement;
    const longest = hold && hold.until > until ? hold : { until, reason };
    return { ...settlement, hold: longest, bears: 1 };
  }

  /** Somebody is there; resolves with how much he bears, when that has changed. */
  #answer(lane: string, trouble: Trouble, isTooMany: boolean): number | undefined {
    const wasOpen = trouble.openMs > 0;
    if (wasOpen) this.#log.info("A breaker closes", { lane });
    trouble.faults = trouble.openMs = 0;
    if (isTooMany) {
      trouble.answers = 0;
      return trouble.bears = Math.max(1, Math.floor(trouble.bears / 2));
    }
    trouble.answers++;
    if (trouble.answers >= trouble.bears && trouble.bears < DEFAULT_LANE_LIMIT) {
      trouble.answers = 0;
      return toBook(++trouble.bears);
    }
    return wasOpen ? toBook(trouble.bears) : undefined;
  }
}

/** Who bears the default bears whatever the operator allows. */
function toBook(bears: number): number {
  return bears >= DEFAULT_LANE_LIMIT ? Number.MAX_SAFE_INTEGER : bears;
}

function faultOf(outcome: Outcome): string | undefined {
  if (outcome.kind !== "deferred" && outcome.kind !== "unknown") return undefined;
  return NETWORK_FAULTS.has(outcome.error.code) ? outcome.error.code : undefined;
}

/** Our own share is too large when the host says so, and not when it is merely ill. */
function saysTooMany(outcome: Outcome): boolean {
  return outcome.kind === "deferred" &&
    (outcome.error.code === "http_429" ||
      (outcome.hold !== undefined && outcome.error.code === "http_503"));
}
