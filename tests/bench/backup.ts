/**
 * `deno task bench:backup [MIB]`: the latency of submits without and with a backup,
 * and how many of the tasks that were acknowledged before it are in the copy.
 *
 * @module
 */

// deno-lint-ignore-file no-console -- a program for the terminal

import { DatabaseSync } from "node:sqlite";
import { aFolder, type Api, startPostrider } from "../support/process.ts";

const BODY = "x".repeat(256 * 1_024);
const CALLERS = 8;
const QUIET_MS = 5_000;

const bodyOf = (body: string) => ({
  url: "https://example.org/",
  method: "POST",
  delay: "10d",
  body,
});

async function main(mib: number): Promise<void> {
  await using folder = await aFolder();
  await using service = startPostrider({ data: folder.path });

  const api = await service.listening;
  const acknowledged: string[] = [];
  const submit = async (body: string) => {
    const { status, body: task } = await api.call<{ id: string }>("/fetch", bodyOf(body));
    if (status !== 202) throw new Error(`POST /fetch: ${status}`);
    acknowledged.push(task.id);
  };
  let left = mib * 4;
  await Promise.all(Array.from({ length: CALLERS }, async () => {
    while (left-- > 0) await submit(BODY);
  }));
  const quiet = await latencies(submit, new Promise((done) => setTimeout(done, QUIET_MS)));
  const before = acknowledged.length;
  const copy = `${folder.path}/copy.db`;
  const startedAt = performance.now();
  const download = backUp(api, copy);
  const busy = await latencies(submit, download.then(() => {}));
  const seconds = (performance.now() - startedAt) / 1_000;
  const bytes = await download;
  using db = new DatabaseSync(copy);
  const stored = new Set(db.prepare("SELECT id FROM task").all().map(({ id }) => id));
  const missing = acknowledged.slice(0, before).filter((id) => !stored.has(id)).length;
  console.table([summary("without a backup", quiet), summary("beside a backup", busy)]);
  console.log(
    `The backup of ${(bytes / 2 ** 20).toFixed(0)} MiB and its download took ` +
      `${seconds.toFixed(1)} s; ${missing} of ${before} tasks acknowledged before are missing`,
  );
}

/** The latencies of single submits, one after the other from each caller, until then. */
async function latencies(
  submit: (body: string) => Promise<void>,
  until: Promise<void>,
): Promise<number[]> {
  const taken: number[] = [];
  let isOver = false;
  const over = until.finally(() => isOver = true);
  await Promise.all(Array.from({ length: CALLERS }, async () => {
    while (!isOver) {
      const at = performance.now();
      await submit("hello");
      taken.push(performance.now() - at);
    }
  }));
  await over;
  return taken.sort((a, b) => a - b);
}

function summary(name: string, taken: readonly number[]) {
  const at = (share: number) =>
    `${(taken[Math.floor(share * (taken.length - 1))] ?? 0).toFixed(1)} ms`;
  return { name, submits: taken.length, p50: at(0.5), p99: at(0.99), worst: at(1) };
}

async function backUp(api: Api, path: string): Promise<number> {
  const response = await fetch(`${api.url}/admin/backup`, { method: "POST" });
  if (!response.ok || !response.body) {
    throw new Error(`POST /admin/backup: ${response.status} ${await response.text()}`);
  }
  await response.body.pipeTo((await Deno.create(path)).writable);
  return (await Deno.stat(path)).size;
}

if (import.meta.main) await main(Number(Deno.args[0] ?? 1_024));
