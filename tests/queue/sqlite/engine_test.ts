import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import {
  EngineDamagedError,
  EngineError,
  EngineInUseError,
  type FailedTask,
} from "../../../src/queue/engine.ts";
import { openSqliteEngine, type SqliteOptions } from "../../../src/queue/sqlite/engine.ts";
import { textOfJson } from "../../../src/lib/json/held_text.ts";
import { FakeClock } from "../../support/fake_clock.ts";
import { World } from "../world.ts";

Deno.test("sqlite: tasks, lanes and holds are there after a restart", async () => {
  await using file = await aFile();
  const until = file.clock.now() + 60_000;
  const { ids, last } = await file.live(async (world) => {
    const ids = await world.insert({ key: "k", tags: ["t"] }, { key: "k" }, {}, { lane: "outbox" });
    await world.engine.limitLane("outbox", 2);
    const [first, third] = await world.claim(2);
    await world.settle(first!, { result: { status: 200 }, hold: { until, reason: "429" } });
    await world.settle(third!, { event: "release" });
    return { ids, last: world.engine.lastSequence };
  });
  await file.live(async (world) => {
    assert.equal(world.engine.recovered, 0);
    assert.equal(world.engine.lastSequence, last);
    assert.deepEqual(await world.counts(), { queued: 3, succeeded: 1 });
    assert.deepEqual((await world.find(ids[0]!)).result, { status: 200 });
    assert.deepEqual(await world.claimIds(), [ids[3]]);
    assert.deepEqual(
      (await world.engine.lanes(10)).map(({ lane, limit, reason }) => [lane, limit, reason]),
      [
        ["outbox", 2, undefined],
        ["http://example.org:80", 64, "429"],
      ],
    );
    await world.clock.advance(60_000);
    assert.deepEqual(await world.claimIds(), [ids[1], ids[2]]);
  });
});

Deno.test("sqlite: few tasks in a state are counted to the end behind very many with the same tag", async () => {
  await using file = await aFile();
  await file.live(async (world) => {
    await world.insert({ tags: ["t"] });
    const [task] = await world.claim();
    await world.settle(task!, { event: "fail" });
    await world.insert(...Array.from({ length: 5_100 }, () => ({ tags: ["t"] })));
    const failed = await world.engine.count({ tag: "t", states: ["failed"] }, undefined, 9);
    assert.deepEqual(failed, { count: 1 });
  });
});

Deno.test("sqlite: an interrupted attempt counts, and the task runs again as a possible duplicate", async () => {
  await using file = await aFile();
  const [again, stopped, aborted] = await file.live(async (world) => {
    const ids = await world.insert({ retry: [] }, { onUnknown: "stop" }, {});
    assert.equal((await world.claim()).length, 3);
    await world.engine.cancel(ids[2]!, "request");
    return ids;
  });
  await file.live(async (world) => {
    assert.equal(world.engine.recovered, 3);
    const { state, reason, delivery } = await world.find(stopped!);
    assert.deepEqual({ state, reason, delivery }, {
      state: "failed",
      reason: "unknown",
      delivery: "unknown",
    });
    assert.equal((await world.find(aborted!)).reason, "request");
    const task = await world.claimOne();
    assert.deepEqual({
      id: task.id,
      attempt: task.attempt,
      possibleDuplicate: task.possibleDuplicate,
    }, { id: again, attempt: 2, possibleDuplicate: true });
    assert.equal((await world.find(again!)).attempts[0]?.error?.code, "crashed");
  });
});

Deno.test("sqlite: a task that is interrupted three times in a row fails, and an ordinary end between them resets the count", async () => {
  await using file = await aFile();
  const id = await file.live((world) => world.insertOne({ retry: Array(9).fill(0) }));
  const crash = () => file.live(async (world) => void await world.claimOne());
  await crash();
  await crash();
  await file.live(async (world) => void await world.retry(await world.claimOne(), 0));
  await crash();
  await crash();
  await crash();
  await file.live(async (world) => {
    const { state, reason, attempts } = await world.find(id);
    assert.deepEqual({ state, reason, length: attempts.length }, {
      state: "failed",
      reason: "crashed",
      length: 6,
    });
    assert.deepEqual(await world.counts(), { failed: 1 });
  });
  assert.deepEqual(
    file.failed.map((
      { id, reason, attempts, lane, error },
    ) => [id, reason, attempts, lane, error.code]),
    [[id, "crashed", 6, "http://example.org:80", "crashed"]],
  );
});

Deno.test("sqlite: a shutdown's cancellation outlives the restart, the sweep rewrites the rows, new tasks do not wait for it", async () => {
  await using file = await aFile();
  const { batch, ids, waiting, markedAt } = await file.live(async (world) => {
    const batch = { id: world.ids("bat"), createdAt: world.clock.now() };
    const tasks = Array.from(
      { length: 2_500 },
      (_, i) =>
        world.aTask({
          batchId: batch.id,
          ...(i < 4 ? { key: i < 2 ? "k" : "w" } : {}),
          ...(i === 4 ? { retain: "none" } : {}),
        }),
    );
    await world.engine.insert({ tasks, batch });
    const [running] = await world.claim(1);
    await world.engine.cancelWaiting();
    return {
      batch,
      ids: [running!.id],
      waiting: tasks.map(({ id }) => id).filter((id) => id !== running!.id),
      markedAt: world.clock.now(),
    };
  });
  await file.clock.advance(5_000);
  await file.live(async (world) => {
    // None of these awaits the sweep.
    const fresh = world.insert({ key: "k" }, { key: "w" });
    const counts = world.counts();
    const listed = world.engine.list({ states: ["cancelled"], reason: "shutdown" }, 10);
    assert.deepEqual((await counts).cancelled, 2_500);
    assert.equal((await listed).tasks.length, 10);
    assert.deepEqual(await world.claimIds(), await fresh);
    const broken = await world.find(ids[0]!);
    assert.deepEqual({ state: broken.state, reason: broken.reason, delivery: broken.delivery }, {
      state: "cancelled",
      reason: "shutdown",
      delivery: "unknown",
    });
    const marked = await world.find(waiting[0]!);
    assert.deepEqual(
      { state: marked.state, reason: marked.reason, finishedAt: marked.finishedAt },
      { state: "cancelled", reason: "shutdown", finishedAt: markedAt },
    );
    assert.equal((await world.engine.findBatch(batch.id))?.done, true);
    assert.equal(await world.engine.cancel(waiting[0]!, "request"), "too_late");
    // This one does.
    assert.equal(await world.engine.revive(waiting[0]!), "changed");
    assert.deepEqual(await world.engine.reviveAll({ reason: "shutdown" }), {
      retried: 2_498,
      expired: 0,
      full: 0,
    });
    assert.deepEqual(await world.counts(), { queued: 2_499, running: 2, cancelled: 1 });
    assert.equal((await world.engine.findBatch(batch.id))?.counts.queued, 2_499);
    assert.equal((await world.claim(10)).length, 10);
  });
  const db = new DatabaseSync(file.path);
  assert.deepEqual({ ...db.prepare("SELECT sweeping FROM meta").get() }, { sweeping: 0 });
  db.close();
});

Deno.test("sqlite: a second engine on the same file is refused, and the first goes on", async () => {
  await using file = await aFile();
  await file.live(async (world) => {
    await assert.rejects(open(file.path), EngineInUseError);
    const other = new Deno.Command(Deno.execPath(), {
      args: [
        "eval",
        `
        import { openSqliteEngine } from "${
          import.meta.resolve("../../../src/queue/sqlite/engine.ts")
        }";
        import { systemClock } from "${import.meta.resolve("../../../src/lib/clock.ts")}";
        try { await openSqliteEngine({ path: ${JSON.stringify(file.path)}, clock: systemClock }); }
        catch (error) { console.log(error.name); }`,
      ],
    });
    assert.equal(
      new TextDecoder().decode((await other.output()).stdout).trim(),
      "EngineInUseError",
    );
    await world.insertOne();
    assert.equal((await world.claim()).length, 1);
  });
});

Deno.test("sqlite: only the owner can read the file and its log", async () => {
  await using file = await aFile();
  await file.live(async (world) => {
    await world.insertOne();
    for (const name of ["", "-wal"]) {
      assert.equal((await Deno.stat(file.path + name)).mode! & 0o777, 0o600);
    }
  });
});

Deno.test("sqlite: a file of a newer version, or of another program, is refused and left as it is", async () => {
  await using file = await aFile();
  await file.live((world) => world.insertOne());
  file.sql("PRAGMA user_version = 99");
  await assert.rejects(
    open(file.path),
    /written by a newer Postrider \(file version 99, this one reads up to \d+\)/,
  );
  file.sql("PRAGMA user_version = 1; PRAGMA application_id = 1");
  await assert.rejects(open(file.path), EngineError);
  await using foreign = await aFile();
  foreign.sql("CREATE TABLE theirs (x)");
  await assert.rejects(open(foreign.path), /expected a file of Postrider/);
  await assert.rejects(open(`${file.path}/nowhere/q.db`), EngineError);
});

Deno.test.each([1_500, 3_600_000, 365 * 86_400_000])(
  "sqlite: a clock that is set back by %d ms delays no due task, and shortens no wait",
  async (back) => {
    await using file = await aFile();
    await file.live(async (world) => {
      const { clock, engine } = world;
      const [retriedId] = await world.insert({});
      await world.retry(await world.claimOne(), 60_000);
      const heldId = await world.insertOne({ lane: "held" });
      const hold = { until: clock.now() + 60_000, reason: "busy" };
      await world.retry(await world.claimOne(), 0, { hold });
      const [dueId] = await world.insert({});
      const datedId = await world.insertOne({ dueAt: clock.now() + 60_000 });
      await engine.counts();
      clock.jump(-back);
      assert.deepEqual(await world.claimIds(), [dueId]);
      await clock.advance(59_000);
      assert.deepEqual(await world.claimIds(), []);
      await clock.advance(1_000);
      assert.deepEqual((await world.claimIds()).sort(), [retriedId, heldId].sort());
      // A task's own time does not change with the clock.
      clock.jump(back);
      assert.deepEqual(await world.claimIds(), [datedId]);
    });
  },
);

Deno.test("sqlite: the log stays smaller than the ballast, and the space of purged tasks is used again", async () => {
  await using file = await aFile();
  const BALLAST = 16 * 2 ** 20;
  const sizeOf = async (suffix: string) => (await Deno.stat(file.path + suffix)).size;
  const sizes: number[] = [];
  await file.live(async (world) => {
    for (let life = 0; life < 2; life++) {
      for (let part = 0; part < 10; part++) {
        const tasks = Array.from({ length: 1_000 }, () => world.aTask({ tags: ["t"] }));
        assert.deepEqual(await world.engine.insert({ tasks }), { kind: "stored" });
        assert.ok(await sizeOf("-wal") < BALLAST);
      }
      await world.engine.cancelAll({}, "request");
      sizes.push(await sizeOf(""));
      // That many ids in one millisecond get times ahead of it.
      await world.clock.advance(10);
      while (!(await world.engine.purge(world.clock.now(), 500)).isOver) {
        assert.ok(await sizeOf("-wal") < BALLAST);
      }
      assert.deepEqual(await world.counts(), {});
    }
  });
  const [first = 0, second = 0] = sizes;
  assert.ok(first > 2 ** 20 && second < first * 1.5, `${first} and ${second} bytes`);
});

Deno.test("sqlite: a file of the version before is migrated and goes on", async () => {
  await using file = await aFile();
  // Written by version 8 of the file, whose process ended while a task ran.
  file.sql(await Deno.readTextFile(new URL("./files/version_8.sql", import.meta.url)));
  const id = (letters: string) => `tsk_01kdvdna00e0${letters}777777777777`;
  await file.live(async (world) => {
    const { engine, clock } = world;
    await clock.advance(Date.UTC(2026, 0, 1) - clock.now());
    assert.equal(engine.recovered, 1);
    assert.deepEqual(await world.counts(), { succeeded: 1, queued: 7, cancelled: 1 });
    const done = await world.find(id("09"));
    assert.deepEqual([done.attempts.length, done.result], [1, { status: 200 }]);
    assert.deepEqual((await engine.list({ tag: "a" }, 9)).tasks.map(({ id }) => id), [done.id]);
    assert.equal((await world.find(id("0s"))).error?.code, "http_503");
    assert.deepEqual((await engine.schedules()).map(({ name }) => name), ["nightly"]);
    // Bob's task waited behind Alice's, because they used the same key.
    const claimed = await world.claim();
    assert.deepEqual(
      claimed.map(({ id, possibleDuplicate }) => ({ id, possibleDuplicate }))
        .sort((a, b) => a.id < b.id ? -1 : 1),
      [
        { id: id("19"), possibleDuplicate: true },
        { id: id("29"), possibleDuplicate: false },
        { id: id("49"), possibleDuplicate: false },
      ],
    );
    for (const task of claimed) await world.settle(task);
    const next = await world.claim();
    assert.deepEqual(next.map((task) => task.id).sort(), [id("1s"), id("4s")]);
    for (const task of next) await world.settle(task);
    // The chain of the batch.
    assert.equal((await world.claimOne()).lane, "http://after.example.org:80");
    const changes = await engine.changesAfter(0, 100);
    assert.equal(changes.length, 10);
    const { due: _, ...kinds } = await engine.queued();
    assert.deepEqual(kinds, { scheduled: 1, retrying: 1, paused: 0 });
  });
});

Deno.test("sqlite: changes are listed after many changes, a restart and a purge, and overtaken entries are deleted", async () => {
  await using file = await aFile();
  const [first, ...others] = await file.live(async (world) => {
    const ids = await world.insert(...Array.from({ length: 1_200 }, () => ({ lane: "outbox" })));
    await world.engine.limitLane("outbox", 1_000);
    for (const task of await world.claim(1_000)) {
      await world.settle(task, task.id === ids[0] ? { event: "fail" } : {});
    }
    return ids;
  });
  const [done, left] = [others.slice(0, 999), others.slice(999)];
  await file.live(async (world) => {
    assert.deepEqual(await world.counts(), { queued: 200, failed: 1, succeeded: 999 });
    assert.deepEqual(await changedIds(world, 0), [...left, first, ...done]);
    assert.deepEqual(await changedIds(world, 0, 201), [...left, first]);
    await world.clock.advance(1_000);
    await world.engine.revive(first!);
    await world.engine.cancel(first!, "request");
    await world.engine.purge(world.clock.now(), 999);
    assert.deepEqual(await changedIds(world, 0), [...left, first]);
    for (let more = 0; more < 4; more++) await world.engine.purge(world.clock.now() - 1, 1_000);
    assert.deepEqual(await changedIds(world, 0), [...left, first]);
  });
  const listed = file.rows("SELECT sum(json_array_length(tasks)) AS n FROM changed");
  assert.deepEqual(listed, [{ n: 201 }]);
});

Deno.test("sqlite: a damaged file is refused", async () => {
  await using file = await aFile();
  await file.live((world) => world.insert({}, {}, {}));
  await file.scribble(4_096 * 2, 4_096 * 6);
  await assert.rejects(open(file.path), EngineDamagedError);
  await using text = await aFile();
  await Deno.writeTextFile(text.path, "This is no database. ".repeat(500));
  await assert.rejects(open(text.path), EngineDamagedError);
});

Deno.test("sqlite: a damaged payload is never sent, and its task fails as damaged", async () => {
  await using file = await aFile();
  const [damaged, specless, sound] = await file.live((world) =>
    world.insert({ key: "k" }, {}, { key: "k" })
  );
  file.sql(
    "UPDATE body SET payload = replace(payload, 'example', 'exbmple') WHERE rowid = (SELECT min(seq) FROM body)",
  );
  file.sql(
    "UPDATE body SET spec = substr(spec, 5) WHERE seq = (SELECT seq FROM body ORDER BY seq LIMIT 1 OFFSET 1)",
  );
  await file.live(async (world) => {
    assert.equal((await world.find(damaged!)).payload, undefined);
    assert.deepEqual(await world.claimIds(), [sound]);
    for (const id of [damaged!, specless!]) {
      const { state, reason, delivery, error } = await world.find(id);
      assert.deepEqual({ state, reason, delivery, code: error?.code }, {
        state: "failed",
        reason: "damaged",
        delivery: "not_delivered",
        code: "damaged",
      });
    }
    assert.deepEqual(await world.engine.lanes(10), [{
      lane: "http://example.org:80",
      running: 1,
      limit: 64,
    }]);
  });
  assert.deepEqual(file.failed.map(({ id, error }) => [id, error.code]), [
    [damaged, "damaged"],
    [specless, "damaged"],
  ]);
});

/** A file in a folder of its own. */
async function aFile() {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/q.db`;
  const clock = new FakeClock();
  const failed: FailedTask[] = [];
  return {
    path,
    clock,
    /** What the engines have reported as failed. */
    failed,
    /** Opens an engine on the file, uses it, and closes it. */
    async live<T>(work: (world: World) => Promise<T>): Promise<T> {
      const onFailed = (task: FailedTask) => failed.push(task);
      await using world = new World(await open(path, clock, { onFailed }), clock);
      return await work(world);
    },
    sql(text: string): void {
      const db = new DatabaseSync(path);
      db.exec(text);
      db.close();
    },
    rows(text: string): unknown[] {
      const db = new DatabaseSync(path);
      const rows = db.prepare(text).all().map((row) => ({ ...row }));
      db.close();
      return rows;
    },
    async scribble(from: number, to: number): Promise<void> {
      using file = await Deno.open(path, { write: true });
      await file.seek(from, Deno.SeekMode.Start);
      await file.write(new Uint8Array(to - from).fill(0x5a));
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await Deno.remove(folder, { recursive: true });
    },
  };
}

async function changedIds(world: World, after: number, limit = 10_000): Promise<string[]> {
  return (await world.engine.changesAfter(after, limit)).map(({ id }) => id);
}

function open(path: string, clock = new FakeClock(), options: Partial<SqliteOptions> = {}) {
  return openSqliteEngine({ path, clock, ballastBytes: 0, ...options });
}

Deno.test("sqlite: the file shrinks when most of its tasks were purged", async () => {
  await using file = await aFile();
  await file.live(async (world) => {
    const payload = JSON.stringify({ text: "x".repeat(700_000) });
    const ids = await world.insert(...Array.from({ length: 30 }, () => ({ payload })));
    await world.insert({});
    await world.engine.cancelAll({}, "request");
    const last = ids.at(-1);
    assert.ok(last);
    await world.engine.revive(last);
    await world.clock.advance(1_000);
    const size = () => Deno.statSync(file.path).size;
    while (!(await world.engine.purge(world.clock.now(), 500)).isOver);
    assert.ok(size() > 15e6, `${size()}`);
    world.engine.compact?.();
    assert.equal((await world.find(last)).payload, payload);
    assert.ok(size() < 2e6, `${size()}`);
    assert.deepEqual((await world.claim(5)).map(({ id }) => id), [last]);
  });
});

Deno.test("sqlite: submits and claims go on while a backup is made, and it holds what was stored before", async () => {
  await using file = await aFile();
  const copy = `${file.path}.copy`;
  const [before, after] = await file.live(async (world) => {
    const payload = JSON.stringify({ text: "x".repeat(700_000) });
    const before = await world.insert(...Array.from({ length: 60 }, () => ({ payload })));
    const ended: string[] = [];
    const backup = world.engine.backup!(copy).then(() => ended.push("backup"));
    const after = await world.insert({}, { payload });
    ended.push("insert");
    assert.equal((await world.claim(2)).length, 2);
    // Asked for while one is made: it waits for its turn, and is as good.
    await Promise.all([backup, world.engine.backup!(`${copy}2`)]);
    assert.deepEqual(ended, ["insert", "backup"]);
    return [before, after];
  });
  for (const [path, hasLater] of [[copy, false], [`${copy}2`, true]] as const) {
    assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
    await using engine = await open(path, file.clock);
    assert.equal(engine.file?.logIssue, undefined);
    for (const id of before) assert.ok(await engine.find(id), id);
    assert.equal(await engine.find(after[0]!) !== undefined, hasLater);
  }
});

Deno.test("sqlite: a backup that is interrupted by the end of the engine is rejected", async () => {
  await using file = await aFile();
  await file.live(async (world) => {
    await world.insert({ payload: JSON.stringify({ text: "x".repeat(9_000_000) }) });
    const backup = assert.rejects(world.engine.backup!(`${file.path}.copy`), /closed/);
    await world.engine[Symbol.asyncDispose]();
    await backup;
  }).catch((error) => {
    if (!/closed/.test(error.message)) throw error;
  });
});

Deno.test("sqlite: a long file is handed over whole, shown as a token each time, and erased", async () => {
  await using file = await aFile();
  const text = JSON.stringify({ note: "to ada", content: "QUJD".repeat(300_000) });
  const shown = async (world: World, id: string) => {
    const { payload = "" } = await world.find(id);
    assert.ok(payload.length < 200, `${payload.length}`);
    assert.match(payload, /"note":"to ada".*"held:/);
  };
  const id = await file.live(async (world) => {
    const id = await world.insertOne({ payload: new TextEncoder().encode(text), retry: [] });
    await shown(world, id);
    return id;
  });
  await file.live(async (world) => {
    await shown(world, id);
    await shown(world, id);
    const claimed = await world.claimOne();
    assert.ok(textOfJson(claimed.payload) === text);
    await world.settle(claimed, { event: "fail", reason: "rejected" });
    await shown(world, id);
    assert.equal(await world.engine.erase(id), "erased");
    assert.equal((await world.find(id)).payload, undefined);
  });
});
