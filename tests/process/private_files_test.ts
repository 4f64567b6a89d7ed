import assert from "node:assert/strict";
import { aFolder, START, startPostrider } from "../support/process.ts";

Deno.test("All files are readable by their owner only", async () => {
  await using folder = await aFolder();
  const data = `${folder.path}/data`;
  await using upstream = serve();
  await using service = startPostrider({
    data,
    command: START,
    env: { POSTRIDER_FETCH_ALLOW: "127.0.0.1", POSTRIDER_DOWNLOADS: `${data}/downloads` },
  });
  const api = await service.listening;
  const mail = { to: "ada@example.org", subject: "Hello", text: "there" };
  const fetch = { url: upstream.url, save: "file.txt" };
  for (const [path, body] of [["/notify", mail], ["/fetch", fetch]] as const) {
    const { body: task } = await api.call<{ id: string }>(path, body);
    assert.equal((await api.final(task.id)).state, "succeeded");
  }
  const modes = [...modesOf(data)];
  const open = modes.filter(({ isFolder, mode }) => mode !== (isFolder ? 0o700 : 0o600));
  assert.deepEqual(open, []);
  for (const ending of [".db", ".db-wal", ".eml", "file.txt"]) {
    assert.ok(modes.some(({ path }) => path.endsWith(ending)), ending);
  }
});

function serve() {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response("body"),
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

function* modesOf(path: string): Generator<{ path: string; isFolder: boolean; mode: number }> {
  const { isDirectory: isFolder, mode } = Deno.statSync(path);
  yield { path, isFolder, mode: (mode ?? 0) & 0o777 };
  if (!isFolder) return;
  for (const { name } of Deno.readDirSync(path)) yield* modesOf(`${path}/${name}`);
}
