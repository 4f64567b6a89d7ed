/**
 * Prometheus metrics.
 *
 * Names follow the conventions of Prometheus: a prefix, base units, `_total` for
 * counters. Every label has a small set of values: the host, key or id of a task
 * is never one.
 *
 * @module
 */

import { Counter, Gauge, Registry } from "prom-client";
import { registerCounter, registerHistogram } from "./series.ts";

/** Labels of an attempt. */
export interface AttemptLabels {
  /** `notify` or `fetch`. */
  readonly type: string;
  /** The channel's name. */
  readonly channel: string;
  /** The outcome. */
  readonly outcome: string;
  /** `public`, `private` or `relay`. */
  readonly host_class: string;
}

/** The values of the gauges. */
export interface Moment {
  /** Stored tasks by state. */
  readonly tasks: Readonly<Record<string, number>>;
  /** Queued tasks by what they wait for. */
  readonly queued: Readonly<Record<string, number>>;
  /** Other values by the name of their gauge. */
  readonly gauges: Readonly<Partial<Record<GaugeName, number>>>;
}

/** The gauges by name. */
export type GaugeName =
  | "postrider_attempts_running"
  | "postrider_concurrency"
  | "postrider_lanes_held"
  | "postrider_oldest_due_seconds"
  | "postrider_threads"
  | "postrider_threads_lost"
  | "postrider_accepting"
  | "postrider_queue_bytes"
  | "postrider_disk_free_bytes"
  | "process_start_time_seconds"
  | "process_resident_memory_bytes";

const GAUGES: Readonly<Record<GaugeName, string>> = {
  postrider_attempts_running: "Running attempts.",
  postrider_concurrency: "Maximum of running attempts.",
  postrider_lanes_held: "Hosts and relays that are held.",
  postrider_oldest_due_seconds: "How long the oldest due task has been due; 0 when none is.",
  postrider_threads: "Delivery threads.",
  postrider_threads_lost: "Delivery threads lost since the start, at most ten.",
  postrider_accepting: "1 while submits are accepted.",
  postrider_queue_bytes: "Size of the queue file and its log; 0 for other engines.",
  postrider_disk_free_bytes: "Free space on the disk of the queue file; 0 where it is unknown.",
  process_start_time_seconds: "Start time of the service, in seconds since the epoch.",
  process_resident_memory_bytes: "Resident memory.",
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
export type RunResult = "created" | "skipped" | "failed";
const RUN_RESULTS: readonly RunResult[] = ["created", "skipped", "failed"];

/** Counters, histograms and gauges. */
export interface Metrics {
  /** A submit of this many tasks was stored after this many seconds. */
  accepted(type: string, tasks: number, seconds: number): void;
  /** A request was refused. */
  refused(code: string): void;
  /** A task was claimed this many seconds after it was due. */
  claimed(type: string, channel: string, seconds: number): void;
  /** An attempt ended after this many seconds. */
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
  /** All metrics in the text format of Prometheus. */
  text(moment: Moment): Promise<string>;
  /** The `Content-Type` of that text. */
  readonly contentType: string;
}

const TYPES = ["notify", "fetch"];
const FINAL_STATES = ["succeeded", "failed", "cancelled", "expired"];
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

/** Opens metrics at zero. Counters of the given refusal codes are present from the start. */
export function openMetrics(
  info: Readonly<Record<string, string>>,
  refusalCodes: readonly string[] = [],
): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const counter = <Label extends string>(name: string, help: string, labelNames: Label[]) =>
    new Counter({ name, help, labelNames, registers });
  // What happens to every task is counted by `series.ts`.
  const acceptedTasks = registerCounter(registry, {
    name: "postrider_tasks_accepted_total",
    help: "Accepted tasks.",
    labelNames: ["type"],
  });
  const accept = registerHistogram(registry, {
    name: "postrider_accept_duration_seconds",
    help: "From the arrival of a submit until it is stored.",
    labelNames: ["type"],
    bounds: ACCEPT_S,
  });
  const refusals = counter("postrider_refusals_total", "Refused requests by code.", ["code"]);
  const wait = registerHistogram(registry, {
    name: "postrider_queue_wait_seconds",
    help: "From the due time of a task to the start of its attempt.",
    labelNames: ["type", "channel"],
    bounds: WAIT_S,
  });
  const attempt = registerHistogram(registry, {
    name: "postrider_attempt_duration_seconds",
    help: "From the start of an attempt to its outcome.",
    labelNames: ["type", "channel", "outcome", "host_class"],
    bounds: ATTEMPT_S,
  });
  const finished = registerCounter(registry, {
    name: "postrider_tasks_finished_total",
    help: "Tasks that became final.",
    labelNames: ["type", "state"],
  });
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
    help: "Stored tasks by state.",
    labelNames: ["state"],
    registers,
  });
  const queuedTasks = new Gauge({
    name: "postrider_queued_tasks",
    help: "Queued tasks, by what they wait for: due, scheduled, retrying or paused.",
    labelNames: ["kind"],
    registers,
  });
  const gauges = Object.fromEntries(
    Object.entries(GAUGES).map(([name, help]) => [name, new Gauge({ name, help, registers })]),
  ) as Record<GaugeName, Gauge>;
  new Gauge({
    name: "postrider_info",
    help: "Version and engine.",
    labelNames: Object.keys(info),
    registers,
  }).set(info, 1);

  // Present as 0 from the start, so that an alert on an increase sees the first one.
  for (const type of TYPES) {
    acceptedTasks.add(0, type);
    for (const state of FINAL_STATES) finished.add(0, type, state);
  }
  for (const code of refusalCodes) refusals.inc({ code }, 0);

  return {
    contentType: registry.contentType,
    accepted(type, count, seconds) {
      acceptedTasks.add(count, type);
      accept.observe(seconds, type);
    },
    refused: (code) => refusals.inc({ code }),
    claimed: (type, channel, seconds) => wait.observe(Math.max(0, seconds), type, channel),
    attempted({ type, channel, outcome, host_class }, seconds) {
      attempt.observe(Math.max(0, seconds), type, channel, outcome, host_class);
    },
    finished: (type, state) => finished.add(1, type, state),
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
      for (const [kind, count] of Object.entries(moment.queued)) queuedTasks.set({ kind }, count);
      for (const [name, value] of Object.entries(moment.gauges)) {
        gauges[name as GaugeName].set(value);
      }
      return registry.metrics();
    },
  };
}
