import assert from "node:assert/strict";
import {
  ConfigFileError,
  openConfigFile,
  parseConfigFile,
  readConfigFile,
} from "../../src/config/config_file.ts";

const PATH = "/etc/postrider.yaml";

/** Reads files out of a record. */
const from = (files: Record<string, string>) => (path: string) => {
  const text = files[path];
  if (text === undefined) throw new Deno.errors.NotFound(`no ${path}`);
  return text;
};
const read = (text: string) => readConfigFile(PATH, from({ [PATH]: text }));

Deno.test("the file has aliases and limits of hosts", () => {
  const file = read(`
aliases:
  oncall: [ada@example.org, "slack://a/b/c"]
  ada: ada@example.org
hosts:
  Example.org: {concurrency: 4, rate: 10/1s}
`);
  assert.deepEqual([...file.aliases], [
    ["oncall", ["ada@example.org", "slack://a/b/c"]],
    ["ada", ["ada@example.org"]],
  ]);
  assert.deepEqual([...file.hosts], [
    ["example.org", { concurrency: 4, rate: { count: 10, windowMs: 1_000 } }],
  ]);
});

Deno.test("the default file may be missing, a file named by the setting may not", () => {
  assert.equal(readConfigFile(undefined, from({})).aliases.size, 0);
  assert.throws(() => readConfigFile(PATH, from({})), ConfigFileError);
});

Deno.test.each([
  { text: "alias: {}", says: `${PATH}:1:1: /alias: Unknown section` },
  { text: "- a", says: `${PATH}:1:1: Expected the sections aliases` },
  { text: "aliases:\n  a b: x@example.org", says: `${PATH}:2:8: /aliases/a b: Expected a name` },
  { text: "aliases:\n  a: [1]", says: `${PATH}:2:3: /aliases/a: Expected a mail address` },
  {
    text: "hosts:\n  example.org:\n    concurency: 4",
    says: `${PATH}:3:17: /hosts/example.org/concurency: Unknown field`,
  },
  {
    text: "hosts:\n  example.org: {concurrency: 0}",
    says: `${PATH}:2:30: /hosts/example.org/concurrency: Expected a whole number`,
  },
  {
    text: "hosts:\n  example.org: {rate: fast}",
    says: `${PATH}:2:23: /hosts/example.org/rate: Expected a number per duration`,
  },
  {
    text: "hosts:\n  https://example.org/: {concurrency: 4}",
    says: `${PATH}:2:3: /hosts/https:~1~1example.org~1: Expected a host such as`,
  },
  { text: "hosts: [", says: `${PATH}:1:9: Expected YAML: Flow sequence` },
])("what is wrong is told with line and column: $says", ({ text, says }) => {
  assert.throws(() => read(text), (error) => {
    assert.ok(error instanceof ConfigFileError);
    assert.ok(error.message.startsWith(says), error.message);
    return true;
  });
});

Deno.test("all errors are reported at once", () => {
  assert.throws(() => read("x: 1\naliases: {a: 1, b: 2}"), (error) => {
    assert.ok(error instanceof ConfigFileError);
    assert.deepEqual(error.faults.map(({ pointer }) => pointer), [
      "/x",
      "/aliases/a",
      "/aliases/b",
    ]);
    return true;
  });
});

Deno.test("a reload applies the whole file or keeps the previous settings", () => {
  const files = { [PATH]: "aliases: {a: a@example.org}" };
  const seen: number[] = [];
  const live = openConfigFile(PATH, from(files));
  live.follow(({ aliases }) => seen.push(aliases.size));
  files[PATH] = "aliases: {a: a@example.org, b: b@example.org}\nhosts: 3";
  assert.throws(() => live.readAgain(), ConfigFileError);
  assert.equal(live.current.aliases.size, 1);
  files[PATH] = "aliases: {a: a@example.org, b: b@example.org}";
  live.readAgain().apply();
  assert.equal(live.current.aliases.size, 2);
  assert.deepEqual(seen, [1, 2]);
});

Deno.test("issues of sections and of their targets are reported together, in the order of the file", () => {
  const text = "aliases: {a: [none]}\nhosts: {x: {rate: often}}\n";
  const check = () => [{ pointer: "/aliases/a/0", detail: "Expected a mail address" }];
  const parsed = parseConfigFile(text, Deno.readTextFileSync, check);
  const wrong = "wrong" in parsed ? parsed.wrong : [];
  assert.deepEqual(wrong.map(({ line, pointer }) => [line, pointer]), [
    [1, "/aliases/a/0"],
    [2, "/hosts/x/rate"],
  ]);
  const broken = parseConfigFile("aliases: 1\n", Deno.readTextFileSync, check);
  assert.deepEqual("wrong" in broken && broken.wrong.map(({ pointer }) => pointer), ["/aliases"]);
});
