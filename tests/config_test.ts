import assert from "node:assert/strict";

import { describeSettings, type Environment, readConfig } from "../src/config.ts";
import { SETTINGS } from "../src/config/settings.ts";

Deno.test("without any setting the service keeps to this machine and needs no server", () => {
  const config = configOf({});
  assert.equal(config.host, "127.0.0.1");
  assert.equal(config.port, 8000);
  assert.equal(config.queue, "sqlite:./data/postrider.db");
  assert.deepEqual(config.mail, { kind: "outbox", lane: "outbox", directory: "./data/outbox" });
  assert.deepEqual(config.apiKeys, []);
  assert.deepEqual(config.fetchAllow, []);
  assert.equal(config.retentionMs, 7 * 86_400_000);
  assert.equal(config.drainMs, 8_000);
  assert.equal(config.onSigint, undefined);
});

Deno.test("every wrong setting is named at once, with what is expected", () => {
  const wrong = wrongOf({
    POSTRIDER_PORT: "eighty",
    POSTRIDER_QUEUE: "redis://localhost",
    POSTRIDER_DRAIN: "soon",
    POSTRIDER_ON_SIGINT: "panic",
    POSTRIDER_THREADS: "0",
  });
  assert.equal(wrong.length, 5);
  assert.match(wrong[0] ?? "", /^POSTRIDER_PORT: expected a number from 0 to 65535.*got "eighty"/);
});

Deno.test.each([
  { name: "POSTRIDER_PORT", value: "65536" },
  { name: "POSTRIDER_PORT", value: "-1" },
  { name: "POSTRIDER_PORT", value: "tcp://10.0.0.1:8000" },
  { name: "POSTRIDER_HOST", value: "not a host" },
  { name: "POSTRIDER_ALLOW_ANONYMOUS", value: "yes" },
  { name: "POSTRIDER_QUEUE", value: "sqlite:" },
  { name: "POSTRIDER_MAIL", value: "http://mail.example.org" },
  { name: "POSTRIDER_MAIL_FROM", value: "nobody" },
  { name: "POSTRIDER_API_KEYS", value: "nameless" },
  { name: "POSTRIDER_FETCH_ALLOW", value: "10.0.0.0/99" },
  { name: "POSTRIDER_CONCURRENCY", value: "0" },
  { name: "POSTRIDER_MAX_QUEUED", value: "many" },
  { name: "POSTRIDER_RETENTION", value: "7 days" },
  { name: "POSTRIDER_RATE", value: "fast" },
  { name: "POSTRIDER_LOG", value: "loud" },
  { name: "POSTRIDER_LOG_FORMAT", value: "xml" },
])("$name=$value is refused", ({ name, value }) => {
  const [wrong = "", ...more] = wrongOf({ [name]: value });
  assert.deepEqual(more, []);
  assert.ok(wrong.startsWith(`${name}: expected `), wrong);
});

Deno.test.each([
  { name: "POSTRIDER_MAIL", value: "ftp://user:hunter2@mail.example.org" },
  { name: "POSTRIDER_API_KEYS", value: "web:hunter2:fly" },
])("a wrong $name is named without what it says", ({ name, value }) => {
  const [wrong = ""] = wrongOf({ [name]: value });
  assert.ok(wrong.startsWith(`${name}: `), wrong);
  assert.ok(!wrong.includes("hunter2"), wrong);
});

Deno.test("a name with _FILE behind it is read from that file", () => {
  const read = readConfig(
    { POSTRIDER_MAIL_FROM_FILE: "/run/secrets/from" },
    (path) => path === "/run/secrets/from" ? "ada@example.org\n" : "",
  );
  assert.equal("config" in read && read.config.mailFrom, "ada@example.org");
});

Deno.test("a file that cannot be read, and a setting given twice, are named", () => {
  const read = readConfig({
    POSTRIDER_API_KEYS_FILE: "/nowhere",
    POSTRIDER_MAIL: "outbox:a",
    POSTRIDER_MAIL_FILE: "/b",
  }, () => {
    throw new Error("No such file");
  });
  assert.deepEqual("wrong" in read && read.wrong, [
    "POSTRIDER_MAIL and POSTRIDER_MAIL_FILE: expected one of them, got both",
    'POSTRIDER_API_KEYS_FILE: expected a readable file, got "/nowhere": No such file',
  ]);
});

Deno.test.each([
  { host: "0.0.0.0", settings: {}, right: false },
  { host: "::", settings: {}, right: false },
  { host: "192.0.2.1", settings: {}, right: false },
  { host: "0.0.0.0", settings: { POSTRIDER_API_KEYS: "web:a-long-secret" }, right: true },
  { host: "0.0.0.0", settings: { POSTRIDER_ALLOW_ANONYMOUS: "1" }, right: true },
  { host: "127.0.0.2", settings: {}, right: true },
  { host: "::1", settings: {}, right: true },
  { host: "localhost", settings: {}, right: true },
])("$host with $settings: right is $right", ({ host, settings, right }) => {
  const read = readConfig({ POSTRIDER_HOST: host, ...settings }, noFiles);
  assert.equal("config" in read, right);
});

Deno.test("an unknown setting is reported and ignored", () => {
  const env = { POSTRIDER_PROT: "80", POSTRIDER_CA_FILE: "/ca.pem", HOME: "/root" };
  const read = readConfig(env, noFiles);
  assert.deepEqual("config" in read && read.unknown, ["POSTRIDER_PROT"]);
});

Deno.test("--help lists every setting with its default", () => {
  const help = describeSettings();
  for (const { name } of Object.values(SETTINGS)) assert.ok(help.includes(name), name);
  assert.match(help, /POSTRIDER_PORT .*\[8000\]/);
});

function configOf(env: Environment) {
  const read = readConfig(env, noFiles);
  if ("wrong" in read) throw new Error(read.wrong.join("\n"));
  return read.config;
}

function wrongOf(env: Environment): readonly string[] {
  const read = readConfig(env, noFiles);
  return "wrong" in read ? read.wrong : [];
}

function noFiles(path: string): string {
  throw new Error(`Nothing at ${path}`);
}
