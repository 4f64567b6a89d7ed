/**
 * An engine on a clock that the test owns, with short methods for what tests do to it.
 *
 * @module
 */

import type { JsonText } from "../../src/lib/json.ts";
import assert from "node:assert/strict";
import { type IdSource, openIds } from "../../src/lib/ids.ts";
import type { Settlement } from "../../src/task/outcome.ts";
import type { ClaimedTask, NewTask, TaskRecord } from "../../src/task/task.ts";
import type { QueueEngine, TaskChange, Watched } from "../../src/queue/engine.ts";
import { FakeClock } from "../support/fake_clock.ts";

/** Opens an engine; the suite closes it. */
export type OpenEngine = (
  options: { clock: FakeClock; maxQueued?: number },
) => Promise<QueueEngine>;

/** The lane of tasks without another. */
export const LANE = "http://example.org:80";

/** One engine, its clock, and short methods for what is done to it. */
export class World implements AsyncDisposable {
  readonly ids: IdSource;

  constructor(readonly engine: QueueEngine, readonly clock: FakeClock) {
    this.ids = openIds(() => clock.now(), (bytes) => bytes.fill(7), engine.lastSequence);
  }

  static async open(open: OpenEngine, maxQueued?: number): Promise<World> {
    const clock = new FakeClock();
    return new World(await open({ clock, ...(maxQueued ? { maxQueued } : {}) }), clock);
  }

  /** A task that waits for nothing. */
  aTask<Payload extends JsonText = string>(
    fields: Partial<NewTask> & { readonly payload?: Payload } = {},
  ): NewTask & { readonly payload: Payload } {
    return {
      id: this.ids("tsk"),
      type: "fetch",
      channel: "http",
      lane: LANE,
      payload: `{"url":"http://example.org/"}` as Payload,
      label: "GET http://example.org/",
      createdAt: this.clock.now(),
      dueAt: this.clock.now(),
      priority: 5,
      retry: [1_000, 5_000],
      timeoutMs: 30_000,
      onUnknown: "retry",
      ...fields,
    };
  }

  /** Inserts tasks, each in a submission of its own; returns their ids. */
  async insert(...fields: Partial<NewTask>[]): Promise<string[]> {
    const tasks = fields.map((one) => this.aTask(one));
    for (const task of tasks) {
      assert.deepEqual(await this.engine.insert({ tasks: [task] }), { kind: "stored" });
    }
    return tasks.map((task) => task.id);
  }

  /** Inserts one task; returns its id. */
  async insertOne(fields: Partial<NewTask> = {}): Promise<string> {
    return (await this.insert(fields))[0] as string;
  }

  /** Claims what is due now, without waiting for more. */
  async claim(limit = 100): Promise<ClaimedTask[]> {
    const stop = new AbortController();
    const claimed = this.engine.claim(limit, stop.signal);
    await this.engine.counts();
    stop.abort();
    return await claimed;
  }

  /** Claims, and returns the ids. */
  async claimIds(limit = 100): Promise<string[]> {
    return (await this.claim(limit)).map((task) => task.id);
  }

  /** Claims the one task that is due. */
  async claimOne(): Promise<ClaimedTask> {
    const claimed = await this.claim();
    assert.equal(claimed.length, 1);
    return claimed[0] as ClaimedTask;
  }

  /** Settles a running task: delivered, unless `fields` say otherwise. */
  settle(task: ClaimedTask, fields: Partial<Settlement> = {}): Promise<boolean> {
    const { id, attempt, startedAt } = task;
    const at = this.clock.now();
    const record = { number: attempt, startedAt, endedAt: at, outcome: "delivered" } as const;
    return this.engine.settle({
      id,
      attempt,
      at,
      event: "succeed",
      delivery: "delivered",
      ...(fields.event === "release" ? {} : { record }),
      ...fields,
    });
  }

  /** Settles a task so that it is tried again in `inMs` milliseconds. */
  retry(task: ClaimedTask, inMs: number, fields: Partial<Settlement> = {}): Promise<boolean> {
    return this.settle(task, { event: "retry", dueAt: this.clock.now() + inMs, ...fields });
  }

  /** The task, which must be stored. */
  async find(id: string): Promise<TaskRecord> {
    const task = await this.engine.find(id);
    assert.ok(task, `expected ${id} to be kept`);
    return task;
  }

  /** The state of a task. */
  async stateOf(id: string): Promise<string> {
    return (await this.find(id)).state;
  }

  /** Counts, less the states without any. */
  async counts(): Promise<Record<string, number>> {
    const counts = await this.engine.counts();
    return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
  }

  /** Collects changes from now on. */
  watch(what: Watched): TaskChange[] {
    const changes: TaskChange[] = [];
    this.engine.watch(what, (change) => changes.push(change));
    return changes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.engine[Symbol.asyncDispose]();
  }
}
