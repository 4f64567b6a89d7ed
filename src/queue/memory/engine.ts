/**
 * The engine that stores tasks in memory: for trials and tests. What it stores
 * ends with the process.
 *
 * @module
 */

import type { Clock } from "../../lib/clock.ts";
import { isId, sequenceOf } from "../../lib/ids.ts";
import { forgottenBefore } from "../../task/history.ts";
import type { Settlement } from "../../task/outcome.ts";
import type { ClaimedTask } from "../../task/task.ts";
import { cancel, settle } from "../core/lifecycle.ts";
import { type Commands, type CommandTable, commonCommands, findRow } from "../core/commands.ts";
import { type Backend, openLocalEngine } from "../core/local_engine.ts";
import { contentOf, newRow } from "../core/row.ts";
import { DEFAULT_MAX_QUEUED, isUnused } from "../core/rules.ts";
import { settledOf } from "../core/settled.ts";
import { insertSubmission } from "../core/submissions.ts";
import { Watchers } from "../core/watchers.ts";
import {
  EngineError,
  type Inserted,
  type QueueEngine,
  type Submission,
  type TaskChange,
  type Watched,
} from "../engine.ts";
import { applyPausesTo, Claims } from "./claims.ts";
import {
  batchTasks,
  changesAfter,
  count,
  deliveries,
  listBatches,
  matching,
  queued,
  upcoming,
} from "./lists.ts";
import { MemoryStorage } from "./storage.ts";

/** Options of an engine in memory. */
export interface MemoryOptions {
  /** The time of everything that is stored, and the timers that wake claims. */
  readonly clock: Clock;
  /** How many tasks may be queued; more are refused. */
  readonly maxQueued?: number;
}

/** Opens an engine that begins empty. */
export function openMemoryEngine(options: MemoryOptions): QueueEngine {
  return openLocalEngine(new MemoryBackend(options));
}

const commands: CommandTable<MemoryStorage, Commands> = {
  ...commonCommands<MemoryStorage>({ matching, upcoming }),
  cancelWaiting: (storage) => {
    storage.closed = true;
    const waiting = [...storage.rows.values()].filter(({ state }) => state === "queued");
    for (const row of waiting) cancel(storage, row, "shutdown");
    return waiting.length;
  },
  queued,
  pauses: ({ pauses }) => [...pauses.list()],
  pause: ({ pauses }, pause) => pauses.set([...pauses.list(), pause]),
  resume: ({ pauses }, id) => {
    const left = pauses.list().filter((pause) => pause.id !== id);
    const found = left.length < pauses.list().length;
    pauses.set(left);
    return found;
  },
  applyPauses: (storage) => {
    applyPausesTo(storage);
    return false;
  },
  releaseHolds: ({ scheduler }, host) => scheduler.releaseHolds(host),
  moveLanes: (storage, prefixes, used, to) => {
    let moved = 0;
    for (const row of storage.rows.values()) {
      if (row.state !== "queued" || !isUnused(row.lane, prefixes, used)) continue;
      storage.scheduler.releaseHolds(row.lane);
      row.lane = to;
      if (row.behind === 0) storage.offer(row);
      moved++;
    }
    return moved;
  },
  count,
  listBatches,
  batchTasks,
  changesAfter: (storage, change, limit) => ({ changes: changesAfter(storage, change, limit) }),
  schedules: ({ schedules }) =>
    structuredClone([...schedules.values()]).sort((a, b) => a.name < b.name ? -1 : 1),
  deliveries,
  findDelivery: (storage, id) =>
    isId("hkd", id) ? storage.deliveries.get(sequenceOf(id)) : undefined,
  limitHosts: (storage, hosts) => storage.scheduler.limitHosts(new Map(hosts)),
  limitLane: (storage, lane, limit) => void storage.scheduler.set(lane, { limit }),
  purge: (storage, finishedBefore, limit) => storage.purge(finishedBefore, limit),
  writeHistory: ({ history }, parts) => {
    for (const part of parts) {
      history.set(`${part.stepMs}/${part.at}/${part.run}`, part);
      for (const [name, { stepMs, at }] of history) {
        if (stepMs === part.stepMs && at < forgottenBefore(part)) history.delete(name);
      }
    }
  },
  endSession: ({ endedSessions, now }, id, until) => {
    for (const [old, until] of endedSessions) if (until <= now) endedSessions.delete(old);
    endedSessions.set(id, until);
  },
  endedSessions: ({ endedSessions, now }) =>
    [...endedSessions].flatMap(([id, until]) => until > now ? [{ id, until }] : []),
  history: ({ history }, stepMs, since) =>
    [...history.values()].filter((part) => part.stepMs === stepMs && part.at >= since),
};

class MemoryBackend implements Backend {
  readonly name = "memory";
  readonly durable = false;
  readonly durability = "memory";
  readonly recovered = 0;
  readonly #maxQueued: number;
  readonly #storage: MemoryStorage;
  readonly #claims: Claims;
  readonly #watchers = new Watchers();
  #ended: EngineError | undefined;

  constructor({ clock, maxQueued = DEFAULT_MAX_QUEUED }: MemoryOptions) {
    this.#maxQueued = maxQueued;
    // As from a thread: listeners are called after the call that made the change.
    this.#storage = new MemoryStorage(
      () => clock.now(),
      this.#watchers.words,
      (change) => queueMicrotask(() => this.#watchers.notify(change)),
    );
    this.#claims = new Claims(this.#storage, clock);
  }

  get lastSequence(): number {
    return this.#storage.last;
  }

  run<Name extends keyof Commands>(name: Name, ...args: Parameters<Commands[Name]>) {
    const command = commands[name] as (
      storage: MemoryStorage,
      ...args: Parameters<Commands[Name]>
    ) => ReturnType<Commands[Name]>;
    return this.#do(() => command(this.#storage, ...args));
  }

  insert(submission: Submission): Promise<Inserted> {
    return this.#do(() => {
      const tasks = submission.tasks.map((task) => ({
        row: newRow(task),
        content: contentOf(task),
      }));
      this.#storage.checkNew(tasks);
      return insertSubmission(this.#storage, { ...submission, tasks }, this.#maxQueued);
    });
  }

  claim(limit: number, signal: AbortSignal): Promise<ClaimedTask[]> {
    if (this.#ended) return Promise.reject(this.#ended);
    return this.#claims.claim(limit, signal);
  }

  settle(settlement: Settlement): Promise<boolean> {
    const settled = settledOf(settlement);
    return this.#do(() => settle(this.#storage, findRow(this.#storage, settled.id), settled));
  }

  swept(): Promise<void> {
    return Promise.resolve();
  }

  watch(what: Watched, listener: (change: TaskChange) => void): () => void {
    return this.#watchers.add(what, listener);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#ended ??= new EngineError("The queue is closed");
    this.#claims.close();
    return Promise.resolve();
  }

  /** Every call is answered later, as by an engine elsewhere; an exception is a rejection. */
  async #do<T>(work: () => T): Promise<T> {
    await undefined;
    if (this.#ended) throw this.#ended;
    this.#claims.expire();
    try {
      return work();
    } finally {
      this.#claims.serve();
    }
  }
}
