/**
 * The counts of the present minute, in a form that costs little to add to: every task
 * is counted. `tally` is the form that is stored.
 *
 * @module
 */

import {
  bucketOf,
  BUCKETS,
  type EndedAttempt,
  noTally,
  OTHER_HOSTS,
  type Tally,
} from "../../task/history.ts";
import type { TaskState } from "../../task/state.ts";

/** Hosts that are counted by name. */
const MAX_HOSTS = 500;

interface TypeCounts {
  readonly states: Partial<Record<TaskState | "accepted", number>>;
  readonly ms: Uint32Array;
}

interface HostCounts {
  attempts: number;
  failed: number;
  readonly outcomes: Record<string, number>;
  readonly reasons: Map<string, number>;
  readonly ms: Uint32Array;
}

/** Counts of one minute. */
export class Minute {
  readonly #accept = new Uint32Array(BUCKETS);
  readonly #types = new Map<string, TypeCounts>();
  readonly #hosts = new Map<string, HostCounts>();
  readonly #submitters = new Map<string, number>();
  readonly #hooks = new Map<string, Map<string, number>>();
  readonly #waiting = { due: 0, samples: 0 };

  /** See `History`. */
  accepted(type: string, tasks: number, ms: number): void {
    const { states } = this.#type(type);
    states.accepted = (states.accepted ?? 0) + tasks;
    count(this.#accept, ms);
  }

  /** See `History`. */
  finished(type: string, state: TaskState, ms: number): void {
    const counts = this.#type(type);
    counts.states[state] = (counts.states[state] ?? 0) + 1;
    count(counts.ms, ms);
  }

  /** See `History`. */
  attempted({ lane, outcome, ms, failure }: EndedAttempt): void {
    const counts = this.#hosts.get(lane) ?? this.#newHost(lane);
    counts.attempts++;
    counts.outcomes[outcome] = (counts.outcomes[outcome] ?? 0) + 1;
    count(counts.ms, ms);
    if (!failure) return;
    counts.failed++;
    add(counts.reasons, `${failure.reason} ${failure.code}`, 1);
  }

  /** See `History`. */
  submitted(who: string, tasks: number): void {
    add(this.#submitters, who, tasks);
  }

  /** See `History`. */
  delivered(hook: string, verdict: string): void {
    let verdicts = this.#hooks.get(hook);
    if (!verdicts) this.#hooks.set(hook, verdicts = new Map());
    add(verdicts, verdict, 1);
  }

  /** See `History`. */
  waiting(due: number): void {
    this.#waiting.due += due;
    this.#waiting.samples++;
  }

  /** The counts as they are stored. */
  tally(): Tally {
    const tally = noTally();
    const accept = histogram(this.#accept);
    if (Object.keys(accept).length > 0) tally.accept = accept;
    if (this.#types.size > 0) {
      tally.types = tallyOf(this.#types, ({ states, ms }) => ({ ...states, ms: histogram(ms) }));
    }
    if (this.#hosts.size > 0) {
      tally.hosts = tallyOf(this.#hosts, ({ attempts, failed, outcomes, reasons, ms }) => ({
        attempts,
        ...outcomes,
        ms: histogram(ms),
        ...(failed === 0 ? {} : { failed, reasons: tallyOf(reasons, (value) => value) }),
      }));
    }
    if (this.#submitters.size > 0) tally.submitters = tallyOf(this.#submitters, (value) => value);
    if (this.#hooks.size > 0) {
      tally.hooks = tallyOf(this.#hooks, (verdicts) => tallyOf(verdicts, (value) => value));
    }
    if (this.#waiting.samples > 0) tally.waiting = { ...this.#waiting };
    return tally;
  }

  #type(type: string): TypeCounts {
    let counts = this.#types.get(type);
    if (!counts) this.#types.set(type, counts = { states: {}, ms: new Uint32Array(BUCKETS) });
    return counts;
  }

  #newHost(lane: string): HostCounts {
    const name = this.#hosts.size < MAX_HOSTS ? lane : OTHER_HOSTS;
    let counts = this.#hosts.get(name);
    if (!counts) {
      const ms = new Uint32Array(BUCKETS);
      counts = { attempts: 0, failed: 0, outcomes: {}, reasons: new Map(), ms };
      this.#hosts.set(name, counts);
    }
    return counts;
  }
}

function count(buckets: Uint32Array, ms: number): void {
  const bucket = bucketOf(ms);
  buckets[bucket] = (buckets[bucket] ?? 0) + 1;
}

function add(counts: Map<string, number>, name: string, more: number): void {
  counts.set(name, (counts.get(name) ?? 0) + more);
}

function tallyOf<Value>(
  values: ReadonlyMap<string, Value>,
  shown: (value: Value) => number | Tally,
): Tally {
  const tally = noTally();
  for (const [name, value] of values) tally[name] = shown(value);
  return tally;
}

function histogram(buckets: Uint32Array): Tally {
  const tally = noTally();
  for (const [bucket, samples] of buckets.entries()) if (samples > 0) tally[bucket] = samples;
  return tally;
}
