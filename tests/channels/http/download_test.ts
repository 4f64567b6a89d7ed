import { textOfJson } from "../../../src/lib/json/held_text.ts";
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import type { FetchPayload } from "../../../src/task/payloads.ts";
import { aFolder } from "../../support/process.ts";
import { aContext, aFetch, anAttempt } from "../support/attempts.ts";
import { openTestHttp } from "../support/http_channel.ts";
import { serveHttp, serveRaw } from "../support/http_servers.ts";

// deno-lint-ignore no-explicit-any -- results are JSON of many shapes
type Any = any;

const CONTENT = crypto.getRandomValues(new Uint8Array(60_000));
const SHA256 = createHash("sha256").update(CONTENT).digest("hex");

/** Ends the connection after so many bytes of each answer; honours Range when `etag` holds. */
function cutting(
  cuts: (number | undefined)[],
  { etag = '"v1"', ranges = true, more = "" } = {},
) {
  const asked: { range: string | null; condition: string | null }[] = [];
  const server = serveRaw(async (conn, head) => {
    const [, range = null] = /^range: (.*)\r$/im.exec(head) ?? [];
    const [, condition = null] = /^if-range: (.*)\r$/im.exec(head) ?? [];
    asked.push({ range, condition });
    const [, start] = /^bytes=(\d+)-$/.exec(range ?? "") ?? [];
    const partial = ranges && start !== undefined && condition === etag;
    const from = partial ? Number(start) : 0;
    const said = [
      partial ? "HTTP/1.1 206 Partial Content" : "HTTP/1.1 200 OK",
      `Content-Length: ${CONTENT.length - from}`,
      ...(etag === "" ? [] : [`ETag: ${etag}`]),
      ...(partial
        ? [more || `Content-Range: bytes ${from}-${CONTENT.length - 1}/${CONTENT.length}`]
        : []),
    ];
    await conn.write(new TextEncoder().encode(`${said.join("\r\n")}\r\n\r\n`));
    const body = CONTENT.subarray(from, from + (cuts.shift() ?? CONTENT.length));
    for (let at = 0; at < body.length;) at += await conn.write(body.subarray(at));
  });
  return { server, asked };
}

async function tries(
  url: string,
  times: number,
  downloads: string,
  more: Partial<FetchPayload> = {},
) {
  await using channel = openTestHttp({ downloads });
  const attempt = anAttempt(aFetch(url, { save: true, ...more }));
  const outcomes: Any[] = [];
  for (let number = 1; number <= times; number++) {
    outcomes.push(await channel.deliver({ ...attempt, number }, aContext()));
  }
  return { outcomes, last: outcomes.at(-1), folder: `${downloads}/${attempt.taskId}` };
}

async function filesOf(folder: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(folder)) names.push(name);
  return names.sort();
}

Deno.test("A body is saved in the task's own folder, measured and hashed", async () => {
  await using downloads = await aFolder();
  await using server = serveHttp(() => new Response(CONTENT));
  const { last, folder } = await tries(
    `${server.url}/a/report%20%C3%A9.pdf?x=1`,
    1,
    downloads.path,
  );
  assert.equal(last.kind, "delivered");
  assert.equal(last.result.bytes, CONTENT.length);
  assert.equal(last.result.sha256, SHA256);
  assert.equal(last.result.saved.name, "report é.pdf");
  assert.deepEqual(await filesOf(folder), ["report é.pdf"]);
  assert.deepEqual(await Deno.readFile(`${downloads.path}/${last.result.saved.path}`), CONTENT);
});

Deno.test.each([
  { length: "a length", headers: { "content-length": String(6_000_000) } },
  { length: "no length", headers: {} },
])("A long body with $length is saved unchanged for chunks of any size", async ({ headers }) => {
  await using downloads = await aFolder();
  const long = new Uint8Array(6_000_000).map((_, at) => (at * at) % 251);
  const pieces = () =>
    ReadableStream.from((function* () {
      for (let at = 0, size = 1; at < long.length; at += size, size = (size * 7 + 1) % 90_001) {
        yield long.slice(at, at + size);
      }
    })());
  await using server = serveHttp(() => new Response(pieces(), { headers }));
  const more = { maxBytes: 10_000_000, extract: { words: true } } as const;
  const { last } = await tries(`${server.url}/f`, 1, downloads.path, more);
  assert.equal(last.result.sha256, createHash("sha256").update(long).digest("hex"));
  const saved = await Deno.readFile(`${downloads.path}/${last.result.saved.path}`);
  assert.equal(saved.length, long.length);
  assert.ok(saved.every((byte, at) => byte === long[at]));
});

Deno.test("A download cut off three times is resumed and complete", async () => {
  await using downloads = await aFolder();
  const { server, asked } = cutting([10_000, 20_000, 5_000]);
  await using _ = server;
  const { outcomes, last, folder } = await tries(`${server.url}/f`, 4, downloads.path);
  assert.deepEqual(outcomes.map(({ kind }) => kind), [
    "deferred",
    "deferred",
    "deferred",
    "delivered",
  ]);
  assert.deepEqual(asked, [
    { range: null, condition: null },
    { range: "bytes=10000-", condition: '"v1"' },
    { range: "bytes=30000-", condition: '"v1"' },
    { range: "bytes=35000-", condition: '"v1"' },
  ]);
  assert.equal(last.result.status, 200);
  assert.equal(last.result.sha256, SHA256);
  assert.equal(last.result.bytes, CONTENT.length);
  assert.equal(last.result.saved.resumed, true);
  assert.deepEqual(await filesOf(folder), ["f"]);
});

Deno.test.each([
  { why: "the file has changed", before: '"v1"', after: '"v2"' },
  { why: "the tag is weak", before: 'W/"v1"', after: 'W/"v1"' },
  { why: "nothing tells whether it has changed", before: "", after: "" },
])("A download starts over when $why", async ({ before, after }) => {
  await using downloads = await aFolder();
  await using channel = openTestHttp({ downloads: downloads.path });
  const first = cutting([10_000], { etag: before });
  await using _first = first.server;
  const second = cutting([], { etag: after });
  await using _second = second.server;
  const attempt = anAttempt(aFetch(`${first.server.url}/f`, { save: true }));
  assert.equal((await channel.deliver(attempt, aContext())).kind, "deferred");
  const payload = textOfJson(attempt.payload).replace(first.server.url, second.server.url);
  const outcome: Any = await channel.deliver({ ...attempt, payload }, aContext());
  assert.equal(outcome.result.sha256, SHA256);
  assert.equal(outcome.result.saved.resumed, false);
});

Deno.test("A download starts over when the server ignores Range", async () => {
  await using downloads = await aFolder();
  const { server } = cutting([10_000], { ranges: false });
  await using _ = server;
  const { last } = await tries(`${server.url}/f`, 2, downloads.path);
  assert.equal(last.result.sha256, SHA256);
  assert.equal(last.result.saved.resumed, false);
});

Deno.test("A 206 with another range than requested is a fault", async () => {
  await using downloads = await aFolder();
  const { server } = cutting([10_000], { more: "Content-Range: bytes 5-59999/60000" });
  await using _ = server;
  const { outcomes } = await tries(`${server.url}/f`, 3, downloads.path);
  assert.equal(outcomes[1].error.code, "bad_response");
  assert.equal(outcomes[2].result.sha256, SHA256);
});

Deno.test("A part that is already complete is fetched again after a 416", async () => {
  await using downloads = await aFolder();
  const chunk = new Uint8Array([
    ...new TextEncoder().encode(
      `HTTP/1.1 200 OK\r\nETag: "v"\r\nTransfer-Encoding: chunked\r\n\r\n${
        CONTENT.length.toString(16)
      }\r\n`,
    ),
    ...CONTENT,
  ]);
  const whole = `HTTP/1.1 200 OK\r\nContent-Length: ${CONTENT.length}\r\n\r\n`;
  const answers = [
    chunk,
    new TextEncoder().encode("HTTP/1.1 416 x\r\nContent-Length: 0\r\n\r\n"),
    new Uint8Array([...new TextEncoder().encode(whole), ...CONTENT]),
  ];
  await using server = serveRaw(async (conn) => {
    const answer = answers.shift() ?? new Uint8Array();
    for (let at = 0; at < answer.length;) at += await conn.write(answer.subarray(at));
  });
  const { outcomes } = await tries(`${server.url}/f`, 3, downloads.path);
  assert.deepEqual(outcomes.map(({ kind }) => kind), ["deferred", "deferred", "delivered"]);
  assert.equal(outcomes[2].result.sha256, SHA256);
});

Deno.test("An error page is not saved and keeps the part", async () => {
  await using downloads = await aFolder();
  const { server } = cutting([10_000]);
  await using _ = server;
  await using busy = serveHttp(() => new Response("busy", { status: 503 }));
  await using channel = openTestHttp({ downloads: downloads.path });
  const attempt = anAttempt(aFetch(`${server.url}/f`, { save: true }));
  const elsewhere = textOfJson(attempt.payload).replace(server.url, busy.url);
  assert.equal((await channel.deliver(attempt, aContext())).kind, "deferred");
  assert.equal(
    (await channel.deliver({ ...attempt, payload: elsewhere }, aContext())).kind,
    "deferred",
  );
  const outcome: Any = await channel.deliver(attempt, aContext());
  assert.equal(outcome.result.saved.resumed, true);
  assert.equal(outcome.result.sha256, SHA256);
});

Deno.test("A failed expectation leaves no file", async () => {
  await using downloads = await aFolder();
  await using server = serveHttp(() => new Response(CONTENT));
  const more = { expect: { headers: { "x-a": "b" } } };
  const { last, folder } = await tries(`${server.url}/f`, 1, downloads.path, more);
  assert.equal(last.error.code, "expectation_failed");
  await assert.rejects(filesOf(folder), Deno.errors.NotFound);
});

Deno.test("A body longer than maxBytes leaves no file", async () => {
  await using downloads = await aFolder();
  await using server = serveHttp(() => new Response(ReadableStream.from([CONTENT])));
  const { last, folder } = await tries(`${server.url}/f`, 1, downloads.path, { maxBytes: 1_000 });
  assert.equal(last.error.code, "too_large");
  await assert.rejects(filesOf(folder), Deno.errors.NotFound);
});

Deno.test("A body that is encoded without being requested is saved decoded", async () => {
  await using downloads = await aFolder();
  const body = new Uint8Array(gzipSync(CONTENT));
  await using server = serveHttp(() =>
    new Response(body, { headers: { "content-encoding": "gzip" } })
  );
  const { last } = await tries(`${server.url}/f`, 1, downloads.path);
  assert.equal(last.result.sha256, SHA256);
});

Deno.test("A folder that cannot be written defers the attempt", async () => {
  await using folder = await aFolder();
  await Deno.writeTextFile(`${folder.path}/file`, "");
  await using server = serveHttp(() => new Response(CONTENT));
  const { last } = await tries(`${server.url}/f`, 1, `${folder.path}/file`);
  assert.equal(last.kind, "deferred");
  assert.equal(last.error.code, "storage_failed");
});

Deno.test("A node that cannot save puts off attempts that would save, without a request", async () => {
  await using server = serveHttp(() => new Response(CONTENT));
  await using channel = openTestHttp({ downloads: "unused", refusesSave: "Another folder" });
  const saving = await channel.deliver(anAttempt(aFetch(server.url, { save: true })), aContext());
  assert.deepEqual(saving, {
    kind: "deferred",
    error: { code: "storage_failed", detail: "Another folder" },
  });
  const other = await channel.deliver(anAttempt(aFetch(server.url)), aContext());
  assert.equal(other.kind, "delivered");
});

const names: { path: string; disposition?: string; save?: string; name: string }[] = [
  { path: "/", name: "body" },
  { path: "/a/b.png", name: "b.png" },
  { path: "/a/..%2f..%2fetc%2fpasswd", name: "_.._etc_passwd" },
  { path: "/x", disposition: 'attachment; filename="../../evil.sh"', name: "evil.sh" },
  { path: "/x", disposition: "attachment; filename*=UTF-8''na%C3%AFve.txt", name: "naïve.txt" },
  { path: "/x", disposition: 'attachment; filename="a\\"b.txt"', name: "a_b.txt" },
  { path: "/x", disposition: "attachment; filename=.htaccess", name: "htaccess" },
  { path: "/CON.txt", name: "_CON.txt" },
  { path: `/${"n".repeat(400)}.tar`, name: `${"n".repeat(146)}.tar` },
  { path: "/x", disposition: 'attachment; filename="y"', save: "mine.bin", name: "mine.bin" },
];

Deno.test.each(names)("$path with $disposition is saved as $name", async (row) => {
  await using downloads = await aFolder();
  const headers: HeadersInit = row.disposition === undefined
    ? {}
    : { "content-disposition": row.disposition };
  await using server = serveHttp(() => new Response("x", { headers }));
  const { last, folder } = await tries(server.url + row.path, 1, downloads.path, {
    save: row.save ?? true,
  });
  assert.equal(last.result.saved.name, row.name);
  assert.deepEqual(await filesOf(folder), [row.name]);
});

Deno.test("saving beyond the size of all saved files is deferred as storage_full, and less is saved", async () => {
  await using folder = await aFolder();
  await Deno.mkdir(`${folder.path}/tsk_old`);
  await Deno.writeFile(`${folder.path}/tsk_old/file`, new Uint8Array(60_000));
  await using http = openTestHttp({ downloads: folder.path, maxSavedBytes: 100_000 });
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const size = Number(new URL(request.url).pathname.slice(1));
    return new Response("x".repeat(size));
  });
  const save = (size: number) =>
    http.deliver(
      anAttempt(aFetch(`http://127.0.0.1:${server.addr.port}/${size}`, { save: true })),
      aContext(),
    );
  assert.equal((await save(30_000)).kind, "delivered");
  const outcome = await save(30_000);
  assert.ok(outcome.kind === "deferred" && outcome.error.code === "storage_full", outcome.kind);
  assert.match(outcome.error.detail, /POSTRIDER_DOWNLOADS_MAX/);
  assert.equal((await save(5_000)).kind, "delivered");
  // What was deleted makes room: at once, or after a moment where counting the files is slow.
  await Deno.remove(`${folder.path}/tsk_old`, { recursive: true });
  let last = await save(50_000);
  while (last.kind === "deferred") last = await save(50_000);
  assert.equal(last.kind, "delivered");
  await server.shutdown();
});
