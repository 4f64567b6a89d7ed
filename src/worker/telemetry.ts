/**
 * Reports each attempt to operators: metrics, a trace and a log line, in one call.
 *
 * @module
 */

import { compact } from "../lib/compact.ts";
import type { Clock } from "../lib/clock.ts";
import { membersOf } from "../lib/json.ts";
import { readJsonText } from "../lib/json/held_text.ts";
import type { Log } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import { noTraces, type SpanAttributes, traceIdOf, type Traces } from "../lib/traces.ts";
import type { EndedAttempt } from "../task/history.ts";
import type { Outcome, Settlement } from "../task/outcome.ts";
import { maskUrl } from "../task/secrets.ts";
import type { ClaimedTask } from "../task/task.ts";
import { openFailureLog } from "./failures.ts";

/** Observes attempts. */
export interface AttemptTelemetry {
  /** Records that an attempt of this task begins. */
  begin(task: ClaimedTask): Observation;
}

/** One observed attempt. */
export interface Observation {
  /** W3C Trace Context for the requests that the attempt makes. */
  readonly traceparent?: string;
  /** Records its end. */
  end(outcome: Outcome, settlement: Settlement): void;
}

/** Records nothing. */
export const noTelemetry: AttemptTelemetry = { begin: () => ({ end() {} }) };

/** What telemetry writes to. */
export interface TelemetryParts {
  /** Measures durations. */
  readonly clock: Clock;
  /** Receives a debug line for each attempt, and a warning for each task that failed. */
  readonly log: Log;
  /** Receives counters and durations. */
  readonly metrics: Metrics;
  /** Receives the spans. */
  readonly traces: Traces;
  /** Aborts when the service ends. */
  readonly ending?: AbortSignal;
  /** Counts the attempt for the dashboard. */
  readonly count?: (attempt: EndedAttempt) => void;
}

/** Opens the telemetry of attempts. */
export function openTelemetry(
  { clock, log, metrics, traces, ending, count }: TelemetryParts,
): AttemptTelemetry {
  const logFailed = openFailureLog(log, clock, ending);

  return {
    begin(task) {
      const { id, type, channel, attempt, startedAt, dueAt, traceparent: parent } = task;
      const beganAt = clock.monotonic();
      const attributes = {
        "postrider.task": id,
        "postrider.type": type,
        "postrider.attempt": attempt,
        "messaging.system": "postrider",
        "messaging.destination.name": channel,
      };
      metrics.claimed(type, channel, (startedAt - dueAt) / 1_000);
      const waited = {
        ...attributes,
        "messaging.operation.name": "receive",
        "messaging.operation.type": "receive",
        "messaging.message.id": id,
      };
      traces.begin("queue wait", { parent, kind: "consumer", at: dueAt, attributes: waited })
        .end({}, undefined, Math.max(dueAt, startedAt));
      const span = traces.begin(`attempt ${channel}`, {
        parent,
        kind: "client",
        attributes: traces === noTraces ? attributes : { ...attributes, ...callAttributes(task) },
      });
      return {
        ...compact({ traceparent: span.traceparent }),
        end(outcome, settlement) {
          const seconds = (clock.monotonic() - beganAt) / 1_000;
          const { kind } = outcome;
          const error = "error" in outcome ? outcome.error.code : undefined;
          metrics.attempted(
            { type, channel, outcome: kind, host_class: hostClassOf(task.lane) },
            seconds,
          );
          const isUntried = outcome.kind === "deferred" && outcome.untried === true;
          if (!isUntried) count?.(endedAttempt(task, outcome, settlement, seconds * 1_000));
          const status = membersOf(outcome.evidence).status;
          span.end({
            "postrider.outcome": kind,
            ...(typeof status === "number" ? { "http.response.status_code": status } : {}),
            ...(error === undefined ? {} : { "error.type": error }),
          }, error);
          if (settlement.event === "fail") {
            logFailed({
              ...task,
              attempts: attempt,
              reason: settlement.reason,
              error: "error" in outcome ? outcome.error : { code: "unknown", detail: "" },
            });
          }
          log.debug("Attempt ended", {
            task: id,
            attempt,
            outcome: kind,
            event: settlement.event,
            error,
            ms: Math.round(seconds * 1_000),
            requestId: task.requestId,
            traceId: traceIdOf(span.traceparent ?? parent),
          });
        },
      };
    },
  };
}

function endedAttempt(
  { lane }: ClaimedTask,
  outcome: Outcome,
  { event, reason = "unknown" }: Settlement,
  ms: number,
): EndedAttempt {
  const ended = { lane, outcome: outcome.kind, ms: Math.max(0, ms) };
  if (event !== "fail") return ended;
  const code = "error" in outcome ? outcome.error.code : "unknown";
  return { ...ended, failure: { reason, code } };
}

/** What a call is about, by OpenTelemetry's conventions for HTTP and server spans. */
function callAttributes({ lane, payload, attempt }: ClaimedTask): SpanAttributes {
  const { host, port } = /^(?:https?:\/\/|mail:)(?<host>.*):(?<port>\d+)$/.exec(lane)?.groups ?? {};
  const { method, url } = JSON.parse(readJsonText(payload).text) as {
    method?: unknown;
    url?: unknown;
  };
  return {
    ...(host === undefined ? {} : { "server.address": host, "server.port": Number(port) }),
    ...(typeof method === "string" && typeof url === "string"
      ? { "http.request.method": method, "url.full": maskUrl(url) }
      : {}),
    ...(attempt > 1 ? { "http.request.resend_count": attempt - 1 } : {}),
  };
}

/** Names without a dot, and addresses that are not public. */
const PRIVATE =
  /^(?:[^.]*|(?:10|127)\..*|192\.168\..*|172\.(?:1[6-9]|2\d|3[01])\..*|169\.254\..*|.*\.(?:localhost|local|internal))$/;

/** The result for the latest lane: tasks for one host often come together. */
let known: { lane: string; hostClass: ReturnType<typeof readHostClass> } | undefined;

/** The kind of host that a lane leads to. Host names themselves would make too many metric series. */
export function hostClassOf(lane: string): "public" | "private" | "relay" {
  if (known?.lane !== lane) known = { lane, hostClass: readHostClass(lane) };
  return known.hostClass;
}

function readHostClass(lane: string): "public" | "private" | "relay" {
  if (!/^https?:/.test(lane)) return "relay";
  const host = URL.parse(lane)?.hostname ?? "";
  const isPublic6 = /^\[[23]/.test(host);
  return isPublic6 || (!host.startsWith("[") && !PRIVATE.test(host)) ? "public" : "private";
}
