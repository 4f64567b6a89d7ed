import assert from "node:assert/strict";
import { parseHooks } from "../../src/hooks/hook_settings.ts";

const NOTIFY = { to: "ada@example.org", subject: "{{ payload.x }}" };
const HOOK = { preset: "github", secret: "a-long-secret", notify: NOTIFY };
const read = (hook: unknown) =>
  parseHooks({ h: hook }, (path) => {
    if (path === "/run/secret") return "from-a-file\n";
    throw new Deno.errors.NotFound(path);
  });

Deno.test("a hook is parsed with its preset, secrets and tasks", () => {
  const parsed = read({
    preset: "hmac",
    header: "X-Sig",
    secrets: ["a-long-secret", { file: "/run/secret" }],
    filter: 'event == "push"',
    rate: "10/1m",
    maxBytes: 1_000,
    fetch: { url: "https://example.org/" },
    tasks: [{ notify: NOTIFY }, { fetch: { urls: ["https://example.org/"] } }],
  });
  const hook = parsed.issues ? undefined : parsed.value.get("h");
  assert.ok(hook, JSON.stringify(parsed.issues));
  assert.deepEqual(hook.secrets, ["a-long-secret", "from-a-file"]);
  assert.deepEqual(hook.tasks.map(({ type }) => type), ["fetch", "notify", "fetch"]);
  assert.deepEqual(hook.rate, { count: 10, windowMs: 60_000 });
  assert.equal(hook.preset.name, "hmac");
});

Deno.test.each([
  { change: { preset: "githab" }, pointers: ["/h/preset"] },
  { change: { secret: undefined }, pointers: ["/h/secret"] },
  { change: { secret: "short" }, pointers: ["/h/secret"] },
  { change: { secret: { file: "/none" } }, pointers: ["/h/secret"] },
  { change: { secret: undefined, secrets: ["a-long-secret", 1] }, pointers: ["/h/secrets/1"] },
  { change: { secrets: ["a-long-secret"] }, pointers: ["/h/secrets"] },
  { change: { notify: undefined }, pointers: ["/h/tasks"] },
  { change: { notify: { ...NOTIFY, too: "x" } }, pointers: ["/h/notify/too"] },
  { change: { notify: { ...NOTIFY, text: "{{ x" } }, pointers: ["/h/notify/text"] },
  { change: { tasks: [{ mail: NOTIFY }] }, pointers: ["/h/tasks/0"] },
  { change: { tasks: [{ fetch: { ur: "x" } }] }, pointers: ["/h/tasks/0/fetch/ur"] },
  { change: { filter: "{{ event }}" }, pointers: ["/h/filter"] },
  { change: { rate: "fast" }, pointers: ["/h/rate"] },
  { change: { maxBytes: 0 }, pointers: ["/h/maxBytes"] },
  { change: { header: "X-Sig" }, pointers: ["/h/header"] },
  { change: { preset: "hmac" }, pointers: ["/h/header"] },
  { change: { preset: "hmac", header: "X", hash: "md5" }, pointers: ["/h/hash"] },
  { change: { preset: "hmac", header: "X", template: "{timestamp}" }, pointers: ["/h/template"] },
])("a wrong hook is refused with a pointer: $change", ({ change, pointers }) => {
  assert.deepEqual(read({ ...HOOK, ...change }).issues?.map(({ pointer }) => pointer), pointers);
});

Deno.test("the error about a secret does not show the secret", () => {
  const text = JSON.stringify(read({ ...HOOK, secret: "hush" }).issues);
  assert.ok(!text.includes("hush"));
});
