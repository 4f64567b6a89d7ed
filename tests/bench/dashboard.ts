/**
 * The dashboard over a million tasks: `deno task bench:dashboard [--tasks N]`.
 *
 * Measures how soon a page is painted, and how soon it shows a change, in
 * Debian's Chromium beside the service on the same machine. Each page is opened
 * once before it is measured: an operator's is not the first request of a new
 * process. The first row is a page of one line from a server that does nothing
 * else: what the browser itself takes.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { systemClock } from "../../src/lib/clock.ts";
import { openIds } from "../../src/lib/ids.ts";
import { openSqliteEngine } from "../../src/queue/sqlite/engine.ts";
import { Chromium } from "../browser/browser.ts";
import { aFolder, startPostrider } from "../support/process.ts";
import { figure, machine, say } from "./table.ts";

const { values } = parseArgs({ args: Deno.args, options: { tasks: { type: "string" } } });
const most = Number(values.tasks ?? 1_000_000);
const ROUNDS = 10;

await machine();
await using data = await aFolder();
await fill();
await using postrider = startPostrider({
  data: data.path,
  env: { POSTRIDER_MAX_QUEUED: `${2 * most}` },
});
const api = await postrider.listening;
await using chromium = await Chromium.start();
const { page } = await chromium.open(api.url);

await using plain = Deno.serve(
  { hostname: "127.0.0.1", port: 0, onListen() {} },
  () =>
    new Response("<!doctype html><title>One line</title><p>One line", {
      headers: { "content-type": "text/html" },
    }),
);

say(`With ${figure(most)} tasks in the queue, the middle and the worst of ${ROUNDS}, after one`);
say("that is not measured:", "");
say("| page | response | first paint | all there |", "|---|---:|---:|---:|");
await measure("one line, plain server", `http://127.0.0.1:${plain.addr.port}/`);
const paths = [
  "/",
  "/ui/tasks",
  "/ui/tasks?state=queued&tag=t7",
  "/ui/tasks?q=host-77",
  "/ui/lanes",
];
for (const path of paths) await measure(path, path);

const updates: number[] = [];
await page.goto("/");
await page.locator("#connection.on").waitFor();
for (let round = 0; round < ROUNDS; round++) {
  const subject = `Round ${round} ${crypto.randomUUID()}`;
  const shown = page.locator("#latest", { hasText: subject }).waitFor();
  const at = performance.now();
  await api.call("/notify", { to: "ada@example.org", subject, text: "t", delay: "1h" });
  await shown;
  updates.push(performance.now() - at);
}
say("", `From a submit to its row on the overview, live: ${spread(updates)}.`);

/** Opens a page again and again, and prints the times from the start of the navigation. */
async function measure(name: string, url: string): Promise<void> {
  const responses: number[] = [];
  const paints: number[] = [];
  const loads: number[] = [];
  for (let round = -1; round < ROUNDS; round++) {
    await page.goto(url, { waitUntil: "load" });
    const [response, paint, load] = await page.evaluate(
      `new Promise((resolve) => new PerformanceObserver((list) => {
        const [{ responseStart, domComplete }] = performance.getEntriesByType("navigation");
        for (const { name, startTime } of list.getEntries()) {
          if (name === "first-contentful-paint") resolve([responseStart, startTime, domComplete]);
        }
      }).observe({ type: "paint", buffered: true }))`,
    ) as [number, number, number];
    if (round < 0) continue;
    responses.push(response);
    paints.push(paint);
    loads.push(load);
  }
  say(`| ${name} | ${spread(responses)} | ${spread(paints)} | ${spread(loads)} |`);
}

/** Submits `count` tasks that wait for an hour, with a hundred hosts and a hundred tags. */
async function fill(): Promise<void> {
  const path = `${data.path}/postrider.db`;
  await using engine = await openSqliteEngine({ path, clock: systemClock, maxQueued: 2 * most });
  const ids = openIds(systemClock.now, (bytes) => crypto.getRandomValues(bytes));
  for (let left = most; left > 0; left -= 1_000) {
    const now = systemClock.now();
    const tasks = Array.from({ length: Math.min(1_000, left) }, (_, n) => ({
      id: ids("tsk"),
      type: "fetch" as const,
      channel: "http",
      lane: `https://host-${n % 100}.example.org:443`,
      payload: `{"url":"https://host-${n % 100}.example.org/","method":"GET","headers":{}}`,
      label: `GET https://host-${n % 100}.example.org/`,
      createdAt: now,
      dueAt: now + 3_600_000,
      priority: 5,
      retry: [],
      timeoutMs: 30_000,
      onUnknown: "retry" as const,
      tags: [`t${n % 100}`],
    }));
    await engine.insert({ tasks });
  }
}

function spread(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b);
  const [middle = 0, worst = 0] = [sorted[Math.floor(sorted.length / 2)], sorted.at(-1)];
  return `${Math.round(middle)} · ${Math.round(worst)} ms`;
}
