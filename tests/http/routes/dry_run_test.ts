import assert from "node:assert/strict";
import { Api } from "../../support/api.ts";

Deno.test("a dry run shows what would be sent, where and when, and stores nothing", async () => {
  await using api = await Api.open();
  const { status, body } = await api.post("/fetch?dryRun=true", {
    url: "https://example.org/a?token=x",
    json: { a: 1 },
    delay: "1m",
    retry: "5s, 10s",
  });
  assert.equal(status, 200);
  assert.equal(body.dryRun, true);
  assert.equal(body.total, 1);
  const [task] = body.tasks;
  assert.equal(task.payload.method, "POST");
  assert.ok(!task.payload.url.includes("token=x"));
  assert.deepEqual(task.addresses, ["192.0.2.1"]);
  assert.equal(task.lane, "https://example.org:443");
  const at = api.clock.now();
  assert.deepEqual(
    task.tries,
    [60_000, 65_000, 75_000].map((ms) => new Date(at + ms).toISOString()),
  );
  assert.equal((await api.get("/tasks")).body.data.length, 0);
});

Deno.test("a dry run shows the error of the guard, and no attempts after the expiry", async () => {
  const error = { code: "address_refused", detail: "It leads inside" };
  await using api = await Api.open({ ports: { addressesOf: () => Promise.resolve(error) } });
  const ask = { urls: ["https://a.example.org/", "https://b.example.org/"], expires: "3s" };
  const { body } = await api.post("/fetch?dryRun=true", { ...ask, retry: "2s*5" });
  assert.equal(body.total, 2);
  assert.deepEqual(body.tasks.map((task: { error: unknown }) => task.error), [error, error]);
  assert.equal(body.tasks[0].tries.length, 2);
});

Deno.test("a dry run of a mail resolves no address, and an invalid one is refused", async () => {
  await using api = await Api.open();
  const mail = { to: "ada@example.org", subject: "Hello", text: "." };
  const { status, body } = await api.post("/notify?dryRun=true", mail);
  assert.equal(status, 200);
  assert.equal(body.tasks[0].type, "notify");
  assert.equal((await api.post("/notify?dryRun=true", { to: "x" })).status, 422);
  assert.equal((await api.post("/notify?dryRun=1", mail)).body.errors[0].pointer, "/dryRun");
});
