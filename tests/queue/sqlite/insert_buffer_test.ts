import assert from "node:assert/strict";
import { packSubmission, unpackClaims } from "../../../src/queue/sqlite/codec.ts";
import type { FlatList } from "../../../src/queue/sqlite/codec.ts";
import type { Answered, Command } from "../../../src/queue/sqlite/store.ts";
import type { ClaimedTask, NewTask } from "../../../src/task/task.ts";
import { openIds } from "../../../src/lib/ids.ts";
import { seeded } from "../../support/seeded.ts";
import { aStore, aTask, inserting, settling } from "./store_world.ts";

/** Writes all new rows before anything is claimed. */
const WRITE: Omit<Command, "n"> = { do: "counts", with: [] };

Deno.test.each(Array.from({ length: 8 }, (_, seed) => ({ seed })))(
  "what is claimed before it is written is stored as if it had been written first: seed $seed",
  async ({ seed }) => {
    await using together = await aStore();
    await using apart = await aStore();
    const random = seeded(seed + 1);
    const pick = <T>(...values: readonly T[]): T => values[Math.floor(random() * values.length)]!;
    const ids = openIds(() => 1_800_000_000_000, (bytes) => bytes.fill(seed));
    const running: ClaimedTask[] = [];
    const known: string[] = [];
    const task = (batchId?: string): NewTask => {
      const now = together.now;
      return {
        ...aTask(),
        id: ids("tsk"),
        lane: pick("http://a:80", "http://b:80", "http://c:80"),
        payload: pick(`{"url":"http://a/"}`, `{"url":"é€"}`, `{"text":"${"x".repeat(9_000)}"}`),
        createdAt: now,
        dueAt: now + pick(0, 0, 0, -50, 70),
        priority: pick(3, 5, 5),
        ...(batchId === undefined ? {} : { batchId }),
        ...(random() < 0.2 ? { key: pick("k", "l") } : {}),
        ...(random() < 0.2 ? { expiresAt: now + pick(-1, 0, 40) } : {}),
        ...(random() < 0.2 ? { owner: pick("ada", "bob") } : {}),
        ...(random() < 0.2 ? { retain: "none" as const } : {}),
        ...(random() < 0.2 ? { tags: ["t"] } : {}),
      };
    };
    const tasks = (count: number, batchId?: string) => {
      const made = Array.from({ length: Math.ceil(random() * count) }, () => task(batchId));
      known.push(...made.map(({ id }) => id));
      return made;
    };
    const batch = (): Omit<Command, "n"> => {
      const id = ids("bat");
      const concurrency = pick(undefined, 1, 2);
      const limit = concurrency === undefined ? {} : { concurrency };
      const record = { id, createdAt: together.now, ...limit };
      const submission = packSubmission({ batch: record, tasks: tasks(pick(3, 30, 150), id) });
      return { do: "insert", with: [submission, 100_000] };
    };
    const settlement = ({ id, attempt }: ClaimedTask) => {
      const at = together.now;
      const event = pick("succeed", "fail", "retry", "release");
      const later = event === "retry" || event === "release" ? { dueAt: at + pick(0, 30) } : {};
      return { id, attempt, event, at, ...later } as const;
    };
    const pause = (): Omit<Command, "n"> => {
      const target = pick({ key: "k" }, { host: "b" }, { type: "fetch" as const });
      const until = together.now + 30;
      return {
        do: "pause",
        with: [{ id: ids("pau"), by: "ada", createdAt: together.now, until, ...target }],
      };
    };
    const find = (): Omit<Command, "n"> => ({ do: "find", with: [pick(...known, ids("tsk"))] });
    // Of lists, claims alone consist of values.
    const isClaims = (value: unknown): value is FlatList =>
      Array.isArray(value) && typeof value[0] === "string";
    const valuesOf = ({ answers }: { answers: readonly Answered[] }) =>
      answers.map(({ value }) => isClaims(value) ? unpackClaims(value) : value);
    for (let step = 0; step < 40; step++) {
      const commands: Omit<Command, "n">[] = [];
      if (random() < 0.7) commands.push(inserting(tasks(pick(2, 20, 80)), 100_000));
      if (random() < 0.2) commands.push(batch());
      const ended = running.splice(0, Math.floor(random() * running.length));
      if (ended.length > 0) commands.push(settling(ended.map(settlement)));
      if (random() < 0.05) commands.push(pause());
      if (random() < 0.3) commands.push(inserting(tasks(5), 100_000));
      if (random() < 0.5) commands.push(find(), find());
      const claims = random() < 0.8 ? [{ do: "claim" as const, with: [pick(1, 10, 50)] }] : [];
      const values = valuesOf(together.run(WRITE, ...commands, ...claims)).slice(1);
      const apartValues = valuesOf(apart.run(...commands, WRITE, ...claims));
      apartValues.splice(commands.length, 1);
      assert.deepEqual(values, apartValues, `step ${step}`);
      if (step % 4 === 3) assert.equal(together.dump(), apart.dump(), `step ${step}`);
      running.push(...values.slice(commands.length).flat() as ClaimedTask[]);
      together.now = apart.now = together.now + pick(0, 1, 25);
    }
    assert.ok(running.length > 0);
  },
);
