/**
 * What the engines of one process have in common: the calls of the seam, each of
 * which runs one command or several.
 *
 * @module
 */

import { formatCursor, parseCursor, parseDueCursor } from "../cursor.ts";
import type { OnPart, QueueEngine, TaskChange } from "../engine.ts";
import { type Commands, PLAIN, type Plain, type Results } from "./commands.ts";

/** Runs commands. */
export interface Runner {
  run<Name extends keyof Commands>(
    name: Name,
    ...args: Parameters<Commands[Name]>
  ): Promise<ReturnType<Commands[Name]>>;
  /** Resolves once the tasks that an earlier shutdown cancelled have been rewritten. */
  swept(): Promise<void>;
}

/** What an engine of one process does itself: all of the seam that is no command. */
export type Backend = Runner & Omit<QueueEngine, keyof ReturnType<typeof callsOf>>;

/** Makes an engine of a backend, which gets the calls that are commands. */
export function openLocalEngine(backend: Backend): QueueEngine {
  // A start applies the pauses that it finds to all that is queued.
  applyOtherPortions(backend);
  return Object.assign(backend, callsOf(backend));
}

/** The calls of the seam that run commands. */
function callsOf(runner: Runner) {
  const plain = Object.fromEntries(
    (Object.keys(PLAIN) as Plain[]).map((name) => [
      name,
      (...args: Parameters<Commands[Plain]>) => runner.run(name, ...args),
    ]),
  ) as unknown as Pick<QueueEngine, Plain>;
  const calls = {
    async cancelAll(filter, reason, by, onPart) {
      const all = await inParts(
        (before) => runner.run("cancelSome", filter, reason, by, before),
        onPart,
      );
      return { cancelled: all.cancelled ?? 0, aborting: all.aborting ?? 0 };
    },
    async revive(id, room) {
      await runner.swept();
      return await runner.run("revive", id, room);
    },
    async reviveAll(filter, room, onPart) {
      await runner.swept();
      const all = await inParts(
        (before) => runner.run("reviveSome", filter, room, before),
        onPart,
      );
      return { retried: all.changed ?? 0, expired: all.expired ?? 0, full: all.full ?? 0 };
    },
    async pause(pause) {
      await runner.run("pause", pause);
      await applyPauses(runner);
    },
    async resume(id) {
      const found = await runner.run("resume", id);
      await applyPauses(runner);
      return found;
    },
    async list(filter, limit, cursor) {
      return await runner.run("list", filter, limit, parseCursor(cursor));
    },
    async upcoming(filter, limit, cursor) {
      const after = cursor === undefined ? undefined : parseDueCursor(cursor);
      return await runner.run("upcoming", filter, limit, after);
    },
    async count(filter, cursor, most) {
      const { count, next } = await runner.run("count", filter, parseCursor(cursor), most);
      return next === undefined ? { count } : { count, nextCursor: formatCursor(next) };
    },
    async listBatches(limit, cursor, owner) {
      return await runner.run("listBatches", limit, parseCursor(cursor), owner);
    },
    async changesAfter(change, limit) {
      // Swept tasks get their change numbers only then.
      await runner.swept();
      const changes: TaskChange[] = [];
      for (let after: number | undefined = change; after !== undefined;) {
        const part: ReturnType<Commands["changesAfter"]> = await runner
          .run("changesAfter", after, limit - changes.length);
        changes.push(...part.changes);
        after = part.next;
      }
      return changes;
    },
    async deliveries(hook, limit, cursor) {
      return await runner.run("deliveries", hook, limit, parseCursor(cursor));
    },
    limitHosts: (hosts) => runner.run("limitHosts", [...hosts]),
    limitLane: (lane, limit) => runner.run("limitLane", lane, limit),
  } satisfies Partial<QueueEngine>;
  return { ...plain, ...calls };
}

/** Portions that the caller of `pause` or `resume` waits for; of more, the rest follows by itself. */
const AWAITED_PORTIONS = 50;

/** Applies the pauses to the tasks that are queued already. */
async function applyPauses(runner: Runner): Promise<void> {
  for (let portion = 0; portion < AWAITED_PORTIONS; portion++) {
    if (!await runner.run("applyPauses")) return;
  }
  applyOtherPortions(runner);
}

/** Applies the rest in the background. */
function applyOtherPortions(runner: Runner): void {
  const rest = async () => {
    while (await runner.run("applyPauses"));
  };
  // Fails only when the engine ends; the next start goes on.
  rest().catch(() => {});
}

/** Sums the results of all parts, from the newest task on. */
async function inParts<Result extends string>(
  runPart: (before: number) => Promise<Results<Result>>,
  onPart?: OnPart,
): Promise<Partial<Record<Result, number>>> {
  const sums: Partial<Record<Result, number>> = {};
  let changed = 0;
  for (let before: number | undefined = parseCursor(undefined); before !== undefined;) {
    const part: Results<Result> = await runPart(before);
    for (const [result, count] of Object.entries(part.results) as [Result, number][]) {
      sums[result] = (sums[result] ?? 0) + count;
      changed += count;
    }
    onPart?.(changed);
    before = part.next;
  }
  return sums;
}
