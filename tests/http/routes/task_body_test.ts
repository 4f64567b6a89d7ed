import assert from "node:assert/strict";
import { parseApiKeys } from "../../../src/http/auth/auth.ts";
import type { Outcome } from "../../../src/task/outcome.ts";
import { type Answered, Api } from "../../support/api.ts";
import { aFolder } from "../../support/process.ts";

const CONTENT = "0123456789".repeat(100_000);
const NAME = "naïve (1).html";

async function aSavedFile(folder: string) {
  const api = await Api.open({ ports: { downloads: folder } });
  const id = await api.accept({ save: true });
  await Deno.mkdir(`${folder}/${id}`);
  await Deno.writeTextFile(`${folder}/${id}/${NAME}`, CONTENT);
  const saved = { name: NAME, path: `${id}/${NAME}`, resumed: false };
  await api.finish(1, { kind: "delivered", result: { sha256: "abc", saved } });
  return { api, path: `/tasks/${id}/body` };
}

Deno.test("A saved file is a download that no browser treats as a page", async () => {
  await using folder = await aFolder();
  const { api, path } = await aSavedFile(folder.path);
  await using _ = api;
  const { status, headers, body } = await api.get(path);
  assert.equal(status, 200);
  assert.equal(body, CONTENT);
  assert.equal(headers.get("content-type"), "application/octet-stream");
  assert.equal(
    headers.get("content-disposition"),
    `attachment; filename="na_ve (1).html"; filename*=UTF-8''na%C3%AFve%20%281%29.html`,
  );
  assert.equal(headers.get("x-content-type-options"), "nosniff");
  assert.match(headers.get("content-security-policy") ?? "", /sandbox/);
  assert.equal(headers.get("etag"), '"abc"');
  assert.equal(headers.get("content-length"), "1000000");
});

Deno.test("A file outside of the downloads folder is not served", async () => {
  await using folder = await aFolder();
  await Deno.mkdir(`${folder.path}/downloads`);
  await Deno.writeTextFile(`${folder.path}/secret`, "not a download");
  await using api = await Api.open({ ports: { downloads: `${folder.path}/downloads` } });
  const id = await api.accept({ save: true });
  await api.finish(1, { kind: "delivered", result: { saved: { name: "a", path: "../secret" } } });
  const { status, body } = await api.get(`/tasks/${id}/body`);
  assert.equal(status, 404, body);
});

const ranges: { range: string; status: number; from?: number; to?: number }[] = [
  { range: "bytes=0-9", status: 206, from: 0, to: 10 },
  { range: "bytes=999995-", status: 206, from: 999_995, to: 1_000_000 },
  { range: "bytes=-3", status: 206, from: 999_997, to: 1_000_000 },
  { range: "bytes=10-99999999", status: 206, from: 10, to: 1_000_000 },
  { range: "bytes=1000000-", status: 416 },
  { range: "bytes=-0", status: 416 },
  { range: "bytes=9-1", status: 200 },
  { range: "bytes=0-1,3-4", status: 200 },
  { range: "lines=0-1", status: 200 },
];

Deno.test.each(ranges)("$range is answered with $status", async ({ range, status, from, to }) => {
  await using folder = await aFolder();
  const { api, path } = await aSavedFile(folder.path);
  await using _ = api;
  const answered = await api.get(path, { range });
  assert.equal(answered.status, status);
  if (status === 416) {
    assert.equal(answered.headers.get("content-range"), "bytes */1000000");
    // An error is a problem response, not a download.
    assert.equal(answered.body.code, "range_not_satisfiable");
    assert.equal(answered.headers.get("content-disposition"), null);
  } else assert.equal(answered.body, CONTENT.slice(from, to));
  if (status !== 206) return;
  const said = `bytes ${from}-${Number(to) - 1}/1000000`;
  assert.equal(answered.headers.get("content-range"), said);
});

Deno.test("Conditional requests are answered with 304, or with the whole file when it has changed", async () => {
  await using folder = await aFolder();
  const { api, path } = await aSavedFile(folder.path);
  await using _ = api;
  assert.equal((await api.get(path, { "if-none-match": 'W/"x", "abc"' })).status, 304);
  const range = "bytes=0-1";
  assert.equal((await api.get(path, { range, "if-range": '"abc"' })).status, 206);
  assert.equal((await api.get(path, { range, "if-range": '"old"' })).status, 200);
  const head = await api.call("HEAD", path);
  assert.equal(head.headers.get("content-length"), "1000000");
  assert.equal(head.body, "");
});

Deno.test("The file is closed when the reader disconnects", async () => {
  await using folder = await aFolder();
  const { api, path } = await aSavedFile(folder.path);
  await using _ = api;
  const response = await api.raw(path);
  const reader = response.body?.getReader();
  assert.ok((await reader?.read())?.value);
  await reader?.cancel();
});

const kept: { why: string; outcome: Outcome; status: number; body?: string }[] = [
  {
    why: "whole text",
    outcome: { kind: "delivered", result: { body: "héllo", truncated: false } },
    status: 200,
    body: "héllo",
  },
  {
    why: "empty text",
    outcome: { kind: "delivered", result: { body: "", truncated: false } },
    status: 200,
    body: "",
  },
  {
    why: "the beginning of a text",
    outcome: { kind: "delivered", result: { body: "h", truncated: true } },
    status: 404,
  },
  { why: "no text", outcome: { kind: "delivered", result: { bytes: 3 } }, status: 404 },
  {
    why: "a file that is gone",
    outcome: { kind: "delivered", result: { saved: { name: "a", path: "tsk/a" } } },
    status: 404,
  },
  {
    why: "nothing",
    outcome: { kind: "rejected", error: { code: "x", detail: "x" } },
    status: 404,
  },
];

Deno.test("each refusal of a body is a problem document", async () => {
  await using api = await Api.open({ keys: parseApiKeys("a:s,b:t:notify"), anonymous: "refused" });
  const mine = { authorization: "Bearer s" };
  const id = await api.accept({}, mine);
  await api.finish(1, { kind: "delivered", result: { body: "hello", truncated: false } });
  const path = `/tasks/${id}/body`;
  const refusals: Record<string, Promise<Answered>> = {
    unauthorized: api.get(path),
    not_found: api.get(path, { authorization: "Bearer t" }),
    invalid: api.get(`${path}?x=1`, mine),
    method_not_allowed: api.delete(path, mine),
    range_not_satisfiable: api.get(path, { ...mine, range: "bytes=5-9" }),
  };
  for (const [code, refused] of Object.entries(refusals)) {
    const { headers, body } = await refused;
    assert.equal(headers.get("content-type"), "application/problem+json", code);
    assert.equal(body.code, code);
  }
});

Deno.test.each(kept)("With $why the status is $status", async (row) => {
  await using api = await Api.open();
  const id = await api.accept();
  await api.finish(1, row.outcome);
  const { status, body } = await api.get(`/tasks/${id}/body`);
  assert.equal(status, row.status);
  if (row.body !== undefined) assert.equal(body, row.body);
  else assert.equal(body.code, "not_found");
});
