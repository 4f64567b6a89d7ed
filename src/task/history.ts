/**
 * What the service did in the past, as counts by minute and by longer steps.
 *
 * A tally is a tree of counts, so that another measure needs no other table:
 * `hosts / https://example.org:443 / failed`. Tallies of several steps, and of
 * several nodes, are summed.
 *
 * @module
 */

/** Counts by name, at any depth. */
export interface Tally {
  /** A count, or the counts below a name. */
  [name: string]: number | Tally;
}

/** Steps in milliseconds, and how long their tallies are kept. */
export const HISTORY_STEPS: readonly { readonly stepMs: number; readonly keptMs: number }[] = [
  { stepMs: 60_000, keptMs: 2 * 3_600_000 },
  { stepMs: 15 * 60_000, keptMs: 26 * 3_600_000 },
  { stepMs: 2 * 3_600_000, keptMs: 8 * 86_400_000 },
];

/** The tally of one step, as one process counted it. */
export interface HistoryPart {
  /** The length of the step, in milliseconds. */
  readonly stepMs: number;
  /** Its start, in milliseconds since the epoch. */
  readonly at: number;
  /** Identifies the process that counted. */
  readonly run: string;
  /** The tally as JSON. */
  readonly tally: string;
}

/** Parts of the same step that began earlier are deleted when this one is stored. */
export function forgottenBefore({ stepMs, at }: HistoryPart): number {
  return at - (HISTORY_STEPS.find((step) => step.stepMs === stepMs)?.keptMs ?? 0);
}

/** An empty tally. It inherits nothing, so that any text can be a name. */
export function noTally(): Tally {
  return Object.create(null);
}

/** Adds all counts of `from`. */
export function addTally(into: Tally, from: Tally): void {
  for (const [name, value] of Object.entries(from)) {
    if (typeof value === "number") into[name] = Number(into[name] ?? 0) + value;
    else addTally(branch(into, name), value);
  }
}

function branch(tally: Tally, name: string): Tally {
  const found = tally[name];
  if (typeof found === "object") return found;
  return tally[name] = noTally();
}

/** The count at `path`; 0 when there is none. */
export function countAt(tally: Tally, ...path: string[]): number {
  const found = place(tally, path);
  return typeof found === "number" ? found : 0;
}

/** The tally at `path`; an empty one when there is none. */
export function tallyAt(tally: Tally, ...path: string[]): Tally {
  const found = place(tally, path);
  return typeof found === "object" ? found : noTally();
}

function place(tally: Tally, path: readonly string[]): number | Tally | undefined {
  let found: number | Tally | undefined = tally;
  for (const name of path) {
    if (typeof found !== "object" || !Object.hasOwn(found, name)) return undefined;
    found = found[name];
  }
  return found;
}

/** Buckets of a histogram for each doubling: a quantile is at most a tenth off. */
const PER_DOUBLING = 4;
/** Buckets of a histogram; the last one counts what takes longer than two years. */
export const BUCKETS = 145;

/** The bucket that counts durations of about `ms` milliseconds. */
export function bucketOf(ms: number): number {
  if (!(ms >= 1)) return 0;
  return Math.min(BUCKETS - 1, Math.floor(Math.log2(ms) * PER_DOUBLING) + 1);
}

/** Quantiles in milliseconds; absent without samples. */
export interface Quantiles {
  /** The median. */
  readonly p50?: number;
  /** The 95th percentile. */
  readonly p95?: number;
  /** The 99th percentile. */
  readonly p99?: number;
}

/** The quantiles of a tally of buckets. */
export function quantilesOf(histogram: Tally): Quantiles {
  const buckets = Object.entries(histogram)
    .map(([name, samples]) => [Number(name), Number(samples)] as const)
    .sort(([a], [b]) => a - b);
  const all = buckets.reduce((sum, [, samples]) => sum + samples, 0);
  if (all === 0) return {};
  const at = (part: number) => {
    let left = part * all;
    for (const [bucket, samples] of buckets) {
      if (left <= samples) {
        return Math.round(2 ** ((bucket - 1 + left / samples) / PER_DOUBLING) * 10) / 10;
      }
      left -= samples;
    }
    return 0;
  };
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}

/** The name for the sum of all hosts that are not counted one by one. */
export const OTHER_HOSTS = "";

/**
 * A tally whose hosts are those with the most attempts and those with the most
 * failures, `most` of each; the others are summed.
 */
export function withFewHosts(tally: Tally, most: number): Tally {
  const hosts = Object.entries(tallyAt(tally, "hosts"));
  if (hosts.length <= 2 * most) return tally;
  const first = (measure: string) =>
    hosts.filter(([name]) => name !== OTHER_HOSTS)
      .sort(([, a], [, b]) => countAt(b as Tally, measure) - countAt(a as Tally, measure))
      .slice(0, most).map(([name]) => name);
  const named = new Set([...first("attempts"), ...first("failed")]);
  const few = noTally();
  for (const [name, counts] of hosts) {
    addTally(branch(few, named.has(name) ? name : OTHER_HOSTS), counts as Tally);
  }
  return Object.assign(noTally(), tally, { hosts: few });
}

/** What is counted of an attempt that has ended. */
export interface EndedAttempt {
  /** The lane of its host or relay. */
  readonly lane: string;
  /** `delivered`, `deferred`, `rejected` or `unknown`. */
  readonly outcome: string;
  /** How long it took, in milliseconds. */
  readonly ms: number;
  /** Why its task failed with it: the task's reason, and the code of the error. */
  readonly failure?: { readonly reason: string; readonly code: string };
}
