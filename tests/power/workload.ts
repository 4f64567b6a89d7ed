/**
 * The work that power cuts interrupt: accepts, claims, settlements and purges, as the
 * queue's thread does them. After each group the ids that it acknowledged are
 * written beside the database, so that the recording tells what was promised
 * before any moment.
 *
 *     deno run -A workload.ts FOLDER SEED full|normal
 *
 * @module
 */

import { openIds } from "../../src/lib/ids.ts";
import {
  type FlatList,
  packSettlement,
  packSubmission,
  unpackClaims,
} from "../../src/queue/sqlite/codec.ts";
import { openFile } from "../../src/queue/sqlite/file/file.ts";
import { type Command, Store } from "../../src/queue/sqlite/store.ts";
import type { Settlement } from "../../src/task/outcome.ts";
import type { ClaimedTask, NewTask } from "../../src/task/task.ts";

const [folder = "", seed = "1", synchronous = "full"] = Deno.args;
const GROUPS = 150;
const encoder = new TextEncoder();

let state = Number(seed);
const random = () => (state = Math.imul(state, 48_271) % 0x7fffffff, Math.abs(state) / 0x7fffffff);

let now = Date.UTC(2026, 0, 1);
const ids = openIds(() => now, (bytes) => bytes.fill(7));
const file = openFile(`${folder}/postrider.db`);
const { db } = file;
if (synchronous === "normal") db.prepare("PRAGMA synchronous = NORMAL").get();
// Short, so that copying the log into the file is recorded, too.
db.prepare("PRAGMA wal_autocheckpoint = 60").get();
const store = new Store(file, now);
using promises = Deno.openSync(`${folder}/promises`, { create: true, append: true });

let n = 0;
const run = (...commands: Omit<Command, "n">[]) =>
  store.run({ now, commands: commands.map((command) => ({ ...command, n: ++n })) }).answers;

for (let group = 0; group < GROUPS; group++) {
  now += 1 + Math.floor(random() * 50);
  const tasks = Array.from({ length: 1 + Math.floor(random() * 12) }, aTask);
  run(
    ...tasks.map((task) => ({
      do: "insert" as const,
      with: [packSubmission({ tasks: [task] }), 1_000_000],
    })),
  );
  promises.writeSync(encoder.encode(tasks.map(({ id }) => `accepted ${id}\n`).join("")));
  if (random() < 0.5) continue;
  const [claimed] = run({ do: "claim", with: [8] });
  const settled = unpackClaims(claimed?.value as FlatList | undefined ?? []).map(settle);
  if (settled.length === 0) continue;
  const list: unknown[] = [];
  for (const settlement of settled) packSettlement(list, settlement);
  run({ do: "settleEach", with: [list] });
  promises.writeSync(encoder.encode(settled.map(({ id }) => `settled ${id}\n`).join("")));
}

function aTask(): NewTask {
  return {
    id: ids("tsk"),
    type: "fetch",
    channel: "http",
    lane: "http://example.org:80",
    payload: JSON.stringify({ url: "http://example.org/", body: "x".repeat(random() * 3_000) }),
    label: "GET http://example.org/",
    createdAt: now,
    dueAt: now,
    priority: 5,
    retry: [1_000],
    timeoutMs: 1_000,
    onUnknown: "retry",
  };
}

function settle({ id, attempt, startedAt }: ClaimedTask): Settlement {
  const record = { number: attempt, startedAt, endedAt: now, outcome: "delivered" } as const;
  return { id, attempt, event: "succeed", at: now, delivery: "delivered", record };
}
