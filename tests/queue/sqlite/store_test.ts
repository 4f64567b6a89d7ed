import assert from "node:assert/strict";
import {
  buffersOf,
  type FlatList,
  packSubmission,
  unpackClaims,
} from "../../../src/queue/sqlite/codec.ts";
import type { Command } from "../../../src/queue/sqlite/store.ts";
import type { NewTask, TaskRecord } from "../../../src/task/task.ts";
import { aStore, aTask, inserting, settling } from "./store_world.ts";

const STORED = { kind: "stored" };
const FULL = { kind: "refused", code: "storage_full" };

Deno.test("tasks of a group are claimed in the transaction that stores them", async () => {
  await using file = await aStore();
  const { answers } = file.run(
    { do: "claim", with: [1] },
    { do: "insert", with: [aSubmission(), 10] },
    { do: "claim", with: [5] },
  );
  assert.deepEqual(answers.map(({ n }) => n), [2, 1]);
  assert.equal(unpackClaims(answers[1]?.value as FlatList).length, 1);
  const [withdrawn] = file.run({ do: "withdraw", with: [3] }).answers;
  assert.deepEqual(withdrawn, { n: 3, value: [] });
  assert.deepEqual(file.run({ do: "withdraw", with: [3] }).answers, []);
});

Deno.test("many new tasks of one group are stored as submitted, and can be read in the same group", async () => {
  await using file = await aStore();
  const retry = [1_000, 1_000, 5_000, 1_000, 1_000];
  const given = Array.from({ length: 40 }, (_, n) => {
    return { ...aTask(), payload: `{"n":${n}}`, retry: retry.slice(n % 6) };
  });
  const { answers } = file.run(
    ...given.map((task) => ({
      do: "insert" as const,
      with: [packSubmission({ tasks: [task] }), 100],
    })),
    ...given.map(({ id }) => ({ do: "find" as const, with: [id] })),
  );
  const found = answers.slice(40).map(({ value }) => value as TaskRecord);
  assert.deepEqual(
    found.map(({ id, payload, retry }) => ({ id, payload, retry })),
    given.map(({ id, payload, retry }) => ({ id, payload, retry })),
  );
});

Deno.test("a payload of bytes is handed from thread to thread, never copied", async () => {
  await using file = await aStore();
  const payload = new TextEncoder().encode(`{"text":"${"x".repeat(2 ** 20)}"}`);
  const insert = {
    do: "insert" as const,
    with: [packSubmission({ tasks: [{ ...aTask(), payload }] }), 9],
  };
  assert.deepEqual(buffersOf([insert]), [payload.buffer]);
  const { answers } = file.run(insert, { do: "claim", with: [1] });
  const [buffer, ...more] = buffersOf(answers);
  assert.equal(buffer?.byteLength, payload.length);
  assert.deepEqual(more, []);
});

Deno.test("a released key passes to a task that is inserted in the same group", async () => {
  await using file = await aStore();
  const [holder, heir, other] = Array.from({ length: 3 }, () => ({ ...aTask(), key: "k" }));
  const kept = (task = aTask()) => ({
    do: "insert" as const,
    with: [packSubmission({ tasks: [task] }), 100],
  });
  file.run(kept(holder), { do: "claim", with: [9] });
  const { answers } = file.run(
    kept(heir),
    settling([{ id: holder!.id, attempt: 1, event: "succeed", at: 0 }]),
    kept(other),
    { do: "claim", with: [9] },
  );
  const claimed = unpackClaims(answers.at(-1)?.value as FlatList);
  assert.deepEqual(claimed.map(({ id }) => id), [heir!.id]);
});

Deno.test("a list has no results when all of it is stored or settled, and else one for each", async () => {
  await using file = await aStore();
  const [one, two, three] = [aTask(), aTask(), aTask()];
  const settlement = { id: one.id, attempt: 1, event: "succeed", at: 0 } as const;
  const results = (...commands: Omit<Command, "n">[]) =>
    file.run(...commands).answers.map(({ value }) => value);
  assert.deepEqual(results(inserting([one, two], 2)), [undefined]);
  assert.deepEqual(results(inserting([three], 2)), [[
    { value: { kind: "refused", code: "queue_full" } },
  ]]);
  file.run({ do: "claim", with: [1] });
  const settled = results(settling([settlement]), settling([settlement, settlement]));
  assert.deepEqual(settled, [undefined, [{ value: false }, { value: false }]]);
});

Deno.test("a task of a list that cannot be stored does not affect the others", async () => {
  await using file = await aStore();
  const [one, two] = [aTask(), aTask()];
  const { answers } = file.run(inserting([one, one, two], 10));
  const [, wrong] = answers[0]?.value as { fault?: { name: string } }[];
  assert.deepEqual(answers[0]?.value, [{}, { fault: wrong?.fault }, {}]);
  assert.equal(wrong?.fault?.name, "EngineError");
  const found = file.run(...[one, two].map(({ id }) => ({ do: "find" as const, with: [id] })));
  assert.deepEqual(found.answers.map(({ value }) => (value as TaskRecord).id), [one.id, two.id]);
});

Deno.test("on a full disk each task of a list is refused", async () => {
  await using file = await aStore();
  file.run(inserting([aTask()], 1_000));
  file.limitPages(1);
  const many = Array.from({ length: 60 }, aTask);
  const results = file.run(inserting(many, 1_000)).answers[0]?.value as { value: unknown }[];
  assert.deepEqual(results.at(-1), { value: FULL });
  assert.equal(results.length, many.length);
});

Deno.test("a command that fails is rejected, and the others of its group are done", async () => {
  await using file = await aStore();
  const submission = aSubmission();
  const { answers } = file.run(
    { do: "insert", with: [submission, 10] },
    { do: "insert", with: [submission, 10] },
    { do: "insert", with: [aSubmission(), 10] },
    { do: "counts", with: [] },
    { do: "claim", with: [5] },
  );
  assert.deepEqual(answers.map(({ value }) => value).slice(0, 3), [STORED, undefined, STORED]);
  assert.equal(answers[1]?.fault?.name, "EngineError");
  assert.equal((answers[3]?.value as { queued: number }).queued, 2);
  assert.equal(unpackClaims(answers[4]?.value as FlatList).length, 2);
});

Deno.test("a quota counts what is stored, not what was rolled back", async () => {
  await using file = await aStore();
  const submit = (tasks: NewTask[], maxQueued = 3): Omit<Command, "n"> => ({
    do: "insert",
    with: [packSubmission({ tasks, quota: { owner: "ada", maxQueued } }), 100],
  });
  const anAda = () => ({ ...aTask(), owner: "ada" });
  const first = anAda();
  // The second of the group fails, so both are done by themselves.
  const { answers } = file.run(submit([first]), submit([first]), submit([anAda()]));
  assert.deepEqual(answers.map(({ value }) => value), [STORED, undefined, STORED]);
  file.run(submit([anAda()]), submit([first]));
  const full = { kind: "refused", code: "queue_full", quota: 3 };
  assert.deepEqual(file.run(submit([anAda()])).answers[0]?.value, full);
  assert.deepEqual(file.run(submit([anAda()], 4)).answers[0]?.value, STORED);
});

Deno.test("a full disk refuses new tasks, stores no half submission, and goes on when there is room", async () => {
  await using file = await aStore();
  file.run({ do: "insert", with: [aSubmission(), 1_000] });
  file.limitPages(60);
  let kept = 1;
  let answer: unknown = STORED;
  while (kept < 1_000) {
    answer = file.run({ do: "insert", with: [aSubmission(3), 1_000] }).answers[0]?.value;
    if (JSON.stringify(answer) !== JSON.stringify(STORED)) break;
    kept += 3;
  }
  assert.deepEqual(answer, FULL);
  const [counts] = file.run({ do: "counts", with: [] }).answers;
  assert.equal((counts?.value as { queued: number }).queued, kept);
  file.limitPages(10_000);
  file.now += 10_000;
  const { answers } = file.run({ do: "insert", with: [aSubmission(), 1_000] });
  assert.deepEqual(answers[0]?.value, STORED);
});

Deno.test("claims that failed on a full disk are served when there is room", async () => {
  await using file = await aStore();
  // Claimed rows grow, and need pages that the limit forbids.
  file.run(...Array.from({ length: 60 }, () => insertion()));
  file.limitPages(1);
  const refused = file.run(insertion(), { do: "claim", with: [50] });
  assert.deepEqual(refused.answers.map(({ value }) => value)[0], FULL);
  file.limitPages(10_000);
  file.now += 10_000;
  const served = [...refused.answers, ...file.run().answers].filter(({ value }) =>
    Array.isArray(value)
  );
  assert.equal(unpackClaims(served[0]?.value as FlatList).length, 50);
});

Deno.test("released ballast is reserved again when there is room, and until then new tasks are refused", async () => {
  await using file = await aStore({ ballastBytes: 4_096 });
  assert.equal((await Deno.stat(`${file.path}.ballast`)).size, 4_096);
  file.ballast.release(file.now);
  assert.deepEqual(file.run(insertion()).answers[0]?.value, FULL);
  await assert.rejects(Deno.stat(`${file.path}.ballast`), Deno.errors.NotFound);
  file.now += 1_000;
  assert.deepEqual(file.run(insertion()).answers[0]?.value, STORED);
  assert.equal((await Deno.stat(`${file.path}.ballast`)).size, 4_096);
});

function aSubmission(tasks = 1) {
  return packSubmission({ tasks: Array.from({ length: tasks }, aTask) });
}

function insertion(): Omit<Command, "n"> {
  return { do: "insert", with: [aSubmission(), 1_000] };
}
