/**
 * What the API is made of, as whoever opens it hands it in.
 *
 * @module
 */

import type { Clock } from "../lib/clock.ts";
import type { IdSource } from "../lib/ids.ts";
import type { Log } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { Traces } from "../lib/traces.ts";
import type { QueueEngine } from "../queue/engine.ts";
import type { HookDesk } from "../hooks/hooks.ts";
import type { Scheduler } from "../hooks/scheduler.ts";
import type { Acceptance } from "../task/acceptance.ts";
import type { Fault } from "../task/faults.ts";
import type { Ports } from "../task/ports.ts";
import type { Anonymous, ApiKey } from "./auth.ts";
import type { Rate } from "../task/rate.ts";

/** What the API is made of. */
export interface AppParts {
  /** Keeps the tasks. */
  readonly engine: QueueEngine;
  /** What other rooms know. */
  readonly ports: Ports;
  /** Makes tasks of bodies. */
  readonly acceptance: Acceptance;
  /** Takes deliveries of hooks. */
  readonly hooks: HookDesk;
  /** Runs schedules. */
  readonly schedules: Scheduler;
  /** Reads the settings that may change anew; what is wrong with them, and then nothing has changed. */
  readonly reload: () => Promise<readonly Fault[]>;
  /** Makes the ids of what is accepted. */
  readonly ids: IdSource;
  /** Tells the time and wakes those who wait. */
  readonly clock: Clock;
  /** Takes what was not expected. */
  readonly log: Log;
  /** Counts and measures, for Prometheus. */
  readonly metrics: Metrics;
  /** Takes the span of each submit. */
  readonly traces: Traces;
  /** Who may call. */
  readonly keys: readonly ApiKey[];
  /** What is done about calls without a key. */
  readonly anonymous: Anonymous;
  /** How often each key may submit; no limit when absent. */
  readonly rate?: Rate;
  /** Whether submits are taken; no longer once a SIGINT has come. */
  readonly accepting: () => boolean;
  /** Whether the service is ready for traffic; no longer once it is to stop. */
  readonly ready: () => boolean;
  /** Aborts when answers that are still under way (waits, streams) must end. */
  readonly closing: AbortSignal;
  /** The service's version. */
  readonly version: string;
  /** When the service was started, in milliseconds since the epoch. */
  readonly startedAt: number;
}
