/**
 * What an engine offers that several nodes share.
 *
 * @module
 */

import type { IdTurn } from "../lib/ids.ts";
import type { Rate } from "../lib/rate_text.ts";
import type { Taken } from "../lib/token_bucket.ts";
import type { BreakerChange, LaneHealth } from "../task/lane_health.ts";

/** What a node does: accepts and shows, attempts, or both. */
export type NodeRole = "all" | "api" | "worker";

/** The status that a node publishes. */
export interface NodeReport {
  /** What it does. */
  readonly role: NodeRole;
  /** The service's version. */
  readonly version: string;
  /** Attempts under way. */
  readonly running: number;
  /** The most attempts at once. */
  readonly concurrency: number;
}

/** A node as others see it. */
export interface NodeStatus extends NodeReport {
  /** Its name. */
  readonly name: string;
  /** When it joined, in milliseconds since the epoch. */
  readonly since: number;
  /** When it was last seen, in milliseconds since the epoch. */
  readonly seen: number;
}

/** What one node may announce to all others. */
export type Announcement = "schedules" | "reload";

/** A folder that all nodes should see. */
export interface MarkedFolder {
  /** The mark that was read from it; absent when there is none. */
  readonly mark: string | undefined;
  /** Writes another mark. */
  write(mark: string): Promise<void>;
}

/** The nodes that share an engine. */
export interface Cluster {
  /** Which sequence numbers this node's ids have. */
  readonly idTurn: IdTurn;
  /** Whether this node does the work that only one node may do. For a moment, two nodes may lead. */
  readonly isLeader: boolean;
  /** All live nodes, by name. */
  nodes(): Promise<NodeStatus[]>;
  /** Notifies the other nodes. A notice may be lost, so it must not be the only way to learn of the change. */
  announce(what: Announcement): void;
  /** Calls `listener` when another node has announced something. */
  onAnnouncement(listener: (what: Announcement) => void): void;
  /**
   * This node is stopping: settlements that an unavailable database does not take
   * within `ms` are dropped, and their attempts count as interrupted.
   */
  settleWithin(ms: number): void;
  /** What is known of a lane that had faults, as of this node's last claim or settlement there. */
  healthOf(lane: string): LaneHealth | undefined;
  /** Calls `listener` when a settlement of this node has opened or closed a breaker. */
  onBreaker(listener: (change: BreakerChange) => void): void;
  /** Takes a token from a bucket that all nodes share; see `openTokenBuckets`. */
  takeToken(name: string, rate: Rate): Promise<Taken>;
  /**
   * Agrees with the other nodes on one folder; `true` when it is the one that this
   * node sees. Where no live node sees it, this node marks its own. Rejects with
   * the error of `write`, and then agrees on nothing.
   */
  agreeOnFolder(folder: MarkedFolder): Promise<boolean>;
}

/** How a process joins the other nodes. */
export interface NodeOptions {
  /** Unique among the live nodes. A node that restarts under its name gets its tasks back at once. */
  readonly name: string;
  /** What the others may know of it; called every two seconds. */
  readonly report: () => NodeReport;
  /** In [0, 1): spreads tries over time. */
  readonly random: () => number;
  /** Whether an older schema is brought up to date, or refused. */
  readonly migrate: "auto" | "check";
  /** Another URL of the same database, for notifications behind a connection pooler. */
  readonly listenUrl?: string | undefined;
  /** PEM certificates that are trusted in addition to the system's. */
  readonly ca?: string | undefined;
}
