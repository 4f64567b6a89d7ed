/**
 * What an engine on PostgreSQL needs.
 *
 * @module
 */

import type { Clock } from "../../lib/clock.ts";
import type { NodeReport } from "../cluster.ts";
import type { FailedTask } from "../engine.ts";
import type { PostgresUrl } from "./url.ts";

/** What an engine on PostgreSQL needs. */
export interface PostgresOptions {
  /** The database. */
  readonly url: PostgresUrl;
  /** Wakes claims; the times that are written are the server's. */
  readonly clock: Clock;
  /** How many tasks may be queued; more are refused. */
  readonly maxQueued?: number;
  /** The name of this node. A node that restarts under its name recovers its tasks at once. */
  readonly name: string;
  /** The status that this node publishes to others. */
  readonly report: () => NodeReport;
  /** Returns a number in [0, 1), to spread retries over time. */
  readonly random: () => number;
  /** Whether to migrate an older schema, or only to check it. */
  readonly migrate?: "auto" | "check";
  /** A direct URL to the same database for `LISTEN`, when `url` leads to a pooler. */
  readonly listenUrl?: PostgresUrl | undefined;
  /** PEM certificates to trust in addition to the system's. */
  readonly ca?: string | undefined;
  /** Whether to open a queue that was moved elsewhere. */
  readonly force?: boolean;
  /** Called for each task that failed without the settlement of an attempt, also while this opens. */
  readonly onFailed?: (task: FailedTask) => void;
  /** Called for a fatal error; an unavailable database is not one. */
  readonly onFatal?: (error: Error) => void;
  /** Takes all times from `clock` instead of the server; for tests with a fake clock. */
  readonly ownTime?: boolean;
}
