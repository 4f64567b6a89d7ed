import { textOfJson } from "../../../src/lib/json/held_text.ts";
import assert from "node:assert/strict";
import { Api } from "../../support/api.ts";

/** JSON that a parser and a writer would change. */
const JSON_TEXTS = [
  '{"id": 12345678901234567891, "f": 1.0, "e": 1e400}',
  "-0.0",
  '[ 1E5,\n\t0.10, "caf\\u00e9 \\ud83d\\ude00 \\ud800 \\/" ]',
  '{"b":1,"10":2,"2":3,"__proto__":{"x":1}}',
  '"a \\" quoted ] } text"',
  "null",
  "[[[[[[[[[[]]]]]]]]]]",
];

const post = { method: "POST", headers: { "content-type": "application/json" } };
const target = '"url":"https://example.org/"';

Deno.test.each(JSON_TEXTS.map((json) => ({ json })))(
  "$json is sent as it was written, wherever the request is described",
  async ({ json }) => {
    await using api = await Api.open();
    const bodies = [
      `{${target},"json":${json}}`,
      `{"requests":[{${target},"json": ${json} }]}`,
      `{"requests":[{${target}}],"json":${json}}`,
      `{${target},"\\u006as\\u006Fn":${json}}`,
    ];
    for (const body of bodies) {
      const { status } = await api.call("POST", "/fetch", { ...post, body });
      assert.equal(status, 202, body);
      const [task] = await api.claim();
      assert.equal(JSON.parse(textOfJson(task?.payload ?? "")).body, json, body);
      const { body: shown } = await api.get(`/tasks/${task?.id}`);
      assert.equal(shown.payload.body, json, "as the API shows it");
      if (task) await api.settle(task);
    }
  },
);

Deno.test("an array in a body above 1 MiB is sent as it was written", async () => {
  await using api = await Api.open();
  const json = "[ 1.0,\t1e400 ]";
  const filler = " ".repeat(1.1 * 2 ** 20);
  const body = `{"requests":[{${target}}],${filler}"json":${json}}`;
  const { status } = await api.call("POST", "/fetch", { ...post, body });
  assert.equal(status, 202);
  const [task] = await api.claim();
  assert.equal(JSON.parse(textOfJson(task?.payload ?? "")).body, json);
});

Deno.test("a follow-up sends its JSON as it was written, with its placeholders filled in", async () => {
  await using api = await Api.open();
  const json = '{ "id":12345678901234567891, "of":"{{task.id}}","f":1.0 }';
  const body = `{${target},"onSuccess":{"fetch":{${target},"json":${json}}}}`;
  const { body: { id } } = await api.call("POST", "/fetch", { ...post, body });
  await api.finish();
  const [task] = await api.claim();
  assert.equal(JSON.parse(textOfJson(task?.payload ?? "")).body, json.replace("{{task.id}}", id));
});

Deno.test("a schedule sends its JSON as it was written", async () => {
  await using api = await Api.open();
  const json = '{ "id":12345678901234567891,\n"f":1.0,"e":1e400, "a":"\\u00e9","a":[ ] }';
  const body = `{"every":"1h","fetch":{${target},"json":${json}}}`;
  const { status } = await api.call("PUT", "/schedules/s", { ...post, method: "PUT", body });
  assert.ok(status < 300, String(status));
  assert.equal((await api.post("/schedules/s/run")).status, 202);
  const [task] = await api.claim();
  assert.equal(JSON.parse(textOfJson(task?.payload ?? "")).body, json);
});

Deno.test("a secret in JSON is masked, and the numbers beside it stay as they were written", async () => {
  await using api = await Api.open();
  const body = `{${target},"json":{"id":12345678901234567891,"password":"x","f":1.0}}`;
  const { body: shown } = await api.call("POST", "/fetch", { ...post, body });
  assert.equal(shown.payload.body, '{"id":12345678901234567891,"password":"***","f":1.0}');
});

Deno.test("a number that a double cannot hold is expected by its digits", async () => {
  await using api = await Api.open();
  const body = `{${target},"expect":{"json":{"/id":12345678901234567891,"/n":1.0}}}`;
  await api.call("POST", "/fetch", { ...post, body });
  const [task] = await api.claim();
  const { expect } = JSON.parse(textOfJson(task?.payload ?? ""));
  assert.deepEqual(expect.json, { "/id": "12345678901234567891", "/n": 1 });
});
