/**
 * Adapts a lane to the way its host or relay answers.
 *
 * Two mechanisms work per lane. A circuit breaker opens after ten network
 * faults in a row, or at once when a relay refuses every session; while it is
 * open, one attempt at a time probes at growing intervals. The adaptive
 * concurrency limit is halved when a host answers "too many requests", and
 * grows by one after each full round of good answers.
 *
 * Pure: the caller stores what is known of a lane. The worker of a process that
 * is alone keeps it in memory; nodes that share a queue keep it there.
 *
 * @module
 */

import { DEFAULT_LANE_LIMIT } from "./host_limits.ts";

/** Network faults in a row that open the breaker. */
const OPENS_AFTER = 10;
/** How long the breaker is open the first time; each failed probe doubles it. */
const FIRST_OPEN_MS = 5_000;
const MAX_OPEN_MS = 5 * 60_000;

/** What is known of a lane that had faults. */
export interface LaneHealth {
  /** Network faults in a row. */
  readonly faults: number;
  /** How long the breaker is open; zero while it is closed. */
  readonly openMs: number;
  /** Attempts that began before this time are ignored, in milliseconds since the epoch. */
  readonly notBefore: number;
  /** The adaptive concurrency limit. */
  readonly limit: number;
  /** Answers since the limit last grew. */
  readonly answers: number;
  /** Whether the refusal that opened the breaker is in the list of a task's attempts. */
  readonly isListed: boolean;
}

/** What a finished attempt shows about a lane. */
export type LaneEvidence =
  & {
    /** The lane, which after a redirect is not that of the task. */
    readonly lane: string;
    /** When the attempt began, in milliseconds since the epoch. */
    readonly startedAt: number;
  }
  & (
    | {
      readonly kind: "fault";
      /** The code of the error. */
      readonly code: string;
      /** A redirect led to this lane: such a fault counts, but opens no breaker. */
      readonly isElsewhere?: true;
    }
    | {
      /** The other side refuses every attempt. */
      readonly kind: "refused";
      readonly forMs: number;
      readonly reason: string;
      /** Whether the refusal is in the list of its task's attempts. */
      readonly isListed: boolean;
    }
    | { readonly kind: "too_many" }
    | { readonly kind: "answer" }
  );

/** A breaker that has opened or closed. */
export type BreakerChange =
  | { readonly lane: string; readonly is: "open"; readonly forMs: number; readonly fault: string }
  | { readonly lane: string; readonly is: "refused"; readonly reason: string }
  | { readonly lane: string; readonly is: "closed" };

/** What follows from the evidence. */
export interface LaneStep {
  /** What is known now; absent when there is nothing to remember. */
  readonly health?: LaneHealth;
  /** The new limit of the lane. */
  readonly adaptiveLimit?: number;
  /** Until when the lane is held, in milliseconds since the epoch. */
  readonly hold?: { readonly until: number; readonly reason: string };
  /** Set when the breaker has opened or closed. */
  readonly breaker?: BreakerChange;
}

/** The moment at which evidence is weighed. */
export interface LaneMoment {
  /** In milliseconds since the epoch. */
  readonly at: number;
  /** How many attempts of the lane are running, this one included. */
  readonly running: () => number;
}

const UNKNOWN: LaneHealth = {
  faults: 0,
  openMs: 0,
  notBefore: 0,
  limit: DEFAULT_LANE_LIMIT,
  answers: 0,
  isListed: false,
};

/** What follows from an attempt for its lane; `known` is what was known of the lane before. */
export function learn(
  known: LaneHealth | undefined,
  evidence: LaneEvidence,
  { at, running }: LaneMoment,
): LaneStep {
  const health = known ?? UNKNOWN;
  const isNews = evidence.startedAt >= health.notBefore;
  switch (evidence.kind) {
    case "fault":
      if (evidence.isElsewhere) {
        return { health: { ...health, faults: Math.min(health.faults + 1, OPENS_AFTER - 1) } };
      }
      return isNews ? countFault(health, evidence.lane, evidence.code, at) : { health };
    case "refused": {
      const { lane, forMs, reason } = evidence;
      const isListed = health.isListed || evidence.isListed;
      const open = isNews ? { openMs: Math.max(1, forMs), notBefore: at + forMs } : {};
      return {
        health: { ...health, ...open, isListed },
        adaptiveLimit: 1,
        ...(health.openMs === 0 ? { breaker: { lane, is: "refused", reason } } : {}),
      };
    }
    case "too_many":
      if (!isNews) return countAnswer(health, evidence.lane);
      return countTooMany(health, evidence.lane, Math.min(health.limit, running()), at);
    case "answer":
      return known ? countAnswer(health, evidence.lane) : {};
  }
}

function countFault(health: LaneHealth, lane: string, fault: string, at: number): LaneStep {
  const faults = health.faults + 1;
  if (faults < OPENS_AFTER) return { health: { ...health, faults } };
  const openMs = Math.min(health.openMs * 2 || FIRST_OPEN_MS, MAX_OPEN_MS);
  const until = at + openMs;
  return {
    health: { ...health, faults, openMs, notBefore: until },
    adaptiveLimit: 1,
    hold: { until, reason: `breaker: ${faults} network faults in a row, the last ${fault}` },
    breaker: { lane, is: "open", forMs: openMs, fault },
  };
}

function countTooMany(health: LaneHealth, lane: string, running: number, at: number): LaneStep {
  const limit = Math.max(1, Math.floor(running / 2));
  return {
    health: { ...answered(health), answers: 0, limit, notBefore: at },
    adaptiveLimit: limit,
    ...closing(health, lane),
  };
}

function countAnswer(health: LaneHealth, lane: string): LaneStep {
  const answers = health.answers + 1;
  const grows = answers >= health.limit && health.limit < DEFAULT_LANE_LIMIT;
  const limit = grows ? health.limit + 1 : health.limit;
  const next = { ...answered(health), limit, answers: grows ? 0 : answers };
  return {
    ...(limit < DEFAULT_LANE_LIMIT ? { health: next } : {}),
    ...(grows || health.openMs > 0 ? { adaptiveLimit: laneLimit(limit) } : {}),
    ...closing(health, lane),
  };
}

/** The other side has answered: the faults in a row are over. */
function answered(health: LaneHealth): LaneHealth {
  return { ...health, faults: 0, openMs: 0, isListed: false };
}

function closing({ openMs }: LaneHealth, lane: string): Pick<LaneStep, "breaker"> {
  return openMs > 0 ? { breaker: { lane, is: "closed" } } : {};
}

/** At the default the adaptive limit stops limiting, so that an operator may allow more. */
function laneLimit(limit: number): number {
  return limit >= DEFAULT_LANE_LIMIT ? Number.MAX_SAFE_INTEGER : limit;
}
