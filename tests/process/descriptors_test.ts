import assert from "node:assert/strict";

import { aFolder, START, startPostrider } from "../support/process.ts";

/** Starts it where so many files may be open. */
const limited = (most: number) => ["sh", "-c", `ulimit -n ${most}; exec "$@"`, "sh", ...START];

Deno.test("with too few file descriptors the start fails and names the limit", async () => {
  await using data = await aFolder();
  await using service = startPostrider({ data: data.path, command: limited(128) });
  assert.equal(await service.exit, 78, service.lines.said.join("\n"));
  await service.lines.find(/ulimit -n/);
});

Deno.test("with more connections than descriptors the service survives and listens again", async () => {
  await using data = await aFolder();
  const env = { POSTRIDER_CONCURRENCY: "16" };
  await using service = startPostrider({ data: data.path, env, command: limited(200) });
  const api = await service.listening;
  const port = Number(new URL(api.url).port);
  const idle: Deno.Conn[] = [];
  while (idle.length < 400) {
    try {
      idle.push(await Deno.connect({ hostname: "127.0.0.1", port }));
    } catch {
      break;
    }
  }
  await service.lines.find(/Out of file descriptors/);
  const [first] = idle;
  await first?.write(new TextEncoder().encode("GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"));
  const answer = new Uint8Array(15);
  await first?.read(answer);
  assert.equal(new TextDecoder().decode(answer), "HTTP/1.1 200 OK");
  for (const connection of idle) connection.close();
  await service.lines.find(/accepted again/);
  const { body } = await api.call<{ id: string }>("/notify", { to: "ada@example.org", text: "Hi" });
  assert.equal((await api.final(body.id)).state, "succeeded");
  service.kill("SIGTERM");
  assert.equal(await service.exit, 0);
});
