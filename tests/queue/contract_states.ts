/** Random sequences of operations, against a small model of the state machine. */

import assert from "node:assert/strict";
import fc from "fast-check";
import type { ClaimedTask } from "../../src/task/task.ts";
import { type OpenEngine, World } from "./world.ts";
import { runs } from "../support/runs.ts";

type State = "queued" | "running" | "succeeded" | "failed" | "cancelled" | "expired";

/** What the model knows of a task; written independently of the engines. */
interface Told {
  state: State;
  attempt: number;
  dueAt: number;
  readonly priority: number;
  expiresAt: number;
  aborting: boolean;
  claimed?: ClaimedTask;
}

/** The tasks that should be stored, in the order of acceptance. */
interface Model {
  readonly tasks: Map<string, Told>;
  closed: boolean;
}

type Step = fc.AsyncCommand<Model, World>;

class Insert implements Step {
  constructor(
    readonly delays: readonly number[],
    readonly priority: number,
    readonly lifeMs: number,
  ) {}

  check = () => true;

  async run(model: Model, world: World): Promise<void> {
    const now = world.clock.now();
    const tasks = this.delays.map((delay) =>
      world.aTask({
        dueAt: now + delay,
        priority: this.priority,
        ...(this.lifeMs < Infinity ? { expiresAt: now + this.lifeMs } : {}),
      })
    );
    if (model.closed) return await assert.rejects(world.engine.insert({ tasks }));
    assert.deepEqual(await world.engine.insert({ tasks }), { kind: "stored" });
    for (const { id, dueAt } of tasks) {
      model.tasks.set(id, {
        state: "queued",
        attempt: 0,
        dueAt,
        priority: this.priority,
        expiresAt: now + this.lifeMs,
        aborting: false,
      });
    }
  }

  toString = () => `insert(${this.delays}, priority ${this.priority}, life ${this.lifeMs})`;
}

class Claim implements Step {
  constructor(readonly limit: number) {}

  check = () => true;

  async run(model: Model, world: World): Promise<void> {
    const now = world.clock.now();
    const due = [...model.tasks].filter(([, { state, dueAt }]) =>
      state === "queued" && dueAt <= now && !model.closed
    );
    due.sort(([, a], [, b]) => a.priority - b.priority || a.dueAt - b.dueAt);
    const claimed = await world.claim(this.limit);
    assert.deepEqual(claimed.map(({ id }) => id), due.slice(0, this.limit).map(([id]) => id));
    for (const task of claimed) {
      const told = model.tasks.get(task.id)!;
      told.state = "running";
      assert.equal(task.attempt, ++told.attempt);
      told.claimed = task;
    }
  }

  toString = () => `claim(${this.limit})`;
}

class Settle implements Step {
  constructor(
    readonly event: "succeed" | "fail" | "retry" | "release" | "cancel" | "expire",
    readonly which: number,
  ) {}

  check = (model: Readonly<Model>) => [...model.tasks.values()].some(({ claimed }) => claimed);

  async run(model: Model, world: World): Promise<void> {
    // Also those that were settled before, and are not at that attempt any more.
    const ever = [...model.tasks.values()].filter(({ claimed }) => claimed);
    const told = ever[this.which % ever.length]!;
    const dueAt = world.clock.now() + (this.event === "retry" ? 20 : 0);
    const waits = this.event === "retry" || this.event === "release";
    const settled = await world.settle(told.claimed!, {
      event: this.event,
      ...(waits ? { dueAt } : {}),
    });
    const isAtIt = told.state === "running" && told.attempt === told.claimed!.attempt;
    assert.equal(settled, isAtIt);
    if (!isAtIt) return;
    if (this.event === "release") told.attempt--;
    if (waits) told.dueAt = dueAt;
    const ends = { succeed: "succeeded", fail: "failed", cancel: "cancelled", expire: "expired" };
    told.state = waits
      ? told.aborting || model.closed ? "cancelled" : "queued"
      : ends[this.event as keyof typeof ends] as State;
    told.aborting = false;
  }

  toString = () => `settle(${this.event}, ${this.which})`;
}

class Wish implements Step {
  constructor(readonly wish: "cancel" | "revive" | "runNow", readonly which: number) {}

  check = (model: Readonly<Model>) => model.tasks.size > 0 && !model.closed;

  async run(model: Model, world: World): Promise<void> {
    const [id, told] = [...model.tasks][this.which % model.tasks.size]!;
    const now = world.clock.now();
    switch (this.wish) {
      case "cancel": {
        const answer = { queued: "cancelled", running: "aborting" }[told.state as string];
        assert.equal(await world.engine.cancel(id, "request"), answer ?? "too_late");
        if (told.state === "running") told.aborting = true;
        if (told.state === "queued") told.state = "cancelled";
        return;
      }
      case "revive": {
        const may = ["failed", "cancelled", "expired"].includes(told.state);
        assert.equal(await world.engine.revive(id), may ? "changed" : "not_possible");
        if (!may) return;
        const expiresAt = told.expiresAt <= now ? Infinity : told.expiresAt;
        const dueAt = told.attempt === 0 ? Math.max(told.dueAt, now) : now;
        return void Object.assign(told, { state: "queued", attempt: 0, dueAt, expiresAt });
      }
      case "runNow": {
        const may = told.state === "queued";
        assert.equal(await world.engine.runNow(id), may ? "changed" : "not_possible");
        if (may) told.dueAt = Math.min(told.dueAt, now);
      }
    }
  }

  toString = () => `${this.wish}(${this.which})`;
}

class Advance implements Step {
  constructor(readonly ms: number) {}

  check = () => true;

  run(_: Model, world: World): Promise<void> {
    return world.clock.advance(this.ms);
  }

  toString = () => `advance(${this.ms})`;
}

/** Ctrl+C: all queued tasks are cancelled at once, and none begins any more. */
class CancelWaiting implements Step {
  check = (model: Readonly<Model>) => !model.closed && model.tasks.size > 8;

  async run(model: Model, world: World): Promise<void> {
    const waiting = [...model.tasks.values()].filter(({ state }) => state === "queued");
    assert.equal(await world.engine.cancelWaiting(), waiting.length);
    for (const told of waiting) told.state = "cancelled";
    model.closed = true;
  }

  toString = () => "cancelWaiting()";
}

/** After each step the stored tasks agree with the model, and the counts are exact. */
class Compared implements Step {
  constructor(readonly step: Step) {}

  check = (model: Readonly<Model>) => this.step.check(model);

  async run(model: Model, world: World): Promise<void> {
    await this.step.run(model, world);
    await world.engine.counts(); // What has expired is ended in the turn of the next call.
    for (const told of model.tasks.values()) {
      const isOver = told.expiresAt <= world.clock.now() && !model.closed;
      if (told.state === "queued" && isOver) told.state = "expired";
    }
    const { tasks } = await world.engine.list({}, 1_000);
    const kept = tasks.toReversed().map(({ id, state, attempt }) => ({ id, state, attempt }));
    const told = [...model.tasks].map(([id, { state, attempt }]) => ({ id, state, attempt }));
    assert.deepEqual(kept, told);
    const counts: Record<string, number> = {};
    for (const { state } of kept) counts[state] = (counts[state] ?? 0) + 1;
    assert.deepEqual(await world.counts(), counts);
  }

  toString = () => this.step.toString();
}

const life = fc.constantFrom(Infinity, Infinity, Infinity, 15, 60);
const aStep: fc.Arbitrary<Step>[] = [
  fc.tuple(fc.array(fc.constantFrom(0, 0, 10, 40), { minLength: 1, maxLength: 3 }), fc.nat(9), life)
    .map(([delays, priority, lifeMs]) => new Insert(delays, priority, lifeMs)),
  fc.integer({ min: 1, max: 4 }).map((limit) => new Claim(limit)),
  fc.tuple(
    fc.constantFrom("succeed", "fail", "retry", "release", "cancel", "expire"),
    fc.nat(30),
  ).map(([event, which]) => new Settle(event as Settle["event"], which)),
  fc.tuple(fc.constantFrom("cancel", "revive", "runNow"), fc.nat(30))
    .map(([wish, which]) => new Wish(wish as Wish["wish"], which)),
  fc.integer({ min: 1, max: 30 }).map((ms) => new Advance(ms)),
  fc.constant(new CancelWaiting()),
];

/** Registers the tests for an engine. */
export function stateContract(name: string, open: OpenEngine): void {
  Deno.test(`${name}: random sequences of operations agree with the state machine`, async () => {
    const steps = fc.commands(aStep.map((one) => one.map((step) => new Compared(step))), {
      maxCommands: 60,
      size: "max",
    });
    await fc.assert(
      fc.asyncProperty(steps, async (commands) => {
        await using world = await World.open(open);
        await fc.asyncModelRun(
          () => ({ model: { tasks: new Map(), closed: false }, real: world }),
          commands,
        );
      }),
      { numRuns: runs(5, 15) },
    );
  });
}
