/**
 * Hooks end to end: the configuration in the manual, GitHub's recorded payloads, a real
 * Alertmanager, and the reload.
 *
 * @module
 */

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import examples from "@octokit/webhooks-examples" with { type: "json" };
import { parse } from "yaml";
import { linesOf } from "../support/lines.ts";
import { needs } from "../support/needs.ts";
import { aFolder, ROOT, startPostrider } from "../support/process.ts";
import { startUpstream } from "../support/upstream.ts";

const SECRET = "a-secret-of-some-length";
const EXAMPLES = examples as unknown as { name: string; examples: unknown[] }[];

function signed(event: string, payload: unknown, id: string) {
  const body = JSON.stringify(payload);
  const signature = createHmac("sha256", SECRET).update(body).digest("hex");
  return {
    body,
    headers: {
      "content-type": "application/json",
      "x-github-event": event,
      "x-github-delivery": id,
      "x-hub-signature-256": `sha256=${signature}`,
    },
  };
}

async function post(url: string, init: { body: string; headers: Record<string, string> }) {
  const response = await fetch(url, { method: "POST", ...init });
  return { status: response.status, body: await response.json() };
}

/** The mails of an outbox as texts, once there are `count`. */
async function mailsOf(data: string, count: number): Promise<string[]> {
  const folder = `${data}/outbox`;
  await Deno.mkdir(folder, { recursive: true });
  using watcher = Deno.watchFs(folder);
  const events = watcher[Symbol.asyncIterator]();
  for (;;) {
    const names = [...Deno.readDirSync(folder)].map(({ name }) => name)
      .filter((name) => name.endsWith(".eml"));
    if (names.length >= count) {
      return await Promise.all(names.sort().map((name) => Deno.readTextFile(`${folder}/${name}`)));
    }
    await events.next();
  }
}

Deno.test("the hook of the manual: a push starts a build, and its result is mailed", async () => {
  await using folder = await aFolder();
  await using upstream = startUpstream();
  const [, yaml = ""] = /^```yaml\n(hooks:\n.*?)^```$/ms.exec(
    await Deno.readTextFile(`${ROOT}src/manual/hooks.md`),
  ) ?? [];
  assert.ok(yaml.trimEnd().split("\n").length <= 20, "at most 20 lines");
  await Deno.writeTextFile(`${folder.path}/github`, SECRET);
  await Deno.writeTextFile(
    `${folder.path}/postrider.yaml`,
    yaml.replace("/run/secrets/github", `${folder.path}/github`)
      .replace("https://ci.example.org", upstream.url),
  );
  const data = `${folder.path}/data`;
  await using postrider = startPostrider({
    data,
    env: { ...upstream.env, POSTRIDER_CONFIG: `${folder.path}/postrider.yaml` },
  });
  const api = await postrider.listening;
  const pushes = EXAMPLES.find(({ name }) => name === "push")?.examples as Record<
    string,
    unknown
  >[];
  const push = {
    ...pushes[0],
    ref: "refs/heads/main",
    after: "abc123",
    head_commit: { message: "Mend {{task.result.body}}" },
    pusher: { name: "ada", email: "ada@example.org" },
  };
  const delivered = await post(`${api.url}/hooks/builds`, signed("push", push, "d-1"));
  assert.deepEqual({ status: delivered.status, verdict: delivered.body.verdict }, {
    status: 202,
    verdict: "accepted",
  });
  const [mail = ""] = await mailsOf(data, 1);
  assert.match(mail, /^To: ada@example\.org/m);
  assert.match(mail, /^Subject: .* is built/m);
  assert.ok(mail.includes("Mend {{task.result.body}}: ridden"), mail);
  assert.equal(upstream.asked.get("/build"), 1);
  const other = { ...push, ref: "refs/heads/other" };
  const filtered = await post(`${api.url}/hooks/builds`, signed("push", other, "d-2"));
  assert.equal(filtered.body.verdict, "filtered");
});

Deno.test("every recorded payload of GitHub is accepted, and none is processed twice", async () => {
  await using folder = await aFolder();
  await Deno.writeTextFile(
    `${folder.path}/postrider.yaml`,
    `
hooks:
  all:
    preset: github
    secret: ${SECRET}
    rate: 10000/1m
    notify:
      to: ada@example.org
      subject: "{{ event }} {{ payload.action | default: 'without action' }}"
      text: "{{ payload | json | truncate: 2000 }}"
      html: "<p>{{ payload.repository.full_name | default: 'an organization' }}"
`,
  );
  const data = `${folder.path}/data`;
  await using postrider = startPostrider({
    data,
    env: { POSTRIDER_CONFIG: `${folder.path}/postrider.yaml` },
  });
  const { url } = await postrider.listening;
  let count = 0;
  for (const { name, examples } of EXAMPLES) {
    for (const payload of examples) {
      const delivery = signed(name, payload, `d-${count++}`);
      const { status, body } = await post(`${url}/hooks/all`, delivery);
      assert.deepEqual(
        [status, body.verdict],
        [202, "accepted"],
        `${name}: ${JSON.stringify(body)}`,
      );
      const again = await post(`${url}/hooks/all`, delivery);
      assert.equal(again.body.duplicate, true);
    }
  }
  assert.ok(count > 300, `only ${count} payloads`);
  assert.equal((await mailsOf(data, count)).length, count);
});

/** A block of YAML of the manual, with the service's address and secrets in files of a folder. */
function manualYaml(heading: string, index: number, { url = "", folder = "" }): string {
  const manual = Deno.readTextFileSync(`${ROOT}src/manual/hooks.md`);
  const [, section = ""] = manual.split(`## ${heading}\n`);
  const block = [...section.matchAll(/^```yaml[^\n]*\n(.*?)^```$/gms)][index]?.[1];
  assert.ok(block, `${heading} has no block ${index}`);
  return block.replaceAll("http://127.0.0.1:8000", url).replaceAll("/run/secrets", folder);
}

Deno.test(
  "an alert of a real Alertmanager becomes a mail, with the settings of the manual",
  needs("prometheus-alertmanager"),
  async () => {
    await using folder = await aFolder();
    const { path } = folder;
    await Deno.writeTextFile(`${path}/alertmanager`, SECRET);
    await Deno.writeTextFile(
      `${path}/postrider.yaml`,
      manualYaml("Alertmanager", 0, { folder: path }),
    );
    const data = `${path}/data`;
    await using postrider = startPostrider({
      data,
      env: { POSTRIDER_CONFIG: `${path}/postrider.yaml` },
    });
    const { url } = await postrider.listening;
    const settings = manualYaml("Alertmanager", 1, { url, folder: path });
    await Deno.writeTextFile(
      `${path}/alertmanager.yml`,
      settings.replace("group_by:", "group_wait: 100ms, group_by:"),
    );
    await using alertmanager = await startAlertmanager(path);
    const alert = {
      labels: { alertname: "DiskFull", instance: "db1" },
      annotations: { summary: "The disk is 97 % full" },
    };
    const fired = await fetch(`${alertmanager.url}/api/v2/alerts`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify([alert]),
    });
    assert.equal(fired.status, 200, await fired.text());
    const delivered = async () => {
      const { data } = await (await fetch(`${url}/hooks/alerts/deliveries`)).json();
      return data[0] as { verdict: string; error?: unknown } | undefined;
    };
    let delivery: Awaited<ReturnType<typeof delivered>>;
    while (!(delivery = await delivered()));
    assert.equal(delivery.verdict, "accepted", JSON.stringify(delivery.error));
    const [mail = ""] = await mailsOf(data, 1);
    assert.match(mail, /^Subject: FIRING: DiskFull/m);
    assert.ok(mail.includes("db1: The disk is 97 % full"), mail);
  },
);

Deno.test("a notification of Grafana becomes a mail, with the settings of the manual", async () => {
  await using folder = await aFolder();
  const { path } = folder;
  await Deno.writeTextFile(`${path}/grafana`, SECRET);
  await Deno.writeTextFile(`${path}/postrider.yaml`, manualYaml("Grafana", 0, { folder: path }));
  const data = `${path}/data`;
  await using postrider = startPostrider({
    data,
    env: { POSTRIDER_CONFIG: `${path}/postrider.yaml` },
  });
  const { url } = await postrider.listening;
  const { contactPoints: [point] } = parse(manualYaml("Grafana", 1, { url }));
  const [{ type, settings }] = point.receivers;
  assert.deepEqual({ type, method: settings.httpMethod }, { type: "webhook", method: "POST" });
  const { authorization_scheme: scheme, authorization_credentials: credentials } = settings;
  const send = (authorization: string) =>
    post(settings.url, {
      body: JSON.stringify({
        receiver: "postrider",
        status: "firing",
        groupKey: '{}:{alertname="DiskFull"}',
        title: "[FIRING:1] DiskFull\n(db1)",
        state: "alerting",
        message: "The disk is 97 % full",
        alerts: [],
      }),
      headers: { "content-type": "application/json", authorization },
    });
  const wrong = await send("Bearer another-secret");
  assert.deepEqual([wrong.status, wrong.body.title], [401, "Signature or token rejected"]);
  assert.equal((await send(`${scheme} ${credentials}`)).body.verdict, "accepted");
  const [mail = ""] = await mailsOf(data, 1);
  assert.match(mail, /^Subject: \[FIRING:1\] DiskFull \(db1\)/m);
  assert.ok(mail.includes("The disk is 97 % full"), mail);
});

async function startAlertmanager(folder: string) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const address = `127.0.0.1:${listener.addr.port}`;
  listener.close();
  const process = new Deno.Command("prometheus-alertmanager", {
    args: [
      `--config.file=${folder}/alertmanager.yml`,
      `--storage.path=${folder}/alertmanager-data`,
      `--web.listen-address=${address}`,
      "--cluster.listen-address=",
    ],
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const lines = linesOf(process.stdout, process.stderr);
  await lines.find(/Listening on/);
  return {
    url: `http://${address}`,
    async [Symbol.asyncDispose]() {
      process.kill("SIGKILL");
      await process.status;
      await lines.ended;
    },
  };
}

Deno.test("SIGHUP and POST /admin/reload apply the whole file or nothing", async () => {
  await using folder = await aFolder();
  const path = `${folder.path}/postrider.yaml`;
  const hook = (name: string) => `
hooks:
  ${name}: {preset: gitlab, secret: ${SECRET}, notify: {to: ada@example.org, subject: x}}
schedules:
  ${name}: {every: 1h, fetch: {url: "https://example.org/"}}
`;
  await Deno.writeTextFile(path, hook("one"));
  await using postrider = startPostrider({
    data: `${folder.path}/data`,
    env: { POSTRIDER_CONFIG: path, POSTRIDER_API_KEYS: "ops:s:read+admin,web:t" },
  });
  const { url } = await postrider.listening;
  const names = async (list: string) => {
    const response = await fetch(`${url}/${list}`, { headers: { authorization: "Bearer s" } });
    const { data } = await response.json();
    return data.map(({ name }: { name: string }) => name);
  };
  const reload = async (key: string) => {
    const headers = { authorization: `Bearer ${key}` };
    const response = await fetch(`${url}/admin/reload`, { method: "POST", headers });
    return { status: response.status, body: await response.json() };
  };
  assert.deepEqual([await names("hooks"), await names("schedules")], [["one"], ["one"]]);
  await Deno.writeTextFile(path, `${hook("two")}\nhook: 1\n`);
  const refused = await reload("s");
  assert.equal(refused.status, 422);
  assert.match(refused.body.errors[0].detail, /^Line 7, column 7: Unknown section/);
  assert.deepEqual([await names("hooks"), await names("schedules")], [["one"], ["one"]]);
  await Deno.writeTextFile(path, hook("two").replace("ada@example.org", '"tgram://123456:abc/42"'));
  const unusable = await reload("s");
  assert.equal(unusable.status, 422);
  assert.match(unusable.body.errors[0].detail, /^Line 3, column \d+: Expected/);
  assert.deepEqual([await names("hooks"), await names("schedules")], [["one"], ["one"]]);
  assert.equal((await reload("t")).status, 403);
  await Deno.writeTextFile(path, hook("two"));
  assert.equal((await reload("s")).status, 200);
  assert.deepEqual([await names("hooks"), await names("schedules")], [["two"], ["two"]]);
  await Deno.writeTextFile(path, hook("three"));
  postrider.kill("SIGHUP");
  while ((await names("schedules"))[0] !== "three");
  assert.deepEqual(await names("hooks"), ["three"]);
});
