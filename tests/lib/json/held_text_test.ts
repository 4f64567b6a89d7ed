import assert from "node:assert/strict";
import fc from "fast-check";
import { base64Bytes, isBase64 } from "../../../src/lib/base64.ts";
import {
  decodeSteps,
  holdSteps,
  readJsonText,
  textOfJson,
} from "../../../src/lib/json/held_text.ts";
import { runAtOnce } from "../../../src/lib/steps.ts";

const LONG = "QUJD".repeat(20_000);
const bytesOf = (json: unknown) => new TextEncoder().encode(JSON.stringify(json));
const hold = (json: unknown) => runAtOnce(holdSteps(bytesOf(json)));

Deno.test("A long file becomes a token, and is put back as bytes", async () => {
  const body = { subject: "s", attachments: [{ filename: "a", content: LONG }] };
  const held = await hold(body);
  assert.ok(held.text.length < 300);
  const { attachments } = JSON.parse(held.text);
  const token = attachments[0].content as string;
  assert.ok(isBase64(token));
  assert.equal(base64Bytes(token), 60_000);
  assert.equal(held.bytesOf(token)?.length, LONG.length);
  const restored = held.restore(JSON.stringify({ payload: JSON.parse(held.text) }));
  assert.ok(restored instanceof Uint8Array);
  assert.deepEqual(JSON.parse(textOfJson(restored)), { payload: body });
});

Deno.test("Stored bytes read as text with tokens, of which the sizes are known", async () => {
  const { text } = readJsonText(bytesOf({ attachments: [{ content: `${LONG}QQ==` }] }));
  assert.equal(base64Bytes(JSON.parse(text).attachments[0].content), 60_001);
  // Only a token of this thread counts as base64 that was checked.
  assert.equal(isBase64(`held:${crypto.randomUUID()}:0:80000:0`), false);
  await Promise.resolve();
});

Deno.test.each([
  { what: "a short file", json: { content: "QUJD" } },
  { what: "another member", json: { text: LONG } },
  { what: "a text that is not base64", json: { content: "ä".repeat(70_000) } },
  { what: "a text with escapes", json: { content: `${LONG}\n"` } },
  { what: "base64 that is cut", json: { content: `${LONG}Q` } },
  { what: "a value that is no text", json: { content: [LONG] } },
  { what: "nothing", json: {} },
])("$what stays where it is", async ({ json }) => {
  const held = await hold(json);
  assert.equal(held.text, JSON.stringify(json));
  assert.equal(held.restore(held.text), held.text);
});

Deno.test("Any JSON comes back as it was", async () => {
  const content = fc.oneof(fc.string(), fc.constant(LONG), fc.constant(`${LONG}"\\`));
  const json = fc.array(fc.record({ content, 'a"content': fc.string(), text: content }));
  await fc.assert(fc.asyncProperty(json, async (value) => {
    const held = await hold(value);
    assert.equal(textOfJson(held.restore(held.text)), JSON.stringify(value));
  }));
});

Deno.test("The fingerprint of a text depends on its files, and not on the thread", async () => {
  const [one, same, other] = await Promise.all(
    [LONG, LONG, LONG.replace("Q", "R")].map((content) => hold({ content })),
  );
  assert.equal(one?.fingerprint(), same?.fingerprint());
  assert.notEqual(one?.fingerprint(), other?.fingerprint());
  assert.doesNotMatch(one?.fingerprint() ?? "", /held:/);
});

Deno.test("A file is found wherever it begins, and white space around its name does not matter", () => {
  for (const before of [0, 1, 7, 8, 2 ** 20 - 12, 2 ** 20 - 5, 2 ** 20, 2 ** 21 + 3]) {
    for (const between of [":", ": ", "\n\t:\r\n  "]) {
      const text = `{"text":"${"é".repeat(before / 2)}","content"${between}"${LONG}"}`;
      const held = runAtOnce(holdSteps(new TextEncoder().encode(text)));
      assert.ok(held.text.length < text.length - 70_000, `${before} ${between}`);
      assert.equal(textOfJson(held.restore(held.text)), text);
    }
  }
});

Deno.test.each([
  {
    what: "searched, checked and decoded",
    make: () => bytesOf({ content: "QUJD".repeat(2 ** 21) }),
  },
  { what: "decoded", make: () => bytesOf({ text: "ä".repeat(2 ** 22) }) },
  { what: "searched", make: () => bytesOf({ list: Array(2 ** 20).fill(["content", "content"]) }) },
])("A long body is $what in steps of at most a few milliseconds", ({ make }) => {
  const bytes = make();
  const costs = [...holdSteps(bytes)];
  assert.ok(costs.length >= 8, `${costs.length} steps for ${bytes.length} bytes`);
  assert.ok(costs.every((cost) => cost < 10_000));
});

Deno.test("Characters that lie across two steps are decoded, and what is not UTF-8 is refused", () => {
  const text = `a${"€".repeat(2 ** 20)}`;
  assert.equal(runAtOnce(decodeSteps(new TextEncoder().encode(text))), text);
  assert.throws(() => runAtOnce(decodeSteps(new Uint8Array([0x61, 0xe2, 0x82]))), TypeError);
});
