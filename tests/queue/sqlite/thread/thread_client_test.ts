import assert from "node:assert/strict";
import { EngineDamagedError, EngineError } from "../../../../src/queue/engine.ts";
import {
  type FlatList,
  type PackedSubmission,
  TASK_SIZE,
} from "../../../../src/queue/sqlite/codec.ts";
import { FULL_GROUP, ThreadClient } from "../../../../src/queue/sqlite/thread/thread_client.ts";
import type { Opened, Reply } from "../../../../src/queue/sqlite/store.ts";
import type { FromThread, ToThread } from "../../../../src/queue/sqlite/thread/thread_server.ts";
import { FakeClock, settled } from "../../../support/fake_clock.ts";
import { aTask } from "../store_world.ts";

Deno.test("the commands of one turn are sent as one group", async () => {
  const { line, thread } = setup();
  const answers = [line.run("counts"), line.run("find", "tsk_a"), line.run("sweep")];
  await settled();
  assert.deepEqual(thread.groups.map((group) => group.commands.map((command) => command.do)), [
    ["counts", "find", "sweep"],
  ]);
  thread.reply({ answers: [{ n: 3, value: true }, { n: 2 }, { n: 1, value: {} }] });
  assert.deepEqual(await Promise.all(answers), [{}, undefined, true]);
});

Deno.test("the next group collects commands while one is in flight, and is sent beside it when it is full", async () => {
  const { line, thread } = setup();
  const ask = async (commands: number) => {
    for (let n = 0; n < commands; n++) line.run("counts").catch(() => {});
    await settled();
  };
  const sizes = () => thread.groups.map((group) => group.commands.length);
  await ask(1);
  await ask(2);
  await ask(3);
  assert.deepEqual(sizes(), [1]);
  thread.reply({});
  await settled();
  assert.deepEqual(sizes(), [1, 5]);
  await ask(70);
  assert.deepEqual(sizes(), [1, 5, FULL_GROUP]);
  await ask(70);
  assert.deepEqual(sizes(), [1, 5, FULL_GROUP]);
  thread.reply({});
  await settled();
  assert.deepEqual(sizes(), [1, 5, FULL_GROUP, 140 - FULL_GROUP]);
});

Deno.test("a batch as large as a full group is sent at once", async () => {
  const { line, thread } = setup();
  const insert = (tasks: number) => {
    const packed = Array.from({ length: tasks * TASK_SIZE });
    line.run("insert", { tasks: packed }, 1_000).catch(() => {});
  };
  insert(FULL_GROUP - 1);
  await settled();
  insert(FULL_GROUP - 1);
  await settled();
  assert.equal(thread.groups.length, 1);
  insert(1);
  assert.deepEqual(thread.groups.map((group) => group.commands.length), [1, 2]);
});

Deno.test("single tasks and settlements of one turn cross as two lists, and each gets its own result", async () => {
  const { line, thread } = setup();
  const settlement = { id: aTask().id, attempt: 1, event: "succeed", at: 0 } as const;
  const results = Promise.allSettled([
    line.insert({ tasks: [aTask()] }, 9),
    line.settle(settlement),
    line.insert({ tasks: [aTask()], quota: { owner: "ada", maxQueued: 1 } }, 9),
    line.settle(settlement),
    line.insert({ tasks: [aTask()] }, 9),
  ]);
  await settled();
  assert.deepEqual(thread.commands, ["insertEach", "settleEach"]);
  const refused = { kind: "refused", code: "queue_full", quota: 1 } as const;
  const fault = { name: "EngineError", message: "malformed" } as const;
  thread.reply({ answers: [{ n: 2 }, { n: 1, value: [{}, { value: refused }, { fault }] }] });
  assert.deepEqual(
    (await results).map((one) => one.status === "fulfilled" ? one.value : one.reason),
    [{ kind: "stored" }, true, refused, true, new EngineError("malformed")],
  );
});

Deno.test("another command comes after what was called before it, and before what was called after it", async () => {
  const { line, thread } = setup();
  const insert = (submission = {}) => {
    line.insert({ tasks: [aTask()], ...submission }, 9).catch(() => {});
  };
  insert();
  line.claim(1, new AbortController().signal);
  insert();
  line.run("cancelWaiting").catch(() => {});
  insert();
  insert({ idempotency: { scope: "", key: "k", fingerprint: "", expiresAt: 1 } });
  insert();
  await settled();
  assert.deepEqual(thread.commands, [
    "insertEach",
    "claim",
    "cancelWaiting",
    "insertEach",
    "insert",
    "insertEach",
  ]);
});

Deno.test("a large submission crosses in portions, and other commands go before it", async () => {
  const { line, thread } = setup();
  const tasks = Array.from({ length: 10_000 }, aTask);
  const inserting = line.insert({ tasks }, 20_000);
  line.run("counts").catch(() => {});
  while (!thread.commands.includes("insert")) {
    await settled();
    if (thread.groups.length === 1) thread.reply({});
  }
  const sizes = thread.portions.map(({ length }) => length);
  assert.ok(sizes.length > 5 && Math.max(...sizes) < 1_000 * TASK_SIZE, sizes.join());
  assert.deepEqual(thread.commands, ["counts", "insert"]);
  const { tasks: rest, upload } = thread.groups[1]?.commands[0]?.with[0] as PackedSubmission;
  assert.equal(sizes.reduce((sum, size) => sum + size, rest.length), 10_000 * TASK_SIZE);
  assert.equal(upload, 1);
  thread.reply({ answers: [{ n: 2, value: { kind: "stored" } }] });
  assert.deepEqual(await inserting, { kind: "stored" });
});

Deno.test("a large submission fails with the thread", async () => {
  const { line, thread } = setup();
  const inserting = line.insert({ tasks: Array.from({ length: 10_000 }, aTask) }, 20_000);
  thread.onerror({ message: "out of memory", preventDefault() {} });
  await assert.rejects(inserting, EngineError);
});

Deno.test("the thread is woken at the time it asked for, and after five minutes at the latest", async () => {
  const { clock, thread } = setup({ wakeAt: 600_000 });
  await clock.advance(299_999);
  assert.equal(thread.groups.length, 0);
  await clock.advance(1);
  assert.deepEqual(thread.groups, [{ now: 300_000, commands: [] }]);
  thread.reply({ wakeAt: 300_500 });
  await clock.advance(500);
  assert.equal(thread.groups.length, 2);
  thread.reply({});
  assert.equal(clock.waiting, 0);
});

Deno.test("an error of the thread has the same class on the main thread", async () => {
  const { line, thread } = setup();
  const asked = line.run("counts");
  await settled();
  const fault = { name: "EngineDamagedError", message: "malformed" } as const;
  thread.reply({ answers: [{ n: 1, fault }] });
  await assert.rejects(asked, EngineDamagedError);
});

Deno.test("the death of the thread rejects every pending command, and is reported once", async () => {
  const { line, thread, fatal, clock } = setup({ wakeAt: 1_000 });
  const claim = line.claim(1, new AbortController().signal);
  const asked = line.run("counts");
  await settled();
  thread.onerror({ message: "out of memory", preventDefault() {} });
  await assert.rejects(claim, EngineError);
  await assert.rejects(asked, EngineError);
  await assert.rejects(line.run("counts"), /out of memory/);
  assert.equal(fatal.length, 1);
  assert.equal(clock.waiting, 0);
  await line.close();
  assert.equal(thread.terminated, true);
});

function setup(opened: Partial<Opened> = {}) {
  const clock = new FakeClock(0);
  const thread = new FakeThread();
  const fatal: Error[] = [];
  const first = {
    answers: [],
    changes: [],
    last: 0,
    recovered: 0,
    sweeping: false,
    file: { schema: 1 },
    ...opened,
  };
  const line = new ThreadClient(thread as unknown as Worker, first, {
    path: "q.db",
    clock,
    ballastBytes: 0,
    whenMoved: "refuse",
    onChange: () => {},
    onFatal: (error) => fatal.push(error),
  });
  return { clock, thread, line, fatal };
}

/** The thread's side of the connection, which the test controls. */
class FakeThread {
  groups: Extract<ToThread, { group: unknown }>["group"][] = [];
  portions: FlatList[] = [];
  terminated = false;
  onmessage: (event: { data: FromThread }) => void = () => {};
  onerror: (event: { message: string; preventDefault(): void }) => void = () => {};

  postMessage(message: ToThread): void {
    if ("group" in message) this.groups.push(message.group);
    if ("upload" in message) this.portions.push(message.upload.tasks);
  }

  get commands(): string[] {
    return this.groups.flatMap(({ commands }) => commands.map((command) => command.do));
  }

  reply(reply: Partial<Reply>): void {
    const whole = { answers: [], changes: [], last: 0, ...reply };
    this.onmessage({ data: { reply: whole } });
  }

  terminate(): void {
    this.terminated = true;
  }
}
