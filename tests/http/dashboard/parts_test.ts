import assert from "node:assert/strict";
import { EngineError } from "../../../src/queue/engine.ts";
import { Api, withHeldLists } from "../../support/api.ts";

/** The text of a response, read in turns. */
function reader(response: Response) {
  const isGzip = response.headers.get("content-encoding") === "gzip";
  const body = response.body ?? assert.fail("no body");
  const bytes = isGzip ? body.pipeThrough(new DecompressionStream("gzip")) : body;
  const texts = bytes.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  return {
    /** What has arrived once it contains this. */
    async until(part: string): Promise<string> {
      while (!text.includes(part)) {
        const { value, done } = await texts.read();
        if (done) assert.fail(`ended without ${part}: ${text}`);
        text += value;
      }
      return text;
    },
    async rest(): Promise<string> {
      for (let next = await texts.read(); !next.done; next = await texts.read()) text += next.value;
      return text;
    },
  };
}

Deno.test.each([
  { basePath: "", encoding: "identity" },
  { basePath: "", encoding: "gzip" },
  { basePath: "/post", encoding: "gzip" },
])(
  "the form of the list is there before its rows ($encoding, base path '$basePath')",
  async ({ basePath, encoding }) => {
    const { api, held } = await withHeldLists(basePath);
    await using _ = api;
    await api.post(`${basePath}/fetch`, { url: "https://example.org/one" });
    const headers = { "accept-encoding": encoding };
    const response = await api.raw(`${basePath}/ui/tasks?q=one`, { headers });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-encoding") ?? "identity", encoding);
    assert.equal(response.headers.get("vary"), "accept-encoding");
    const page = reader(response);
    const head = await page.until("</form>");
    assert.match(head, /^<!doctype html><html /);
    assert.match(
      head,
      new RegExp(`<form class="search" role="search" action="${basePath}/ui/tasks">`),
    );
    assert.doesNotMatch(head, /example\.org/);
    held.resolve();
    const whole = await page.rest();
    assert.match(
      whole,
      new RegExp(`href="${basePath}/ui/tasks/tsk_[^>]*>GET https://example.org/one<`),
    );
    assert.match(whole, /<data id="change" value="[1-9]\d*"><\/data><\/main>.*<\/html>$/s);
  },
);

Deno.test("a search that fails after the form was sent says so in place of the rows", async () => {
  const { api, held } = await withHeldLists();
  await using _ = api;
  const response = await api.raw("/ui/tasks");
  assert.equal(response.status, 200);
  const page = reader(response);
  await page.until("</form>");
  held.reject(new EngineError("away"));
  const whole = await page.rest();
  assert.match(whole, /<p class="notice" role="alert">Queue unavailable: [^<]+<\/p>/);
  assert.match(whole, /<a href="\/">Go to the overview<\/a>/);
  assert.match(whole, /<\/main>.*<\/html>$/s);
  assert.deepEqual(api.errors.map(({ message }) => message), ["Queue engine failed"]);
});

Deno.test("what is wrong with a request is known before the form is sent", async () => {
  await using api = await Api.open();
  const unknown = await api.raw("/ui/tasks?nonsense=1");
  assert.equal(unknown.status, 422);
  assert.match(await unknown.text(), /role="alert">\/nonsense: Unknown query parameter/);
  const id = await api.accept();
  const found = await api.raw(`/ui/tasks?q=${id}`);
  assert.deepEqual([found.status, found.headers.get("location")], [303, `/ui/tasks/${id}`]);
});
