/** Keys, lanes, limits and holds in random runs, checked against their rules. */

import assert from "node:assert/strict";
import fc from "fast-check";
import type { ClaimedTask, NewTask, TaskSummary } from "../../src/task/task.ts";
import { type OpenEngine, World } from "./world.ts";
import { runs } from "../support/runs.ts";

type Step =
  | { do: "insert"; lane: string; key?: string; priority: number; delayMs: number; lifeMs?: number }
  | { do: "claim"; limit: number }
  | {
    do: "settle";
    which: number;
    event: "succeed" | "retry" | "release" | "fail";
    holdMs?: number;
  }
  | { do: "cancel" | "revive" | "runNow"; which: number }
  | { do: "limit"; lane: string; limit: number }
  | { do: "advance"; ms: number };

const lane = fc.constantFrom("a", "b", "c");
const key = fc.option(fc.constantFrom("k", "l"), { nil: undefined });
const which = fc.nat(50);
const optionalMs = fc.option(fc.integer({ min: 1, max: 50 }), { nil: undefined, freq: 3 });
const aStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("insert" as const),
      lane,
      key,
      priority: fc.nat(9),
      delayMs: fc.constantFrom(0, 0, 0, 10, 30),
      lifeMs: fc.option(fc.integer({ min: 1, max: 50 }), { nil: undefined, freq: 1 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("claim" as const),
      limit: fc.integer({ min: 1, max: 4 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("settle" as const),
      which,
      event: fc.constantFrom("succeed", "retry", "retry", "release", "fail"),
      holdMs: optionalMs,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("cancel", "revive", "runNow"), which }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("limit" as const),
      lane,
      limit: fc.integer({ min: 0, max: 3 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("advance" as const),
      ms: fc.integer({ min: 1, max: 30 }),
    }),
  },
) as fc.Arbitrary<Step>;

/** Registers the tests for an engine. */
export function modelContract(name: string, open: OpenEngine): void {
  Deno.test(`${name}: in random runs limits, holds and keys are obeyed, and every task becomes final`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(aStep, { minLength: 5, maxLength: 60 }), async (steps) => {
        await using world = await World.open(open);
        const life = new Life(world);
        for (const step of steps) await life.take(step);
        await life.end();
      }),
      { numRuns: runs(5, 15) },
    );
  });
}

/** Records what an engine does, and checks it. */
class Life {
  #tasks = new Map<string, NewTask>();
  #running = new Map<string, ClaimedTask>();
  #limits = new Map<string, number>();
  #heldUntil = new Map<string, number>();

  constructor(readonly world: World) {}

  async take(step: Step): Promise<void> {
    const { world } = this;
    switch (step.do) {
      case "insert": {
        const now = world.clock.now();
        const task = world.aTask({
          lane: step.lane,
          priority: step.priority,
          dueAt: now + step.delayMs,
          ...(step.key === undefined ? {} : { key: step.key }),
          ...(step.lifeMs === undefined ? {} : { expiresAt: now + step.lifeMs }),
        });
        this.#tasks.set(task.id, task);
        await world.engine.insert({ tasks: [task] });
        break;
      }
      case "claim":
        await this.#claim(step.limit);
        break;
      case "settle":
        await this.#settle(step);
        break;
      case "limit":
        this.#limits.set(step.lane, step.limit);
        await world.engine.limitLane(step.lane, step.limit);
        break;
      case "advance":
        await world.clock.advance(step.ms);
        break;
      default: {
        const id = [...this.#tasks.keys()][step.which];
        if (id === undefined) break;
        if (step.do === "cancel") await world.engine.cancel(id, "request");
        else await world.engine[step.do](id);
      }
    }
  }

  async #claim(limit: number): Promise<ClaimedTask[]> {
    const now = this.world.clock.now();
    const before = await this.#kept();
    const claimed = await this.world.claim(limit);
    for (const task of claimed) {
      assert.equal(before.get(task.id)?.state, "queued");
      assert.ok((before.get(task.id)?.dueAt ?? Infinity) <= now, "claimed before it was due");
      assert.ok((this.#heldUntil.get(task.lane) ?? 0) <= now, "claimed from a held lane");
      assert.ok(task.expiresAt === undefined || task.expiresAt > now, "claimed after its time");
      this.#running.set(task.id, task);
      assert.ok(this.#runningIn(task.lane) <= this.#limitOf(task.lane), "more than the limit run");
    }
    const keys = [...this.#running.keys()].flatMap((id) => this.#tasks.get(id)?.key ?? []);
    assert.equal(new Set(keys).size, keys.length, "two of a key run");
    if (claimed.length < limit) await this.#assertNothingLeft(now);
    return claimed;
  }

  /** A due task that was not claimed waits for its lane or for another of its key. */
  async #assertNothingLeft(now: number): Promise<void> {
    const kept = await this.#kept();
    const waits = [...kept.values()].filter(({ state }) => state === "queued");
    for (const task of waits) {
      if ((task.dueAt ?? Infinity) > now) continue;
      const full = this.#runningIn(task.lane) >= this.#limitOf(task.lane);
      const held = (this.#heldUntil.get(task.lane) ?? 0) > now;
      const rivals = [...kept.values()].filter(({ id, key, state }) =>
        id !== task.id && key === task.key && (state === "queued" || state === "running")
      );
      const behind = task.key !== undefined && rivals.length > 0;
      assert.ok(full || held || behind, `${task.id} was left lying`);
    }
  }

  async #kept(): Promise<Map<string, TaskSummary>> {
    const { tasks } = await this.world.engine.list({}, 1_000);
    return new Map(tasks.map((task) => [task.id, task]));
  }

  async #settle({ which, event, holdMs }: Extract<Step, { do: "settle" }>): Promise<void> {
    const task = [...this.#running.values()][which % Math.max(1, this.#running.size)];
    if (!task) return;
    this.#running.delete(task.id);
    const now = this.world.clock.now();
    const until = now + (holdMs ?? 0);
    const settled = await this.world.settle(task, {
      event,
      ...(event === "retry" ? { dueAt: now + 20 } : {}),
      ...(holdMs === undefined ? {} : { hold: { until, reason: "busy" } }),
    });
    assert.equal(settled, true);
    if (holdMs === undefined) return;
    this.#heldUntil.set(task.lane, Math.max(until, this.#heldUntil.get(task.lane) ?? 0));
  }

  /** Runs every task to its end. */
  async end(): Promise<void> {
    for (const lane of ["a", "b", "c"]) await this.take({ do: "limit", lane, limit: 9 });
    for (const task of this.#running.values()) await this.world.settle(task);
    this.#running.clear();
    await this.world.clock.advance(100);
    for (;;) {
      const claimed = await this.#claim(9);
      if (claimed.length === 0) break;
      for (const task of claimed) await this.world.settle(task);
      this.#running.clear();
    }
    const counts = await this.world.counts();
    assert.equal(counts.queued, undefined, "some wait for ever");
    assert.equal(counts.running, undefined);
    const seen: Record<string, number> = {};
    for (const { state } of (await this.#kept()).values()) seen[state] = (seen[state] ?? 0) + 1;
    assert.deepEqual(counts, seen);
    assert.deepEqual((await this.world.engine.lanes(9)).filter(({ running }) => running > 0), []);
  }

  #runningIn(lane: string): number {
    return [...this.#running.values()].filter((task) => task.lane === lane).length;
  }

  #limitOf(lane: string): number {
    return this.#limits.get(lane) ?? 64;
  }
}
