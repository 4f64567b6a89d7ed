import assert from "node:assert/strict";
import { readSelected, readSending } from "../../src/cli/flags.ts";

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
])("readSending() refuses $args", ({ args }) => {
  assert.throws(() => readSending(args), TypeError);
});

Deno.test("readSelected() reads ids and filters", () => {
  const { ids, filter, limit, once } = readSelected(["tsk_1", "--tag", "x", "--once"]);
  assert.deepEqual({ ids, filter, limit, once }, {
    ids: ["tsk_1"],
    filter: { tag: "x" },
    limit: 20,
    once: true,
  });
});
