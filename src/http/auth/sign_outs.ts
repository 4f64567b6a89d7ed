/**
 * Sessions that were signed out before their end. They are stored, so that a
 * copied cookie is not valid again after a restart or on another node, and read
 * beforehand, so that no request waits for them.
 *
 * @module
 */

import { type Clock, sleep } from "../../lib/clock.ts";
import type { QueueEngine } from "../../queue/engine.ts";

/** How often the sign-outs of other nodes are read, in milliseconds. */
const READ_MS = 2_000;

/** The sessions that were signed out. */
export interface SignOuts {
  /** Part of each signature. A queue in memory forgets sign-outs, so all its sessions end with it. */
  readonly realm: string;
  /** Whether a session was signed out. */
  has(session: string): boolean;
  /** Signs a session out; `until` is when it would have ended, in milliseconds since the epoch. Stored when this resolves. */
  add(session: string, until: number): Promise<void>;
  /** Calls `listener` after sessions were signed out, on this node or another one. */
  watch(listener: () => void): void;
}

/** What sign-outs need. */
export interface SignOutParts {
  /** Stores them. */
  readonly engine: Pick<QueueEngine, "cluster" | "durable" | "endSession" | "endedSessions">;
  /** The time. */
  readonly clock: Clock;
  /** Ends the reading of those of other nodes. */
  readonly signal: AbortSignal;
}

/** Reads the stored ones. */
export async function openSignOuts({ engine, clock, signal }: SignOutParts): Promise<SignOuts> {
  const ended = new Map<string, number>();
  const listeners: (() => void)[] = [];
  const notify = () => listeners.forEach((listener) => listener());

  async function read(): Promise<void> {
    for (const { id, until } of await engine.endedSessions()) ended.set(id, until);
    for (const [id, until] of ended) if (until <= clock.now()) ended.delete(id);
    notify();
  }

  async function readOn(): Promise<void> {
    while (!signal.aborted) {
      await sleep(clock, READ_MS, signal).catch(() => {});
      // While the database is unavailable, those that are known count.
      if (!signal.aborted) await read().catch(() => {});
    }
  }

  await read();
  if (engine.cluster) readOn();
  return {
    realm: engine.durable ? "" : crypto.randomUUID(),
    has: (session) => ended.has(session),
    async add(session, until) {
      ended.set(session, until);
      notify();
      await engine.endSession(session, until);
    },
    watch: (listener) => void listeners.push(listener),
  };
}
