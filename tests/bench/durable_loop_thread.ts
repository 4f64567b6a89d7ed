/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
/**
 * The thread of the durable loop. The first message is the file's path; each later
 * one is a group, executed in one commit and answered with the claimed tasks.
 *
 * @module
 */

import { DatabaseSync, type StatementSync } from "node:sqlite";

/** A claimed task. */
export interface Row {
  /** Its number. */
  readonly seq: number;
  /** JSON. */
  readonly payload: string;
}

/** The result of an attempt. */
export interface Settled {
  /** The number of its task. */
  readonly seq: number;
  /** JSON. */
  readonly result: string;
}

/** The work of one transaction. */
export interface Group {
  /** Payloads of new tasks. */
  readonly insert: readonly string[];
  /** The attempts that have ended. */
  readonly settle: readonly Settled[];
  /** How many to claim at most. */
  readonly claim: number;
}

type Name = "begin" | "insert" | "settle" | "next" | "claim" | "commit";

let statements: Record<Name, StatementSync> | undefined;

self.onmessage = ({ data }: MessageEvent<string | Group>) => {
  if (typeof data === "string") {
    statements = open(data);
  } else if (statements) {
    self.postMessage(carryOut(statements, data));
  }
};

function carryOut(sql: Record<Name, StatementSync>, { insert, settle, claim }: Group): Row[] {
  sql.begin.run();
  for (const payload of insert) sql.insert.run(payload);
  for (const { seq, result } of settle) sql.settle.run(result, seq);
  const rows = claim > 0 ? sql.next.all(claim) as unknown as Row[] : [];
  for (const { seq } of rows) sql.claim.run(seq);
  sql.commit.run();
  return rows;
}

function open(path: string): Record<Name, StatementSync> {
  const db = new DatabaseSync(path);
  for (const pragma of ["locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = FULL"]) {
    db.prepare(`PRAGMA ${pragma}`).get();
  }
  db.exec(`
    CREATE TABLE task (seq INTEGER PRIMARY KEY, state INTEGER, payload TEXT, result TEXT);
    CREATE INDEX queued ON task (seq) WHERE state = 0`);
  return {
    begin: db.prepare("BEGIN"),
    insert: db.prepare("INSERT INTO task (state, payload) VALUES (0, ?)"),
    settle: db.prepare("UPDATE task SET state = 2, result = ? WHERE seq = ?"),
    next: db.prepare(
      "SELECT seq, payload FROM task INDEXED BY queued WHERE state = 0 ORDER BY seq LIMIT ?",
    ),
    claim: db.prepare("UPDATE task SET state = 1 WHERE seq = ?"),
    commit: db.prepare("COMMIT"),
  };
}
