import assert from "node:assert/strict";
import { sweepDownloads } from "../../src/worker/downloads.ts";
import { openMemoryEngine } from "../../src/queue/memory/engine.ts";
import { aFolder } from "../support/process.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { World } from "../queue/world.ts";

Deno.test("Saved files are deleted once their task is gone, and no other folder is", async () => {
  await using folder = await aFolder();
  const clock = new FakeClock();
  await using world = new World(openMemoryEngine({ clock }), clock);
  const kept = await world.insertOne({});
  const gone = world.ids("tsk");
  for (const name of [kept, gone, "mine"]) {
    await Deno.mkdir(`${folder.path}/${name}`);
    await Deno.writeTextFile(`${folder.path}/${name}/file`, "");
  }
  const sweep = { engine: world.engine, clock, folder: folder.path, retentionMs: 60_000 };
  const { signal } = new AbortController();
  const names = () => [...Deno.readDirSync(folder.path)].map(({ name }) => name).sort();
  await sweepDownloads(sweep, signal);
  assert.deepEqual(names(), [kept, gone, "mine"].sort());
  await clock.advance(60_001);
  await sweepDownloads(sweep, signal);
  assert.deepEqual(names(), [kept, "mine"].sort());
  await sweepDownloads({ ...sweep, folder: `${folder.path}/nowhere` }, signal);
});
