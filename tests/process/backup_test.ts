import assert from "node:assert/strict";
import { needsRoot } from "../support/needs.ts";
import { aFolder, ROOT, START, startPostrider } from "../support/process.ts";

const LATER = { url: "https://example.org/", delay: "10d" };

/** Runs `deno task backup FILE`. */
function backUp(url: string, file: string): Promise<Deno.CommandOutput> {
  const args = ["run", "-A", "src/cli/backup.ts", file];
  return new Deno.Command(Deno.execPath(), { args, cwd: ROOT, env: { POSTRIDER_URL: url } })
    .output();
}

Deno.test("a backup taken under load holds every task acknowledged before, and starts cleanly", async () => {
  await using data = await aFolder();
  const acknowledged: string[] = [];
  let counted = 0;
  const copy = `${data.path}/backup.db`;
  {
    await using service = startPostrider({ data: data.path });
    const api = await service.listening;
    let isOver = false;
    const load = async () => {
      while (!isOver) {
        const { status, body } = await api.call<{ id: string }>("/fetch", LATER);
        if (status === 202) acknowledged.push(body.id);
      }
    };
    const loads = [load(), load(), load(), load()];
    while (acknowledged.length < 200) await api.call("/livez");
    counted = acknowledged.length;
    const backup = await backUp(api.url, copy);
    assert.equal(backup.code, 0, new TextDecoder().decode(backup.stderr));
    isOver = true;
    await Promise.all(loads);
    assert.ok(acknowledged.length > counted);
    const again = await backUp(api.url, copy);
    assert.equal(again.code, 1);
    assert.match(new TextDecoder().decode(again.stderr), /it exists/);
    const { body: status } = await api.call<{ schema: number; disk: { freeBytes: number } }>(
      "/status",
    );
    assert.ok(status.schema > 0 && status.disk.freeBytes > 0);
  }
  assert.equal((await Deno.stat(copy)).mode! & 0o777, 0o600);
  const left: string[] = [];
  for await (const { name } of Deno.readDir(data.path)) left.push(name);
  assert.deepEqual(left.filter((name) => name.includes("backup")), ["backup.db"]);
  await using restored = startPostrider({
    data: data.path,
    env: { POSTRIDER_QUEUE: `sqlite:${copy}` },
  });
  const api = await restored.listening;
  for (const id of acknowledged.slice(0, counted)) {
    assert.equal((await api.call(`/tasks/${id}`)).status, 200, id);
  }
  assert.ok(!restored.lines.said.some((line) => line.includes("log of the queue file")));
});

Deno.test("a queue file that is moved away is noticed, and used again when it is back", async () => {
  await using data = await aFolder();
  const path = `${data.path}/postrider.db`;
  await using service = startPostrider({ data: data.path });
  const api = await service.listening;
  assert.equal((await api.call("/fetch", LATER)).status, 202);
  await Deno.rename(path, `${path}.moved`);
  await service.lines.find(/"level":"error".*queue file was removed/);
  const { status, body } = await api.call<{ code: string }>("/fetch", LATER);
  assert.deepEqual([status, body.code], [503, "engine_down"]);
  assert.equal((await api.call("/readyz")).status, 503);
  assert.equal((await api.call("/livez")).status, 200);
  const copy = `${data.path}/saved.db`;
  assert.equal((await backUp(api.url, copy)).code, 0);
  await Deno.rename(`${path}.moved`, path);
  await service.lines.find(/queue file is back/);
  assert.equal((await api.call("/fetch", LATER)).status, 202);
  assert.equal((await api.call("/readyz")).status, 200);
  await using saved = startPostrider({
    data: data.path,
    env: { POSTRIDER_QUEUE: `sqlite:${copy}` },
  });
  assert.equal((await (await saved.listening).counts()).queued, 1);
});

Deno.test("a start removes the backups of a killed process, and no other file", async () => {
  await using data = await aFolder();
  const own = `postrider.db.backup-${crypto.randomUUID()}`;
  const others = ["postrider.db.backup-2026-11-30", "postrider.db.backup", `x${own}`];
  for (const name of [own, ...others]) await Deno.writeTextFile(`${data.path}/${name}`, "");
  await using service = startPostrider({ data: data.path });
  await service.listening;
  const left = Array.from(Deno.readDirSync(data.path), ({ name }) => name);
  assert.deepEqual(left.filter((name) => name.includes(".backup")).sort(), others.sort());
});

Deno.test(
  "a backup that does not fit on the disk is refused, and submits go on",
  needsRoot("unshare"),
  async () => {
    await using data = await aFolder();
    const mount = `mount -t tmpfs -o size=40m none "$0" && exec "$@"`;
    const command = ["unshare", "--mount", "sh", "-c", mount, data.path, ...START];
    await using service = startPostrider({ data: data.path, command });
    const api = await service.listening;
    const { status, body } = await api.call<{ code: string; detail: string }>("/admin/backup", {});
    assert.deepEqual([status, body.code], [507, "storage_full"]);
    assert.match(body.detail, /the copy needs \d+ bytes on the disk of the queue, \d+ are free/);
    assert.equal((await api.call("/fetch", LATER)).status, 202);
  },
);

/** Ends a service without notice, with tasks in its log. */
async function killed(data: string): Promise<void> {
  await using service = startPostrider({ data });
  const api = await service.listening;
  for (let i = 0; i < 20; i++) assert.equal((await api.call("/fetch", LATER)).status, 202);
  service.kill("SIGKILL");
  await service.exit;
}

Deno.test.each([
  { name: "missing", damage: (log: string) => Deno.remove(log), warns: /it is missing/ },
  {
    name: "overwritten at its start",
    damage: async (log: string) => {
      using file = await Deno.open(log, { write: true });
      await file.write(new Uint8Array(32));
    },
    warns: /its header is damaged, so none of its \d+ bytes/,
  },
  {
    name: "cut within a frame",
    damage: (log: string) => Deno.truncate(log, 10_000),
    warns: /it was cut off: its last \d+ bytes/,
  },
])("a start whose log is $name warns, and goes on", async ({ damage, warns }) => {
  await using data = await aFolder();
  await killed(data.path);
  await damage(`${data.path}/postrider.db-wal`);
  await using service = startPostrider({ data: data.path });
  await service.listening;
  await service.lines.find(warns);
});

Deno.test("a start after a kill, with its log, warns of nothing", async () => {
  await using data = await aFolder();
  await killed(data.path);
  await using service = startPostrider({ data: data.path });
  const api = await service.listening;
  assert.equal((await api.counts()).queued, 20);
  assert.ok(!service.lines.said.some((line) => line.includes("log of the queue file")));
});

Deno.test("--check beside the running service needs no lock of the queue", async () => {
  await using data = await aFolder();
  await using service = startPostrider({ data: data.path });
  await service.listening;
  await using check = startPostrider({ data: data.path, command: [...START, "--check"] });
  assert.equal(await check.exit, 0, check.lines.said.join("\n"));
});
