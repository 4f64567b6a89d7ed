/**
 * The bare server that Postrider's accept is compared with: Hono and zod, without storage.
 *
 *     deno run -A tests/bench/reference.ts manners          the checks of the contract
 *     deno run -A tests/bench/reference.ts four             four fields and a random id
 *     deno run -A tests/bench/reference.ts durable FILE     the checks, and a row on disk
 *
 * `manners` does what each server of this contract must do (size check, full
 * schema, TypeID, request id, the whole task as response) in the shortest way
 * that we know. Of Postrider's code it uses only the generator of ids.
 * `durable` writes one narrow row for each request on a thread of SQLite's, many
 * in one commit, before it responds: about the lowest cost of a durable accept.
 *
 * @module
 */

import { Hono } from "hono";
import { setImmediate } from "node:timers";
import { z } from "zod";
import { openIds } from "../../src/lib/ids.ts";

const MAX_BYTES = 32 * 2 ** 20;

const address = z.string().regex(/^[^\s@<>"]{1,64}@[a-z0-9.-]{1,253}$/i);
const addresses = z.union([address, z.array(address).min(1).max(1_000)]);
const duration = z.string().regex(/^(?:\d+(?:ms|[smhd]))+$/);

const full = z.strictObject({
  to: addresses.optional(),
  cc: addresses.optional(),
  bcc: addresses.optional(),
  from: address.optional(),
  replyTo: address.optional(),
  subject: z.string().max(998).optional(),
  title: z.string().max(998).optional(),
  text: z.string().optional(),
  html: z.string().optional(),
  headers: z.record(z.string(), z.string()).optional(),
  attachments: z.array(z.strictObject({
    filename: z.string(),
    content: z.string(),
    contentType: z.string().optional(),
    cid: z.string().optional(),
  })).max(100).optional(),
  delay: duration.optional(),
  runAt: z.string().optional(),
  expires: z.string().optional(),
  priority: z.int().min(0).max(9).optional(),
  retry: z.union([z.int().min(0).max(100), z.string()]).optional(),
  timeout: duration.optional(),
  key: z.string().max(256).optional(),
  tags: z.array(z.string().max(64)).max(20).optional(),
  onUnknown: z.enum(["retry", "stop"]).optional(),
  retain: z.literal("none").optional(),
});

const four = z.object({
  to: z.string(),
  subject: z.string(),
  text: z.string(),
  delay: z.string(),
});

/** Stores a payload; resolves when it is on disk. */
type Keep = (id: string, dueAt: number, payload: string) => Promise<void>;

function manners(keep?: Keep): Hono {
  const app = new Hono();
  const ids = openIds(() => Date.now(), (bytes) => crypto.getRandomValues(bytes));
  let calls = 0;
  app.post("/notify", async ({ req: { raw } }) => {
    const requestId = raw.headers.get("x-request-id") ?? `req_${++calls}`;
    if (Number(raw.headers.get("content-length") ?? Infinity) > MAX_BYTES) {
      return new Response(null, { status: 413 });
    }
    const { data } = full.safeParse(await raw.json());
    if (!data) return new Response(null, { status: 422 });
    const id = ids("tsk");
    const at = Date.now();
    const time = new Date(at).toISOString();
    const { to, cc, bcc, from, replyTo, subject, text, html, headers, attachments, ...rest } = data;
    const task = {
      id,
      type: "notify",
      state: "queued",
      attempt: 0,
      createdAt: time,
      dueAt: rest.delay === undefined ? time : new Date(at + 3_600_000).toISOString(),
      priority: rest.priority ?? 5,
      key: rest.key,
      tags: rest.tags,
      attempts: [],
      payload: { from, to: [to], cc, bcc, replyTo, subject, text, html, headers, attachments },
    };
    if (keep) await keep(id, at, JSON.stringify(task.payload));
    return new Response(JSON.stringify(task), {
      status: 202,
      headers: {
        "content-type": "application/json",
        "x-request-id": requestId,
        location: `/tasks/${id}`,
      },
    });
  });
  return app;
}

function fourFields(): Hono {
  const app = new Hono();
  app.post("/notify", async (context) => {
    const { data } = four.safeParse(await context.req.json());
    if (!data) return context.json({ error: "invalid" }, 422);
    return context.json({ id: crypto.randomUUID(), state: "queued" }, 202);
  });
  return app;
}

/** Groups as Postrider does: what arrives while one group is written is the next. */
function openKeep(path: string): Keep {
  const worker = new Worker(new URL("reference_thread.ts", import.meta.url), { type: "module" });
  worker.postMessage(path);
  const underWay: (() => void)[][] = [];
  let rows: (string | number)[] = [];
  let waiting: (() => void)[] = [];
  let leaving = false;
  const leave = () => {
    leaving = false;
    if (waiting.length === 0 || underWay.length >= 2) return;
    underWay.push(waiting);
    worker.postMessage(rows);
    rows = [];
    waiting = [];
  };
  worker.onmessage = () => {
    underWay.shift()?.forEach((resolve) => resolve());
    leave();
  };
  return (id, dueAt, payload) =>
    new Promise((resolve) => {
      rows.push(id, dueAt, payload);
      waiting.push(resolve);
      if (waiting.length >= 16) leave();
      else if (!leaving) {
        leaving = true;
        setImmediate(leave);
      }
    });
}

const [kind, path = ""] = Deno.args;
const app = kind === "four"
  ? fourFields()
  : manners(kind === "durable" ? openKeep(path) : undefined);
Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) =>
    Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify({ port }) + "\n")),
}, app.fetch);
