import assert from "node:assert/strict";
import { aFolder, startPostrider } from "../support/process.ts";
import { startUpstream } from "../support/upstream.ts";

Deno.test("the history of the overview outlives a stop, and is there at once after the start", async () => {
  await using folder = await aFolder();
  await using upstream = startUpstream();
  const start = () => startPostrider({ data: folder.path, env: upstream.env });
  {
    await using postrider = start();
    const api = await postrider.listening;
    for (const path of ["/a", "/missing"]) {
      const { body } = await api.call<{ id: string }>("/fetch", { url: `${upstream.url}${path}` });
      await api.final(body.id);
    }
    postrider.kill("SIGTERM");
    assert.equal(await postrider.exit, 0);
  }
  await using postrider = start();
  const api = await postrider.listening;
  for (const since of ["1h", "24h", "7d"]) {
    const { body } = await api.call<string>(`/?since=${since}`);
    assert.match(body, /: 1 succeeded, 1 failed"/);
    assert.match(body, />http_404<\/a> <span class="unit">rejected/);
  }
});
