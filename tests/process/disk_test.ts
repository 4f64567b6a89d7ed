import assert from "node:assert/strict";

import { needsRoot } from "../support/needs.ts";
import { aFolder, type Api, START, startPostrider } from "../support/process.ts";
import { startUpstream } from "../support/upstream.ts";

const LATER = {
  url: "https://example.org/",
  delay: "1h",
  method: "POST",
  body: "x".repeat(50_000),
};

Deno.test(
  "on a full disk submits get 507, running attempts finish, and the service recovers by itself",
  needsRoot("unshare"),
  async () => {
    await using data = await aFolder();
    await using upstream = startUpstream();
    // A small disk that only this process sees, and that goes with it.
    const mount = `mount -t tmpfs -o size=40m none "$0" && exec "$@"`;
    const command = ["unshare", "--mount", "sh", "-c", mount, data.path, ...START];
    await using service = startPostrider({ data: data.path, env: upstream.env, command });
    const api = await service.listening;
    const running = await submit(api, { url: `${upstream.url}/hold` });
    await upstream.held(1);

    const inside = `/proc/${service.pid}/root${data.path}/filler`;
    await fill(inside);
    let accepted = 1;
    let answer = await submit(api, LATER);
    while (answer.status === 202) {
      accepted++;
      answer = await submit(api, LATER);
    }
    assert.deepEqual({ status: answer.status, code: answer.code }, {
      status: 507,
      code: "storage_full",
    });
    assert.ok(Number(answer.retryAfter) > 0);
    assert.equal(await kept(api), accepted);
    assert.equal((await api.call("/readyz")).status, 503);

    upstream.release();
    assert.equal((await api.final(running.id)).state, "succeeded");

    await Deno.remove(inside);
    do answer = await submit(api, LATER); while (answer.status === 507);
    assert.equal(answer.status, 202);
    assert.equal(await kept(api), accepted + 1);
    assert.equal((await api.call("/readyz")).status, 200);
  },
);

Deno.test.each([
  { damage: "cut in half", damaged: (file: Uint8Array) => file.subarray(0, file.length / 2) },
  { damage: "overwritten in part", damaged: (file: Uint8Array) => file.fill(0x5a, 8_192, 40_960) },
  { damage: "without its head", damaged: (file: Uint8Array) => file.fill(0, 0, 100) },
])("a file that is $damage is refused with 74", async ({ damaged }) => {
  await using data = await aFolder();
  const path = `${data.path}/postrider.db`;
  {
    await using service = startPostrider({ data: data.path });
    const api = await service.listening;
    for (let n = 0; n < 20; n++) assert.equal((await submit(api, LATER)).status, 202);
    service.kill("SIGTERM");
    assert.equal(await service.exit, 0);
  }
  await Deno.writeFile(path, damaged(await Deno.readFile(path)));
  await using service = startPostrider({ data: data.path });
  assert.equal(await service.exit, 74, service.lines.said.join("\n"));
  await service.lines.find(/Cannot open queue/);
});

Deno.test(
  "a file of another user is refused with 75, and named",
  needsRoot("unshare"),
  async () => {
    await using data = await aFolder();
    const path = `${data.path}/postrider.db`;
    await Deno.writeFile(path, new Uint8Array(), { mode: 0o600 });
    await Deno.chown(path, 65_534, 65_534);
    // Without its capabilities root is limited like any other user.
    const command = ["setpriv", "--bounding-set=-all", ...START];
    await using service = startPostrider({ data: data.path, command });
    assert.equal(await service.exit, 75, service.lines.said.join("\n"));
    await service.lines.find(/Cannot open queue ".*postrider\.db"/);
  },
);

async function submit(api: Api, body: unknown) {
  const response = await fetch(`${api.url}/fetch`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const { id = "", code } = await response.json();
  return { status: response.status, id, code, retryAfter: response.headers.get("retry-after") };
}

async function kept(api: Api): Promise<number> {
  return Object.values(await api.counts()).reduce((sum, count) => sum + count, 0);
}

/** Takes all the room there is. */
async function fill(path: string): Promise<void> {
  using file = await Deno.open(path, { create: true, write: true });
  for (let size = 2 ** 20; size >= 512;) {
    try {
      const piece = new Uint8Array(size);
      if (await file.write(piece) < size) size /= 2;
    } catch {
      size /= 2;
    }
  }
}
