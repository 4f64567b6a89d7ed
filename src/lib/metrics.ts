/**
 * Figures for Prometheus: counted where it happens, told when it is asked for.
 *
 * Names follow Prometheus' own advice: a prefix, base units, `_total` for what
 * only grows. No label has more values than there are kinds of it: a task's
 * host, key or id is never one.
 *
 * @module
 */

import { Counter, Gauge, Histogram, Registry } from "prom-client";

/** What an attempt is counted by. */
export interface AttemptLabels {
  /** `notify` or `fetch`. */
  readonly type: string;
  /** The channel's name. */
  readonly channel: string;
  /** What the other side said. */
  readonly outcome: string;
  /** `public`, `private` or `relay`. */
  readonly host_class: string;
}

/** What is true at the moment it is asked for. */
export interface Moment {
  /** Tasks kept, by state. */
  readonly tasks: Readonly<Record<string, number>>;
  /** Other figures, by the name of their gauge. */
  readonly gauges: Readonly<Partial<Record<GaugeName, number>>>;
}

/** The gauges by name. */
export type GaugeName =
  | "postrider_attempts_running"
  | "postrider_concurrency"
  | "postrider_lanes_held"
  | "postrider_threads"
  | "postrider_threads_lost"
  | "postrider_accepting"
  | "process_start_time_seconds"
  | "process_resident_memory_bytes";

const GAUGES: Readonly<Record<GaugeName, string>> = {
  postrider_attempts_running: "Attempts under way.",
  postrider_concurrency: "The most attempts at once.",
  postrider_lanes_held: "Hosts and relays that are held back at this moment.",
  postrider_threads: "Threads that deliver.",
  postrider_threads_lost: "Threads given up since the start, of the latest few.",
  postrider_accepting: "1 while submits are taken.",
  process_start_time_seconds: "When the service was started, in seconds since the epoch.",
  process_resident_memory_bytes: "Memory in use.",
};

/**
 * The results of a delivery to a hook: stored with its tasks, excluded by the filter, not
 * mappable, repeated, wrong signature, over the rate, or without room in the queue.
 */
export type HookVerdict = (typeof HOOK_VERDICTS)[number];
/** All of them. */
export const HOOK_VERDICTS = [
  "accepted",
  "filtered",
  "failed",
  "duplicate",
  "rejected",
  "limited",
  "refused",
] as const;

/** The results of a scheduled run: it created tasks, was left out, or could not create any. */
export type RunResult = (typeof RUN_RESULTS)[number];
const RUN_RESULTS = ["created", "skipped", "failed"] as const;

/** Counts and measures, from zero on. */
export interface Metrics {
  /** A call that submitted so many tasks was through after so many seconds. */
  accepted(type: string, tasks: number, seconds: number): void;
  /** A call was refused. */
  refused(code: string): void;
  /** A task was claimed so many seconds after it was due. */
  claimed(type: string, channel: string, seconds: number): void;
  /** An attempt ended after so many seconds. */
  attempted(labels: AttemptLabels, seconds: number): void;
  /** A task became final. */
  finished(type: string, state: string): void;
  /** Makes the counters of a hook appear, at 0 if nothing was received. */
  knownHook(hook: string): void;
  /** A hook received a delivery. */
  delivered(hook: string, verdict: HookVerdict): void;
  /** Makes the counters of a schedule appear, at 0 if there was no run. */
  knownSchedule(schedule: string): void;
  /** Runs of a schedule had this result. */
  scheduled(schedule: string, result: RunResult, count?: number): void;
  /** All of it, as Prometheus reads it. */
  text(moment: Moment): Promise<string>;
  /** The `Content-Type` of that text. */
  readonly contentType: string;
}

const ACCEPT_S = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
const WAIT_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 7_200];
const ATTEMPT_S = [
  0.005,
  0.01,
  0.025,
  0.05,
  0.1,
  0.25,
  0.5,
  1,
  2.5,
  5,
  10,
  30,
  60,
  300,
  900,
  3_600,
];

/** Opens metrics that stand at zero. */
export function openMetrics(info: Readonly<Record<string, string>>): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const counter = <Label extends string>(name: string, help: string, labelNames: Label[]) =>
    new Counter({ name, help, labelNames, registers });
  const histogram = <Label extends string>(
    name: string,
    help: string,
    buckets: number[],
    labelNames: Label[],
  ) => new Histogram({ name, help, buckets, labelNames, registers });

  const acceptedTasks = counter("postrider_tasks_accepted_total", "Tasks accepted.", ["type"]);
  const accept = histogram(
    "postrider_accept_duration_seconds",
    "From the arrival of a submit to its being safe.",
    ACCEPT_S,
    ["type"],
  );
  const refusals = counter("postrider_refusals_total", "Calls refused, by code.", ["code"]);
  const wait = histogram(
    "postrider_queue_wait_seconds",
    "From the moment a task was due to the beginning of its attempt.",
    WAIT_S,
    ["type", "channel"],
  );
  const attempt = histogram(
    "postrider_attempt_duration_seconds",
    "From the beginning of an attempt to its outcome.",
    ATTEMPT_S,
    ["type", "channel", "outcome", "host_class"],
  );
  const finished = counter("postrider_tasks_finished_total", "Tasks that became final.", [
    "type",
    "state",
  ]);
  const deliveries = counter(
    "postrider_hook_deliveries_total",
    "Deliveries to hooks, by verdict.",
    ["hook", "verdict"],
  );
  const runs = counter(
    "postrider_schedule_runs_total",
    "Runs of schedules, by result.",
    ["schedule", "result"],
  );
  const tasks = new Gauge({
    name: "postrider_tasks",
    help: "Tasks kept, by state.",
    labelNames: ["state"],
    registers,
  });
  const gauges = Object.fromEntries(
    Object.entries(GAUGES).map(([name, help]) => [name, new Gauge({ name, help, registers })]),
  ) as Record<GaugeName, Gauge>;
  new Gauge({
    name: "postrider_info",
    help: "What this is.",
    labelNames: Object.keys(info),
    registers,
  }).set(info, 1);

  return {
    contentType: registry.contentType,
    accepted(type, count, seconds) {
      acceptedTasks.inc({ type }, count);
      accept.observe({ type }, seconds);
    },
    refused: (code) => refusals.inc({ code }),
    claimed: (type, channel, seconds) => wait.observe({ type, channel }, Math.max(0, seconds)),
    attempted: (labels, seconds) => attempt.observe({ ...labels }, Math.max(0, seconds)),
    finished: (type, state) => finished.inc({ type, state }),
    knownHook(hook) {
      for (const verdict of HOOK_VERDICTS) deliveries.inc({ hook, verdict }, 0);
    },
    delivered: (hook, verdict) => deliveries.inc({ hook, verdict }),
    knownSchedule(schedule) {
      for (const result of RUN_RESULTS) runs.inc({ schedule, result }, 0);
    },
    scheduled: (schedule, result, count = 1) => runs.inc({ schedule, result }, count),
    text(moment) {
      for (const [state, count] of Object.entries(moment.tasks)) tasks.set({ state }, count);
      for (const [name, value] of Object.entries(moment.gauges)) {
        gauges[name as GaugeName].set(value);
      }
      return registry.metrics();
    },
  };
}
