import assert from "node:assert/strict";
import type { Attempt, Channel } from "../../src/channels/channel.ts";
import { withFetchedFiles } from "../../src/channels/fetched_files.ts";
import { textOfJson } from "../../src/lib/json/held_text.ts";
import type { Attachment, EmailPayload } from "../../src/task/payloads.ts";
import { aFolder } from "../support/process.ts";
import { aContext, anAttempt, anEmail } from "./support/attempts.ts";
import { openTestHttp } from "./support/http_channel.ts";

/** Serves files by their size: `/bytes/100000`; `/busy` answers 503 with Retry-After, `/gone` 404. */
function serveFiles() {
  const tasks: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const { pathname } = new URL(request.url);
    tasks.push(request.headers.get("postrider-task") ?? "");
    if (pathname === "/busy") {
      return new Response(null, { status: 503, headers: { "retry-after": "7" } });
    }
    const empty = new Map([["/none", 204], ["/same", 304], ["/nowhere", 302]]).get(pathname);
    if (empty !== undefined) return new Response(null, { status: empty });
    const [, size] = /^\/bytes\/(\d+)$/.exec(pathname) ?? [];
    return size ? new Response("x".repeat(Number(size))) : new Response(null, { status: 404 });
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    tasks,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

function foldersOf({ folder }: { folder: { path: string } }): string[] {
  return Array.from(Deno.readDirSync(folder.path), ({ name }) => name)
    .filter((name) => name.startsWith("tsk_"));
}

async function aWorld(allow?: string) {
  const stack = new AsyncDisposableStack();
  const folder = stack.use(await aFolder());
  const http = stack.use(openTestHttp({ downloads: folder.path, ...(allow ? { allow } : {}) }));
  const files = stack.use(serveFiles());
  const sent: EmailPayload[] = [];
  const inner: Channel = {
    oneThread: true,
    deliver(attempt: Attempt) {
      sent.push(JSON.parse(textOfJson(attempt.payload)));
      return Promise.resolve({ kind: "delivered" });
    },
  };
  const channel = withFetchedFiles(inner, { http, downloads: folder.path });
  const deliver = (...attachments: Attachment[]) =>
    channel.deliver(anAttempt(anEmail({ attachments })), aContext());
  return {
    ...files,
    folder,
    sent,
    channel,
    deliver,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

Deno.test("files by URL are fetched and delivered beside the others, in their order", async () => {
  await using world = await aWorld();
  const { url, deliver, sent, channel, tasks } = world;
  assert.equal(channel.oneThread, true);
  const own = btoa("own");
  const outcome = await deliver(
    { filename: "a.txt", content: "", url: `${url}/bytes/3` },
    { filename: "b.txt", content: own, contentType: "text/plain" },
    { filename: "c.bin", content: "", url: `${url}/bytes/200000`, cid: "c" },
  );
  assert.equal(outcome.kind, "delivered", JSON.stringify(outcome));
  assert.deepEqual(sent[0]?.attachments, [
    { filename: "a.txt", content: btoa("xxx") },
    { filename: "b.txt", content: own, contentType: "text/plain" },
    { filename: "c.bin", content: btoa("x".repeat(200_000)), cid: "c" },
  ]);
  assert.deepEqual(foldersOf(world), []);
  assert.match(tasks[0] ?? "", /^tsk_[0-9a-z]+$/);
});

Deno.test.each([
  { path: "/busy", kind: "deferred", code: "http_503", retryAfterMs: 7_000 },
  { path: "/gone", kind: "rejected", code: "http_404" },
  { path: "/none", kind: "rejected", code: "http_204" },
  { path: "/same", kind: "rejected", code: "http_304" },
  { path: "/nowhere", kind: "rejected", code: "http_302" },
  { path: "/bytes/26000000", kind: "rejected", code: "too_large" },
])("a file at $path makes the attempt $kind, and the message is not sent", async (row) => {
  await using world = await aWorld();
  const { url, deliver, sent } = world;
  const outcome = await deliver({ filename: "a.txt", content: "", url: url + row.path });
  assert.equal(outcome.kind, row.kind, JSON.stringify(outcome));
  const { error, otherLane, hold } = outcome as typeof outcome & {
    error: { code: string; detail: string };
  };
  assert.equal(error.code, row.code);
  assert.match(error.detail, /^Attachment "a\.txt": /);
  // Neither a hold nor a fault may count for the relay.
  assert.deepEqual([otherLane, hold], [url, undefined]);
  assert.equal("retryAfterMs" in outcome ? outcome.retryAfterMs : undefined, row.retryAfterMs);
  assert.deepEqual(sent, []);
  assert.deepEqual(foldersOf(world), []);
});

Deno.test("a file at an address that is not public is refused, and nothing connects", async () => {
  await using world = await aWorld("192.0.2.1");
  const { url, deliver, sent } = world;
  const outcome = await deliver({ filename: "a.txt", content: "", url: `${url}/bytes/3` });
  assert.ok(outcome.kind === "rejected" && outcome.error.code === "address_refused");
  assert.deepEqual(sent, []);
});
