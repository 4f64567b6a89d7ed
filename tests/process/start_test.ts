import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";

import { aFolder, START, startPostrider } from "../support/process.ts";

Deno.test("invalid settings end the process with 78, and each is named", async () => {
  await using data = await aFolder();
  const env = {
    POSTRIDER_PORT: "many",
    POSTRIDER_QUEUE: "mysql://x",
    POSTRIDER_DRAIN: "soon",
    POSTRIDER_MAIL: "smtp://ada:hunter2@",
    POSTRIDER_HOST: "0.0.0.0",
  };
  await using service = startPostrider({ data: data.path, env });
  assert.equal(await service.exit, 78);
  const said = service.lines.said.join("\n");
  for (const name of ["POSTRIDER_PORT", "POSTRIDER_QUEUE", "POSTRIDER_DRAIN", "POSTRIDER_MAIL"]) {
    assert.match(said, new RegExp(`${name}\\b`));
  }
  assert.doesNotMatch(said, /hunter2/);
});

Deno.test("a host other than loopback needs API keys", async () => {
  await using data = await aFolder();
  await using service = startPostrider({ data: data.path, env: { POSTRIDER_HOST: "0.0.0.0" } });
  assert.equal(await service.exit, 78);
  await service.lines.find(/POSTRIDER_API_KEYS/);
});

Deno.test("a second process on the same file ends with 75, and the first continues", async () => {
  await using data = await aFolder();
  await using first = startPostrider({ data: data.path });
  const api = await first.listening;
  await using second = startPostrider({ data: data.path });
  assert.equal(await second.exit, 75, second.lines.said.join("\n"));
  assert.equal((await api.call("/readyz")).status, 200);
});

Deno.test("a file that is not a queue ends the process with 74 and is not changed", async () => {
  await using data = await aFolder();
  const path = `${data.path}/postrider.db`;
  const text = "Dear diary, ".repeat(1_000);
  await Deno.writeTextFile(path, text);
  await using service = startPostrider({ data: data.path });
  assert.equal(await service.exit, 74, service.lines.said.join("\n"));
  assert.equal(await Deno.readTextFile(path), text);
});

Deno.test("a missing permission ends the process with the name of the flag", async () => {
  await using data = await aFolder();
  await using elsewhere = await aFolder();
  const command = START.map((arg) => arg === "--allow-write" ? `${arg}=${elsewhere.path}` : arg);
  assert.notDeepEqual(command, START);
  await using service = startPostrider({ data: data.path, command });
  assert.equal(await service.exit, 78, service.lines.said.join("\n"));
  await service.lines.find(/--allow-write/);
});

Deno.test.each([
  { flag: "--help", code: 0, says: /POSTRIDER_QUEUE/ },
  { flag: "--version", code: 0, says: /^postrider \d+\.\d+\.\d+$/ },
  { flag: "--check", code: 0, says: /^All settings are valid\.$/ },
  { flag: "--chekc", code: 2, says: /--check/ },
])("$flag ends it with $code", async ({ flag, code, says }) => {
  await using data = await aFolder();
  await using service = startPostrider({ data: data.path, command: [...START, flag] });
  assert.equal(await service.exit, code, service.lines.said.join("\n"));
  await service.lines.find(says);
});

Deno.test("--check reports all issues at once, of settings, files, folders and relays", async () => {
  await using data = await aFolder();
  const { path } = data;
  await Deno.mkdir(`${path}/templates`);
  await Deno.writeTextFile(`${path}/templates/hello.html.liquid`, "{% if %}");
  await Deno.writeTextFile(`${path}/ca.pem`, "no certificate");
  await Deno.writeTextFile(`${path}/queue.db`, "no database");
  await Deno.writeTextFile(`${path}/file`, "");
  await Deno.writeTextFile(
    `${path}/postrider.yaml`,
    "hosts: {x: {rate: often}}\nschedules: {s: {every: soon, fetch: {url: x}}}\n",
  );
  const env = {
    POSTRIDER_PORT: "many",
    POSTRIDER_HOST: "0.0.0.0",
    POSTRIDER_QUEUE: `sqlite:${path}/queue.db`,
    POSTRIDER_TEMPLATES: `${path}/templates`,
    POSTRIDER_CONFIG: `${path}/postrider.yaml`,
    POSTRIDER_CA_FILE: `${path}/ca.pem`,
    POSTRIDER_DOWNLOADS: `${path}/file/downloads`,
  };
  await using check = startPostrider({ data: path, env, command: [...START, "--check"] });
  assert.equal(await check.exit, 78);
  const said = check.lines.said.join("\n");
  const expected = [
    /POSTRIDER_PORT: /,
    /POSTRIDER_API_KEYS: expected at least one/,
    /POSTRIDER_QUEUE: .*expected a SQLite file/,
    /POSTRIDER_TEMPLATES: /,
    /postrider\.yaml:1:\d+: \/hosts/,
    /postrider\.yaml:2:\d+: \/schedules/,
    /POSTRIDER_CA_FILE: /,
    /POSTRIDER_DOWNLOADS: /,
  ];
  for (const pattern of expected) assert.match(said, pattern);
});

Deno.test("--check logs in to the relay although another setting is wrong", async () => {
  await using data = await aFolder();
  using closed = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = closed.addr;
  closed.close();
  const env = { POSTRIDER_DRAIN: "soon", POSTRIDER_MAIL: `smtp://127.0.0.1:${port}` };
  await using check = startPostrider({ data: data.path, env, command: [...START, "--check"] });
  assert.equal(await check.exit, 78);
  await check.lines.find(/POSTRIDER_DRAIN: /);
  await check.lines.find(/POSTRIDER_MAIL: connection_refused/);
});

Deno.test("--check creates no folder, and names unknown settings", async () => {
  await using data = await aFolder();
  const under = `${data.path}/not/there`;
  const env = {
    POSTRIDER_QUEUE: `sqlite:${under}/q.db`,
    POSTRIDER_DOWNLOADS: `${under}/downloads`,
    POSTRIDER_MAIL: `outbox:${under}/outbox`,
    POSTRIDER_PROT: "80",
  };
  await using check = startPostrider({ data: data.path, env, command: [...START, "--check"] });
  assert.equal(await check.exit, 0, check.lines.said.join("\n"));
  await check.lines.find(/Unknown settings are ignored: POSTRIDER_PROT/);
  assert.deepEqual(Array.from(Deno.readDirSync(data.path)), []);
});

Deno.test("--check refuses a queue file that a newer Postrider has written", async () => {
  await using data = await aFolder();
  const path = `${data.path}/postrider.db`;
  using db = new DatabaseSync(path);
  db.exec("CREATE TABLE task (id); PRAGMA user_version = 999");
  await using check = startPostrider({ data: data.path, command: [...START, "--check"] });
  assert.equal(await check.exit, 78);
  await check.lines.find(/POSTRIDER_QUEUE: .*written by a newer Postrider \(file version 999/);
});

Deno.test.each([
  {
    name: "hooks",
    yaml: "h: {preset: gitlab, secret: a-long-secret, notify: {to: TARGET, text: x}}",
  },
  { name: "schedules", yaml: 's: {every: 1h, fetch: {url: "http://10.0.0.1/"}}' },
  { name: "aliases", yaml: "a: TARGET" },
])(
  "a target in $name that can never work ends the start and --check with 78 and its place",
  async ({ name, yaml }) => {
    await using data = await aFolder();
    const path = `${data.path}/postrider.yaml`;
    await Deno.writeTextFile(path, `${name}:\n  ${yaml.replace("TARGET", '"tgram://1:a/4"')}\n`);
    const env = { POSTRIDER_CONFIG: path };
    for (const command of [START, [...START, "--check"]]) {
      await using service = startPostrider({ data: data.path, command, env });
      assert.equal(await service.exit, 78, service.lines.said.join("\n"));
      await service.lines.find(new RegExp(`postrider\\.yaml:2:\\d+: /${name}/`));
    }
  },
);
