import assert from "node:assert/strict";
import { readChanged, readIds, readListed, readSending } from "../../src/cli/flags.ts";

Deno.test("readSending() turns a URL and its flags into a fetch", () => {
  const args = "https://example.org/ --method PUT --body x --retry 3 --tag a --tag b --wait".split(
    " ",
  );
  assert.deepEqual(readSending([...args, "--header", "Accept: text/html; q=1"]), {
    wait: true,
    fetch: {
      url: "https://example.org/",
      method: "PUT",
      headers: { Accept: "text/html; q=1" },
      body: "x",
      retry: 3,
      tags: ["a", "b"],
    },
  });
});

Deno.test("readSending() turns --to into a notification", () => {
  const args = ["--to", "ada@example.org", "--subject", "S", "--text", "T", "--retry", "5s, 1m"];
  assert.deepEqual(readSending(args), {
    wait: false,
    notify: { to: ["ada@example.org"], subject: "S", text: "T", retry: "5s, 1m" },
  });
});

Deno.test.each([
  { args: [] },
  { args: ["https://a.example/", "https://b.example/"] },
  { args: ["https://a.example/", "--to", "ada@example.org"] },
  { args: ["https://a.example/", "--header", "nonsense"] },
  { args: ["--unknown", "x"] },
  { args: ["https://a.example/", "--subject", "s"] },
  { args: ["--to", "ada@example.org", "--text", "t", "--header", "A: b"] },
])("readSending() refuses $args", ({ args }) => {
  assert.throws(() => readSending(args), TypeError);
});

Deno.test("readListed() reads a filter, and refuses an id, which it would ignore", () => {
  const { filter, limit, once } = readListed(["--tag", "x", "--since", "24h", "--once"]);
  assert.deepEqual({ filter, limit, once }, {
    filter: { tag: "x", since: "24h" },
    limit: 20,
    once: true,
  });
  assert.throws(() => readListed(["tsk_1"]), /Cannot list "tsk_1"/);
});

Deno.test("readIds() refuses a filter, which it would ignore", () => {
  assert.deepEqual(readIds(["tsk_1", "bat_1"]), ["tsk_1", "bat_1"]);
  assert.throws(() => readIds(["--tag", "x"]), TypeError);
});

Deno.test("readChanged() takes ids or a filter", () => {
  assert.deepEqual(readChanged(["tsk_1", "bat_1"]), { ids: ["tsk_1", "bat_1"] });
  const filter = ["--state", "failed", "--source", "hook:builds", "--owner", "ada"];
  assert.deepEqual(readChanged(filter), {
    filter: { state: "failed", source: "hook:builds", owner: "ada" },
  });
  assert.deepEqual(readChanged(["--all"]), { filter: { all: true } });
  for (const args of [[], ["tsk_1", "--tag", "x"], ["tsk_1", "--all"], ["--once"]]) {
    assert.throws(() => readChanged(args), TypeError);
  }
});
