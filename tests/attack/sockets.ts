/**
 * Many connections that do nothing, send slowly or stop in the middle: others
 * are served beside them, and when they are gone nothing is left of them. Also
 * where the service may open fewer files than there are connections.
 *
 * @module
 */

import { type Finding, must } from "./report.ts";
import { openWorld, type World } from "./world.ts";

const HEAD = "POST /notify HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n";
/** What each kind has sent when it stops. */
const KINDS = ["", HEAD, `${HEAD}Content-Length: 60\r\n\r\n{"to":`, `${HEAD}Content-Length: 0\r\n`];
/** Connections that are opened at once: more are refused by a full queue of the kernel. */
const AT_ONCE = 100;
/** Files that the limited service may open. */
const FEW = 512;

/** Holds `count` connections open, then more than a service with few descriptors can have. */
export async function sockets({ count }: { readonly count: number }): Promise<Finding[]> {
  const findings: Finding[] = [];
  {
    await using world = await openWorld();
    await works(world);
    const before = descriptorsOf(world);
    const held = await hold(world, count);
    const unserved: string[] = [];
    const latencies: number[] = [];
    for (let n = 0; n < 50; n++) {
      const from = performance.now();
      const { status } = await world.api.call("/livez").catch(() => ({ status: 0 }));
      latencies.push(performance.now() - from);
      if (status !== 200) unserved.push(`/livez: ${status}`);
    }
    unserved.push(...await works(world));
    const open = descriptorsOf(world) - before;
    for (const conn of held) conn.close();
    const kept = await isEventually(() => descriptorsOf(world) <= before + 8)
      ? []
      : [`${descriptorsOf(world)} descriptors open, ${before} before`];
    const worst = Math.max(...latencies);
    findings.push(
      must(`unserved beside ${open} connections that stopped`, unserved),
      must("connections left when their clients are gone", kept),
      must("connections that were not taken", open < 0.9 * count ? [`${open} of ${count}`] : []),
      {
        name: "/livez beside them, worst",
        value: `${Math.round(worst)} ms (goal: below 250)`,
        holds: worst < 250,
        isMeasure: true,
      },
    );
  }
  await using world = await openWorld({ POSTRIDER_CONCURRENCY: "64" }, { descriptors: FEW });
  const held = await hold(world, 2 * FEW);
  const { lines } = world.service;
  await lines.find(/Out of file descriptors/);
  const stops = () => lines.said.filter((line) => line.includes("Out of file descriptors")).length;
  const again = await isEventually(() => stops() > 1, 10) ? [`${stops()} times`] : [];
  for (const conn of held) conn.close();
  await lines.find(/New connections are accepted again/);
  findings.push(
    must("stopped listening a second time, although no client had closed", again),
    must(`unserved after more connections than ${FEW} files allow`, await works(world)),
  );
  return findings;
}

/** Opens connections, as many as can be had. */
async function hold({ api }: World, count: number): Promise<Deno.TcpConn[]> {
  const port = Number(new URL(api.url).port);
  const held: Deno.TcpConn[] = [];
  let isFull = false;
  for (let n = 0; n < count && !isFull; n += AT_ONCE) {
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - n) }, async (_, i) => {
      try {
        const conn = await Deno.connect({ hostname: "127.0.0.1", port });
        held.push(conn);
        await conn.write(new TextEncoder().encode(KINDS[i % KINDS.length]));
      } catch {
        isFull = true;
      }
    }));
  }
  return held;
}

/** What of a request and a mail did not work. */
async function works({ api, friendly }: World): Promise<string[]> {
  const name = crypto.randomUUID();
  const failed: string[] = [];
  const submits: [string, object][] = [
    ["/fetch", { url: `${friendly.url}/${name}`, method: "POST" }],
    ["/notify", { to: `${name}@example.org`, subject: name, text: "hello" }],
  ];
  for (const [path, body] of submits) {
    const { status, body: task } = await api.call<{ id: string }>(path, { ...body, retry: 0 });
    const state = status === 202 ? (await api.final(task.id)).state : status;
    if (state !== "succeeded") failed.push(`${path}: ${state}`);
  }
  return failed;
}

function descriptorsOf({ service }: World): number {
  return [...Deno.readDirSync(`/proc/${service.pid}/fd`)].length;
}

/** Looks ten times a second. */
async function isEventually(is: () => boolean, most = 300): Promise<boolean> {
  for (let tries = 0; tries < most; tries++) {
    if (is()) return true;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return false;
}
