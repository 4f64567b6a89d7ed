/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
/**
 * The thread of the durable reference. The first message is the file's path; each
 * later one is a group of rows, written in one commit and answered.
 *
 * @module
 */

import { DatabaseSync, type StatementSync } from "node:sqlite";

let statements: Record<"begin" | "insert" | "commit", StatementSync> | undefined;

self.onmessage = ({ data }: MessageEvent<string | (string | number)[]>) => {
  if (typeof data === "string") {
    statements = open(data);
  } else if (statements) {
    statements.begin.run();
    for (let at = 0; at < data.length; at += 3) {
      statements.insert.run(data[at]!, data[at + 1]!, data[at + 2]!);
    }
    statements.commit.run();
    self.postMessage(null);
  }
};

function open(path: string) {
  const db = new DatabaseSync(path);
  for (const pragma of ["locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = FULL"]) {
    db.prepare(`PRAGMA ${pragma}`).get();
  }
  db.exec(
    "CREATE TABLE task (id TEXT, due_at INTEGER, payload TEXT); CREATE INDEX due ON task (due_at)",
  );
  return {
    begin: db.prepare("BEGIN"),
    insert: db.prepare("INSERT INTO task VALUES (?, ?, ?)"),
    commit: db.prepare("COMMIT"),
  };
}
