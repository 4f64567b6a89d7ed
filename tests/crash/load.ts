/**
 * Callers that submit mails, requests and batches until the service is gone,
 * and note each id that was acknowledged.
 *
 * @module
 */

import type { Api } from "../support/process.ts";

/** A load under way. */
export interface Load {
  /** Resolves when that many more tasks have been acknowledged, or the load has ended. */
  acknowledged(count: number): Promise<void>;
  /** Whether a caller has found the service gone. */
  readonly isOver: boolean;
  /** Has each caller end after its present submit. */
  stop(): void;
  /** Resolves once every caller has found the service gone, or was stopped. */
  readonly ended: Promise<unknown>;
}

/** Options of the callers. */
export interface LoadOptions {
  /** The port of the ledger. */
  readonly ledger: number;
  /** In [0, 1): chooses what is submitted. */
  readonly random: () => number;
  /** Where ids are noted at their 202. */
  readonly acknowledged: Set<string>;
  /** The most tasks of one submit. */
  readonly batch: number;
  /** Between two submits of a caller, in milliseconds; 2 when absent. */
  readonly pauseMs?: number;
}

const CALLERS = 8;
/** Limits what is queued at once: the service is to be killed at work, not under a backlog. */
const PAUSE_MS = 2;

/** Starts them. */
export function startLoad(
  api: Api,
  { ledger, random, acknowledged, batch, pauseMs = PAUSE_MS }: LoadOptions,
): Load {
  const before = acknowledged.size;
  let wanted = Infinity;
  let isOver = false;
  let isStopped = false;
  const reached = Promise.withResolvers<void>();
  const note = (id: string) => {
    acknowledged.add(id);
    if (acknowledged.size - before >= wanted) reached.resolve();
  };
  const url = `http://127.0.0.1:${ledger}/ride`;
  const mail = { to: "ada@example.org", subject: "Hello", text: "It rides.", retry: "200ms*20" };

  async function submit(): Promise<void> {
    const chance = random();
    if (chance < 0.3) return note((await taken("/notify", mail)).id);
    if (chance < 0.8) return note((await taken("/fetch", { url, retry: "200ms*20" })).id);
    const requests = Array.from({ length: 1 + Math.floor(random() * batch) }, () => ({ url }));
    const { tasks = [] } = await taken("/fetch", { requests, retry: "200ms*20" });
    for (const { id } of tasks) note(id);
  }

  async function taken(path: string, body: unknown) {
    const answer = await api.call<{ id: string; tasks?: { id: string }[] }>(path, body);
    // It is draining, and soon gone.
    if (answer.status === 503) throw new TypeError(`${path}: 503`);
    if (answer.status !== 202) throw new Error(`${path}: ${JSON.stringify(answer)}`);
    return answer.body;
  }

  async function call(): Promise<void> {
    while (!isStopped) {
      try {
        await submit();
      } catch (error) {
        // The connection was lost before anything was acknowledged.
        if (!(error instanceof TypeError)) throw error;
        isOver = true;
        return reached.resolve();
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  return {
    acknowledged(count) {
      wanted = count;
      if (acknowledged.size - before >= count) reached.resolve();
      return reached.promise;
    },
    stop() {
      isStopped = true;
    },
    get isOver() {
      return isOver;
    },
    ended: Promise.all(Array.from({ length: CALLERS }, call)),
  };
}
