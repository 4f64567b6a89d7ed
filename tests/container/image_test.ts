import assert from "node:assert/strict";

import { buildImage, type Image } from "../support/container.ts";
import { needsRoot } from "../support/needs.ts";

const KEY = "ci:a-secret-of-the-container-test";
const [KEY_NAME, SECRET] = KEY.split(":");

Deno.test({
  name: "The image",
  ...needsRoot("buildah", "debootstrap", "unshare"),
  async fn(t) {
    await using image = await buildImage();

    await t.step("runs without root rights, keeps data in /data, stops by SIGTERM", () => {
      assert.match(image.config.User, /^[1-9]\d*:[1-9]\d*$/);
      assert.deepEqual(Object.keys(image.config.Volumes), ["/data"]);
      assert.equal(image.config.WorkingDir, "/");
      assert.equal(image.config.StopSignal, "SIGTERM");
      assert.deepEqual(image.config.Cmd.slice(0, 2), ["deno", "run"]);
      assert.ok(!image.config.Cmd.includes("-A"));
    });

    await t.step("holds all it needs: it loads without a network", async () => {
      await using data = await aVolume();
      const command = [...image.config.Cmd, "--version"];
      await using container = image.start(command, { data: data.path, offline: true });
      await container.lines.ended;
      assert.equal(await container.exit, 0, container.lines.said.join("\n"));
      assert.deepEqual(container.lines.said.length, 1);
      assert.match(container.lines.said[0] ?? "", /^postrider \d+\.\d+\.\d+$/);
    });

    await t.step("refuses to start without keys, and names the setting", async () => {
      await using data = await aVolume();
      await using container = image.start(image.config.Cmd, { data: data.path });
      assert.equal(await container.exit, 78);
      await container.lines.find(/POSTRIDER_API_KEYS/);
    });

    await t.step("takes a mail, delivers it, is healthy, and drains by SIGTERM", async () => {
      await using data = await aVolume();
      await using service = await startService(image, data.path);
      assert.equal((await fetch(`${service.url}/readyz`).then(emptied)).status, 200);
      assert.equal((await notify(service.url, "wrong")).status, 401);

      const accepted = await notify(service.url, SECRET);
      assert.equal(accepted.status, 200, JSON.stringify(accepted.body));
      assert.equal(accepted.body.state, "succeeded");
      assert.equal(accepted.body.owner, KEY_NAME);
      assert.equal(await health(image, data.path, service.port), 0);

      await service.container.kill("SIGTERM");
      assert.equal(await service.container.exit, 0, service.container.lines.said.join("\n"));
      assert.equal(await health(image, data.path, service.port), 1);
      const [mail, ...more] = await mailsIn(`${data.path}/outbox`);
      assert.deepEqual(more, []);
      assert.match(mail ?? "", /^Subject: From a container\r?$/m);
      assert.match(mail ?? "", /^To: .*ada@example\.org/m);
    });
  },
});

async function startService(image: Image, data: string) {
  const port = freePort();
  await Deno.writeTextFile(`${data}/api_keys`, `${KEY}\n`);
  const env = { POSTRIDER_API_KEYS_FILE: "/data/api_keys", POSTRIDER_PORT: String(port) };
  const container = image.start(image.config.Cmd, { data, env });
  const url = `http://127.0.0.1:${port}`;
  await container.lines.find(new RegExp(String.raw`:${port}\b`));
  return {
    container,
    port,
    url,
    [Symbol.asyncDispose]: () => container[Symbol.asyncDispose](),
  };
}

async function notify(url: string, secret = "") {
  const response = await fetch(`${url}/notify`, {
    method: "POST",
    headers: {
      "authorization": `Bearer ${secret}`,
      "content-type": "application/json",
      "prefer": "wait=20",
    },
    body: JSON.stringify({ to: "ada@example.org", subject: "From a container", text: "It rides." }),
  });
  return { status: response.status, body: await response.json() };
}

async function health(image: Image, data: string, port: number): Promise<number> {
  const [kind, ...command] = image.config.Healthcheck.Test;
  assert.equal(kind, "CMD");
  await using check = image.start(command, { data, env: { POSTRIDER_PORT: String(port) } });
  return await check.exit;
}

async function aVolume() {
  const path = await Deno.makeTempDir({ prefix: "postrider_volume_" });
  await Deno.chown(path, 1993, 1993);
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

async function mailsIn(folder: string): Promise<string[]> {
  const mails: string[] = [];
  for await (const { name } of Deno.readDir(folder)) {
    if (name.endsWith(".eml")) mails.push(await Deno.readTextFile(`${folder}/${name}`));
  }
  return mails;
}

/** A free port; the health check needs to know it before the service starts. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

async function emptied(response: Response): Promise<Response> {
  await response.body?.cancel();
  return response;
}
