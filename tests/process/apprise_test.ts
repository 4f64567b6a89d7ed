/**
 * Debian's `apprise`, unchanged, on both sides: as the client that sends
 * through Postrider, and as the judge of what Postrider sends in its place.
 *
 * @module
 */

import assert from "node:assert/strict";

import { serveHttp } from "../channels/support/http_servers.ts";
import { needs } from "../support/needs.ts";
import { aFolder, startPostrider } from "../support/process.ts";

interface Hook {
  readonly bodies: unknown[];
  readonly url: string;
}

Deno.test("Debian's apprise delivers through Postrider as it would by itself", {
  ...needs("apprise"),
}, async () => {
  const bodies: unknown[] = [];
  await using server = serveHttp(async (request) => {
    bodies.push(await request.json());
    return new Response("ok");
  });
  const hook: Hook = { bodies, url: `json://127.0.0.1:${server.port}/hook` };
  await using data = await aFolder();
  const config = `${data.path}/postrider.yaml`;
  await Deno.writeTextFile(
    config,
    `aliases:\n  oncall:\n    - ${hook.url}\n    - Ada <ada@example.org>\n`,
  );
  await using service = startPostrider({
    data: data.path,
    env: { POSTRIDER_CONFIG: config, POSTRIDER_FETCH_ALLOW: `127.0.0.1:${server.port}` },
  });
  const api = await service.listening;
  const place = `apprise://${new URL(api.url).host}/apprise/oncall`;
  const said = ["-t", "Disk full", "-b", "db-1 has 1 % left", "-n", "failure"];

  assert.equal(await apprise([...said, place]), 0);
  const { body: list } = await api.call<{ data: { id: string }[] }>("/tasks");
  assert.equal(list.data.length, 2);
  for (const { id } of list.data) assert.equal((await api.final(id)).delivery, "delivered");
  assert.equal(await apprise([...said, hook.url]), 0);
  assert.equal(bodies.length, 2);
  assert.deepEqual(bodies[0], bodies[1], "what we sent is what apprise itself sends");

  const nobody = `apprise://${new URL(api.url).host}/apprise/nobody`;
  assert.notEqual(await apprise([...said, nobody]), 0, "a refusal is a failure there too");
});

async function apprise(args: string[]): Promise<number> {
  const command = new Deno.Command("apprise", { args, stdout: "null", stderr: "null" });
  return (await command.output()).code;
}
