/**
 * A file's store without its thread, for tests of what one group of commands does.
 *
 * @module
 */

import { openIds } from "../../../src/lib/ids.ts";
import { packSettlement, packTask } from "../../../src/queue/sqlite/codec.ts";
import { Ballast } from "../../../src/queue/sqlite/file/ballast.ts";
import { openFile } from "../../../src/queue/sqlite/file/file.ts";
import { type Command, Store } from "../../../src/queue/sqlite/store.ts";
import type { Settlement } from "../../../src/task/outcome.ts";
import type { NewTask } from "../../../src/task/task.ts";

const ids = openIds(() => 1_800_000_000_000, (bytes) => bytes.fill(3));

/** A request that is due. */
export function aTask(): NewTask {
  return {
    id: ids("tsk"),
    type: "fetch",
    channel: "http",
    lane: "http://example.org:80",
    payload: "x".repeat(500),
    label: "GET /",
    createdAt: 0,
    dueAt: 0,
    priority: 5,
    retry: [],
    timeoutMs: 1_000,
    onUnknown: "retry",
  };
}

/** The command that stores single tasks. */
export function inserting(tasks: readonly NewTask[], maxQueued: number): Omit<Command, "n"> {
  const list: unknown[] = [];
  for (const task of tasks) {
    packTask(list, task);
    list.push(undefined);
  }
  return { do: "insertEach", with: [list, maxQueued] };
}

/** The command that settles attempts. */
export function settling(settlements: readonly Settlement[]): Omit<Command, "n"> {
  const list: unknown[] = [];
  for (const settlement of settlements) packSettlement(list, settlement);
  return { do: "settleEach", with: [list] };
}

/** Opens the store of a new file. */
export async function aStore({ ballastBytes = 0 } = {}) {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/q.db`;
  const file = openFile(path);
  const { db } = file;
  const ballast = new Ballast(`${path}.ballast`, ballastBytes);
  const store = new Store(file, 1_000, ballast);
  let n = 0;
  return {
    path,
    ballast,
    now: 1_000,
    run(...commands: Omit<Command, "n">[]) {
      // As they cross to the thread.
      const numbered = structuredClone(commands.map((command) => ({ ...command, n: ++n })));
      return store.run({ now: this.now, commands: numbered });
    },
    /** All that is stored, as one text. */
    dump(): string {
      const tables = ["task", "body", "result", "holder", "batch", "tag", "changed", "meta"];
      const rows = tables.map((table) => db.prepare(`SELECT * FROM ${table}`).all());
      return JSON.stringify(
        Object.fromEntries(tables.map((table, at) => [table, rows[at]])),
        null,
        1,
      );
    },
    /** Limits the file to that many pages, or to what it uses already. */
    limitPages(pages: number): void {
      db.prepare(`PRAGMA max_page_count = ${pages}`).get();
    },
    async [Symbol.asyncDispose](): Promise<void> {
      store.close();
      await Deno.remove(folder, { recursive: true });
    },
  };
}
