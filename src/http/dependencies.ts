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
import type { HookReceiver } from "../hooks/hooks.ts";
import type { Scheduler } from "../schedules/scheduler.ts";
import type { SubmitParser } from "../task/input/parse_submit.ts";
import type { Issue } from "../task/issues.ts";
import type { Ports } from "../task/ports.ts";
import type { Anonymous, ApiKey } from "./auth/auth.ts";
import type { Rate } from "../lib/rate_text.ts";

/** What the API is made of. */
export interface Dependencies {
  /** Keeps the tasks. */
  readonly engine: QueueEngine;
  /** What other rooms know. */
  readonly ports: Ports;
  /** Makes tasks of bodies. */
  readonly acceptance: SubmitParser;
  /** Takes deliveries of hooks. */
  readonly hooks: HookReceiver;
  /** Runs schedules. */
  readonly schedules: Scheduler;
  /** Reads the settings that may change anew; what is wrong with them, and then nothing has changed. */
  readonly reload: () => Promise<readonly Issue[]>;
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
