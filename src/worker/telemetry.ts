/**
 * What operators get to see of each attempt: figures, a trace, a line in the log.
 *
 * @module
 */

import { compact } from "../lib/compact.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import { traceIdOf, type Traces } from "../lib/traces.ts";
import type { Outcome, Settlement } from "../task/outcome.ts";
import type { ClaimedTask } from "../task/task.ts";

/** Hears of each attempt when it begins. */
export interface AttemptTelemetry {
  /** An attempt begins at this task. */
  begin(task: ClaimedTask): Observation;
}

/** One attempt under observation. */
export interface Observation {
  /** W3C Trace Context for what the attempt calls. */
  readonly traceparent?: string;
  /** It has ended. */
  end(outcome: Outcome, settlement: Settlement): void;
}

/** Sees nothing. */
export const noTelemetry: AttemptTelemetry = { begin: () => ({ end() {} }) };

/** What an observer tells. */
export interface TelemetryParts {
  /** Tells durations. */
  readonly clock: Clock;
  /** Takes a line for each attempt. */
  readonly log: Log;
  /** Takes the figures. */
  readonly metrics: Metrics;
  /** Takes the spans. */
  readonly traces: Traces;
}

/** Opens an observer. */
export function openTelemetry({ clock, log, metrics, traces }: TelemetryParts): AttemptTelemetry {
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
      traces.begin("queue wait", { parent, kind: "consumer", at: dueAt, attributes })
        .end({}, undefined, Math.max(dueAt, startedAt));
      const span = traces.begin(`attempt ${channel}`, { parent, kind: "client", attributes });
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
          span.end({ "postrider.outcome": kind }, error);
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

/** Names without a dot, and addresses that no public network has. */
const PRIVATE =
  /^(?:[^.]*|(?:10|127)\..*|192\.168\..*|172\.(?:1[6-9]|2\d|3[01])\..*|169\.254\..*|.*\.(?:localhost|local|internal))$/;

/** How far away a lane leads, in one word: a host's own name would make too many series. */
export function hostClassOf(lane: string): "public" | "private" | "relay" {
  if (!/^https?:/.test(lane)) return "relay";
  const host = URL.parse(lane)?.hostname ?? "";
  const isPublic6 = /^\[[23]/.test(host);
  return isPublic6 || (!host.startsWith("[") && !PRIVATE.test(host)) ? "public" : "private";
}
