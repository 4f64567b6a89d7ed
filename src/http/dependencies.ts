/**
 * What the HTTP layer needs from the rest of the service; `service.ts` provides it.
 *
 * @module
 */

import type { Clock } from "../lib/clock.ts";
import type { IdSource } from "../lib/ids.ts";
import type { Log } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { Traces } from "../lib/traces.ts";
import type { NodeRole, QueueEngine } from "../queue/engine.ts";
import type { HookReceiver } from "../hooks/hooks.ts";
import type { Scheduler } from "../schedules/scheduler.ts";
import type { SubmitParser } from "../task/input/parse_submit.ts";
import type { Issue } from "../task/issues.ts";
import type { Keys } from "../task/key_limits.ts";
import type { Ports, Reloaded } from "../task/ports.ts";
import type { SignOuts } from "./auth/sign_outs.ts";
import type { History } from "./stats/history.ts";
import type { Anonymous, ApiKey } from "./auth/auth.ts";
import type { CorsOrigins } from "./cors.ts";
import type { IsTrusted } from "./request/client.ts";
import type { Rate } from "../lib/rate_text.ts";

/** Everything that routes depend on. */
export interface Dependencies {
  /** Stores the tasks. */
  readonly engine: QueueEngine;
  /** Functions that channels, templates and the worker provide. */
  readonly ports: Ports;
  /** Parses the body of a submit into new tasks. */
  readonly acceptance: SubmitParser;
  /** Receives deliveries of hooks. */
  readonly hooks: HookReceiver;
  /** Stores and runs schedules. */
  readonly schedules: Scheduler;
  /** Reloads the settings that can change at run time. With issues, nothing has changed. */
  readonly reload: () => Promise<Reloaded | { readonly issues: readonly Issue[] }>;
  /** Makes the ids of accepted tasks and batches. */
  readonly ids: IdSource;
  /** The time and timers. */
  readonly clock: Clock;
  /** Receives unexpected errors and warnings. */
  readonly log: Log;
  /** Prometheus metrics. */
  readonly metrics: Metrics;
  /** Counts of the past, for the dashboard. */
  readonly history: History;
  /** Sessions of the dashboard that were signed out. */
  readonly signOuts: SignOuts;
  /** OpenTelemetry spans of submits. */
  readonly traces: Traces;
  /** The quotas in force, by the name of the API key. */
  readonly keyLimits: () => Keys;
  /** How many tasks may be queued. */
  readonly maxQueued: number;
  /** Removes the files of a task. */
  readonly removeFiles: (taskId: string) => Promise<void>;
  /** The API keys in force. */
  readonly keys: () => readonly ApiKey[];
  /** How requests without a key are handled. */
  readonly anonymous: Anonymous;
  /** The path below which everything is served: `/postrider`, or empty. */
  readonly basePath: string;
  /** Origins that browsers may call from; absent: none. */
  readonly corsOrigins?: CorsOrigins;
  /** Whether `X-Forwarded-*` of this address counts. */
  readonly trustsProxy: IsTrusted;
  /** Rate limit of submits per key; absent: no limit. */
  readonly rate?: Rate;
  /** Whether submits are accepted; false after SIGINT. */
  readonly accepting: () => boolean;
  /** Whether the service is ready for traffic; false once it is stopping. */
  readonly ready: () => boolean;
  /** Aborts when open responses (waits, streams) must end. */
  readonly closing: AbortSignal;
  /** The service's version. */
  readonly version: string;
  /** What this node does: one that only attempts serves health, status and metrics. */
  readonly role: NodeRole;
  /** Start time of the service, in milliseconds since the epoch. */
  readonly startedAt: number;
}
