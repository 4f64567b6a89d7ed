import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

import { isAlive } from "../../src/cli/health.ts";

const PROGRAM = fileURLToPath(new URL("../../src/cli/health.ts", import.meta.url));

Deno.test.each([
  { status: 200, alive: true },
  { status: 503, alive: false },
  { status: 401, alive: false },
])("a service that answers $status is alive: $alive", async ({ status, alive }) => {
  await using server = serve(status);
  assert.equal(await isAlive(server.port), alive);
  assert.deepEqual(server.asked, ["/livez"]);
});

Deno.test("a port without a listener is not alive", async () => {
  const server = serve(200);
  await server[Symbol.asyncDispose]();
  assert.equal(await isAlive(server.port), false);
});

Deno.test("an invalid port is not alive", async () => {
  assert.equal(await isAlive("x"), false);
});

Deno.test.each([{ status: 200, code: 0 }, { status: 503, code: 1 }])(
  "the health check exits with $code at status $status under the image's permissions",
  async ({ status, code }) => {
    await using server = serve(status);
    const program = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-prompt",
        "--allow-net=127.0.0.1",
        "--allow-env=POSTRIDER_PORT",
        "--ignore-env",
        PROGRAM,
      ],
      env: { POSTRIDER_PORT: server.port },
    });
    const ended = await program.output();
    assert.equal(ended.code, code, new TextDecoder().decode(ended.stderr));
  },
);

function serve(status: number) {
  const asked: string[] = [];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => {
      asked.push(new URL(request.url).pathname);
      return new Response("x", { status });
    },
  );
  return {
    asked,
    port: String(server.addr.port),
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
