import assert from "node:assert/strict";
import { parseCallbacks, secretsFor } from "../../src/channels/callback_settings.ts";

const secretOf = (letter: string) => `whsec_${btoa(letter.repeat(24))}`;
const readFile = (path: string) => {
  if (path === "a.secret") return `${secretOf("a")}\n`;
  throw new Deno.errors.NotFound(path);
};

Deno.test("the secrets of a callback are those of its host and port, of its host, or the general ones", () => {
  const parsed = parseCallbacks({
    "Hooks.Example.org": { secretFile: "a.secret" },
    "hooks.example.org:8443": { secret: `${secretOf("b")}, ${secretOf("c")}` },
    "example.com:443": { secret: secretOf("d") },
  }, readFile);
  assert.ok("value" in parsed, JSON.stringify(parsed));
  const of = (url: string) => secretsFor(url, parsed.value, ["general"]);
  assert.deepEqual(of("https://hooks.example.org/x"), [secretOf("a")]);
  assert.deepEqual(of("http://hooks.example.org/"), [secretOf("a")]);
  assert.deepEqual(of("https://hooks.example.org:8443/"), [secretOf("b"), secretOf("c")]);
  assert.deepEqual(of("https://example.com/"), [secretOf("d")]);
  assert.deepEqual(of("http://example.com/"), ["general"]);
  assert.deepEqual(of("https://example.org/"), ["general"]);
  assert.deepEqual(of("https://constructor/"), ["general"]);
});

Deno.test.each([
  { value: [], pointer: "" },
  { value: { "a/b": { secret: secretOf("a") } }, pointer: "/a~1b" },
  { value: { a: "x" }, pointer: "/a" },
  { value: { a: {} }, pointer: "/a/secret" },
  { value: { a: { secret: secretOf("a"), secretFile: "a.secret" } }, pointer: "/a/secret" },
  { value: { a: { secret: "short" } }, pointer: "/a/secret" },
  { value: { a: { secretFile: "missing" } }, pointer: "/a/secretFile" },
  { value: { a: { secret: secretOf("a"), key: 1 } }, pointer: "/a/key" },
])("$value is refused at $pointer, and no secret is shown", ({ value, pointer }) => {
  const parsed = parseCallbacks(value, readFile);
  assert.deepEqual(parsed.issues?.map((issue) => issue.pointer), [pointer]);
  assert.doesNotMatch(JSON.stringify(parsed), /whsec_[A-Za-z]/);
});
