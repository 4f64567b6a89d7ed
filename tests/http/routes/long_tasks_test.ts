import assert from "node:assert/strict";
import { Api } from "../../support/api.ts";

const TEXT = "a long line ".repeat(1_000_000);

/** The API with a task of 12 MB; `finds` counts how often its payload was read. */
async function setup() {
  const finds = { count: 0 };
  const api = await Api.open({
    engine(memory) {
      const find = memory.find.bind(memory);
      return Object.assign(memory, {
        find(id: string) {
          finds.count++;
          return find(id);
        },
      });
    },
  });
  const mail = { to: "ada@example.org", subject: "s", text: TEXT, delay: "1d" };
  const { body } = await api.post("/notify", mail);
  return { api, id: body.id as string, finds };
}

Deno.test("what shows no payload reads no long one", async () => {
  const { api, id, finds } = await setup();
  await using _ = api;
  assert.equal((await api.get(`/status/${id}`)).body.state, "queued");
  assert.equal((await api.post(`/tasks/${id}/run`)).status, 202);
  assert.equal((await api.delete(`/tasks/${id}`)).body.state, "cancelled");
  assert.equal((await api.get(`/outbox/${id}`)).status, 404);
  const { body } = await api.post(`/tasks/${id}/retry`);
  assert.deepEqual([body.state, body.payload], ["queued", undefined]);
  assert.equal(finds.count, 0);
});

Deno.test("a long task is shown whole, to one reader of a key after the other", async () => {
  const { api, id, finds } = await setup();
  await using _ = api;
  const first = await api.raw(`/tasks/${id}`);
  let isSecond = false;
  const second = api.get(`/tasks/${id}?wait=1s`).finally(() => isSecond = true);
  await api.clock.advance(2_000);
  assert.deepEqual([finds.count, isSecond], [1, false]);
  assert.ok((await first.json()).payload.text === TEXT);
  assert.ok((await second).body.payload.text === TEXT);
  assert.equal(finds.count, 2);
});

Deno.test("a reader of a long task who does not read it is cut off, or may leave", async () => {
  const { api, id } = await setup();
  await using _ = api;
  const stopped = await api.raw(`/tasks/${id}`);
  const next = api.get(`/tasks/${id}`);
  await api.clock.advance(30_000);
  await assert.rejects(stopped.text(), /not read within 30 s/);
  assert.equal((await next).status, 200);
  const left = await api.raw(`/tasks/${id}`);
  await left.body?.cancel();
  assert.equal((await api.get(`/tasks/${id}`)).status, 200);
});

Deno.test("the pages of a long task show its payload", async () => {
  const { api, id } = await setup();
  await using _ = api;
  for (const path of [`/ui/tasks/${id}`, `/ui/send?from=${id}`]) {
    const page = await api.raw(path);
    assert.equal(page.status, 200);
    assert.match(await page.text(), /a long line a long line/, path);
  }
});

Deno.test("a long task is duplicated whole", async () => {
  const { api, id } = await setup();
  await using _ = api;
  const { status, body } = await api.post(`/tasks/${id}/duplicate`, { subject: "again" });
  assert.equal(status, 202);
  const copy = await api.get(`/tasks/${body.id}`);
  assert.equal(copy.body.payload.subject, "again");
  assert.ok(copy.body.payload.text === TEXT);
});
