import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { removeErasedFiles, removeTaskFiles } from "../../src/service/task_files.ts";
import { openQueue } from "../../src/queue/open.ts";
import type { Log } from "../../src/lib/log.ts";
import { World } from "../queue/world.ts";

const log = { warn: () => assert.fail("unexpected warning") } as unknown as Log;

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

async function aFolder() {
  const path = await Deno.makeTempDir();
  const folders = { downloads: `${path}/downloads`, outbox: `${path}/outbox` };
  return {
    folders,
    async fill(id: string): Promise<() => Promise<boolean>> {
      await Deno.mkdir(`${folders.downloads}/${id}`, { recursive: true });
      await Deno.mkdir(folders.outbox, { recursive: true });
      await Deno.writeTextFile(`${folders.downloads}/${id}/page.html`, "x");
      await Deno.writeTextFile(`${folders.outbox}/${id}.eml`, "x");
      return async () =>
        await exists(`${folders.downloads}/${id}`) || await exists(`${folders.outbox}/${id}.eml`);
    },
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}

Deno.test("the files of a task are removed, and of no other", async () => {
  await using folder = await aFolder();
  await using world = await World.open((options) => openQueue("memory:", options));
  const [one, other] = [world.ids("tsk"), world.ids("tsk")];
  const [hasOne, hasOther] = [await folder.fill(one), await folder.fill(other)];
  await removeTaskFiles(folder.folders, one);
  assert.deepEqual([await hasOne(), await hasOther()], [false, true]);
  await removeTaskFiles(folder.folders, one);
  await removeTaskFiles(folder.folders, "../outbox");
  assert.equal(await hasOther(), true);
});

Deno.test("the end of a task that is not retained removes its files", async () => {
  await using folder = await aFolder();
  await using world = await World.open((options) => openQueue("memory:", options));
  using stack = new DisposableStack();
  stack.defer(removeErasedFiles(world.engine, folder.folders, log));
  const [erased, kept] = await world.insert({ retain: "none" }, {});
  const [hasErased, hasKept] = [await folder.fill(erased!), await folder.fill(kept!)];
  for (const task of await world.claim()) await world.settle(task);
  while (await hasErased()) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(await hasKept(), true);
});
