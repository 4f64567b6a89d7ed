/**
 * The tables of the file, and the migrations from older versions.
 *
 * Some columns keep the names of the first version: `era` is the generation,
 * `parked` what a task waits behind, `broken` the interrupted attempts in a row.
 *
 * `task` has the columns that claims and settlements use, `body` the bulky ones. A
 * task's number (`seq`) is the sequence number of its id, so the id needs no index.
 *
 * @module
 */

import type { DatabaseSync } from "node:sqlite";
import { EngineDamagedError, EngineError } from "../../engine.ts";

/** "Post" in ASCII: marks the file as ours. */
const APPLICATION_ID = 0x506f7374;

/** Each migrates the file from the version of its index to the next; none is ever changed. */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE task (
    seq         INTEGER PRIMARY KEY,
    id          TEXT    NOT NULL,
    type        TEXT    NOT NULL,
    state       INTEGER NOT NULL, -- index into TASK_STATES
    era         INTEGER NOT NULL, -- how many shutdown marks were set before it became queued
    lane        INTEGER NOT NULL,
    priority    INTEGER NOT NULL,
    parked      INTEGER NOT NULL, -- behind another of its key
    due_at      INTEGER NOT NULL,
    attempt     INTEGER NOT NULL,
    listed      INTEGER NOT NULL, -- rows in "attempt"
    broken      INTEGER NOT NULL, -- attempts in a row that were interrupted
    duplicate   INTEGER NOT NULL,
    erase       INTEGER NOT NULL, -- retain: none
    created_at  INTEGER NOT NULL,
    started_at  INTEGER,
    expires_at  INTEGER,
    finished_at INTEGER,
    key         TEXT,
    batch       INTEGER,
    parent      INTEGER,
    owner       TEXT,
    label       TEXT    NOT NULL,
    reason      TEXT,
    delivery    TEXT,
    aborting    TEXT,
    error       TEXT,
    change      INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX task_due      ON task (era, lane, priority, due_at, seq) WHERE state = 0 AND parked = 0;
  CREATE INDEX task_state    ON task (state, seq);
  CREATE INDEX task_turn     ON task (key, seq) WHERE state = 0 AND key IS NOT NULL;
  CREATE INDEX task_key      ON task (key, seq) WHERE key IS NOT NULL;
  CREATE INDEX task_batch    ON task (batch, seq) WHERE batch IS NOT NULL;
  CREATE INDEX task_parent   ON task (parent, seq) WHERE parent IS NOT NULL;
  CREATE INDEX task_expires  ON task (era, expires_at) WHERE state = 0 AND expires_at IS NOT NULL;
  CREATE INDEX task_finished ON task (finished_at) WHERE finished_at IS NOT NULL;

  CREATE TABLE body (
    seq      INTEGER PRIMARY KEY,
    checksum INTEGER NOT NULL,
    spec     TEXT    NOT NULL, -- what was decided when it was accepted, as JSON
    payload  TEXT
  ) STRICT;
  CREATE TABLE attempt (
    seq     INTEGER NOT NULL,
    ordinal INTEGER NOT NULL,
    record  TEXT    NOT NULL,
    PRIMARY KEY (seq, ordinal)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE result (seq INTEGER PRIMARY KEY, result TEXT, carry TEXT) STRICT;
  CREATE TABLE tag (
    tag TEXT    NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (tag, seq)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE holder (key TEXT PRIMARY KEY, seq INTEGER NOT NULL, era INTEGER NOT NULL)
    STRICT, WITHOUT ROWID;

  CREATE TABLE batch (
    seq        INTEGER PRIMARY KEY,
    id         TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    owner      TEXT,
    era        INTEGER NOT NULL,
    total      INTEGER NOT NULL,
    counts     TEXT    NOT NULL -- JSON, in the order of TASK_STATES
  ) STRICT;
  CREATE TABLE idempotency (
    scope       TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    fingerprint TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    expires_at  INTEGER NOT NULL,
    PRIMARY KEY (scope, key)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX idempotency_expires ON idempotency (expires_at);
  CREATE TABLE lane (
    id         INTEGER PRIMARY KEY,
    name       TEXT    NOT NULL UNIQUE,
    most       INTEGER,
    held_until INTEGER,
    reason     TEXT
  ) STRICT;
  CREATE TABLE meta (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    counts   TEXT    NOT NULL, -- JSON, in the order of TASK_STATES
    change   INTEGER NOT NULL, -- the latest change's number
    last     INTEGER NOT NULL, -- the highest sequence number ever kept
    era      INTEGER NOT NULL, -- shutdown marks set so far
    sweeping INTEGER NOT NULL, -- queued rows of earlier eras are still to be rewritten
    mark_at  INTEGER NOT NULL  -- when the latest mark was set
  ) STRICT;
  INSERT INTO meta VALUES (1, '[0,0,0,0,0,0]', 0, 0, 0, 0, 0);
  `,
  `CREATE INDEX task_change ON task (change)`,
  `
  ALTER TABLE task  ADD COLUMN follows INTEGER NOT NULL DEFAULT 0; -- has a row in "follower"
  ALTER TABLE batch ADD COLUMN follows INTEGER NOT NULL DEFAULT 0;
  CREATE TABLE follower (
    seq       INTEGER PRIMARY KEY, -- of a task or of a batch
    followers TEXT    NOT NULL
  ) STRICT;
  CREATE TABLE schedule (
    name    TEXT    PRIMARY KEY,
    version INTEGER NOT NULL,
    record  TEXT    NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE delivery (
    seq         INTEGER PRIMARY KEY,
    id          TEXT    NOT NULL,
    hook        TEXT    NOT NULL,
    received_at INTEGER NOT NULL,
    verdict     TEXT    NOT NULL,
    content     TEXT    NOT NULL
  ) STRICT;
  CREATE INDEX delivery_hook     ON delivery (hook, seq);
  CREATE INDEX delivery_received ON delivery (received_at);
  `,
  `
  ALTER TABLE batch ADD COLUMN most INTEGER; -- tasks of it that may run at once
  CREATE INDEX task_bench ON task (batch, seq) WHERE state = 0 AND parked = 2; -- behind others of its batch
  `,
  // From here on "attempt" is only read: its rows took a page more of each transaction.
  `ALTER TABLE result ADD COLUMN attempts TEXT; -- JSON records, separated by commas`,
  `
  DROP INDEX task_change;
  CREATE TABLE changed ( -- by each transaction
    change INTEGER PRIMARY KEY, -- the number of the last of its changes
    tasks  TEXT    NOT NULL, -- JSON, in the order of their changes
    counts TEXT    NOT NULL, -- as in "meta", which is older unless it names the same change
    last   INTEGER NOT NULL
  ) STRICT;
  INSERT INTO changed
  SELECT max(change), json_group_array(seq), '', 0
    FROM (SELECT seq, change, row_number() OVER (ORDER BY change) / 500 AS part FROM task)
   GROUP BY part;
  `,
  `DROP INDEX task_finished`,
  `ALTER TABLE batch ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0; -- what those that succeeded brought back`,
  // Keys belong to their owners: a task that waited behind another owner's task may go.
  `
  ALTER TABLE task ADD COLUMN channel      TEXT;
  ALTER TABLE task ADD COLUMN source       TEXT; -- NULL: a request
  ALTER TABLE task ADD COLUMN cancelled_by TEXT;
  CREATE INDEX task_source ON task (source, seq) WHERE source IS NOT NULL;
  CREATE INDEX task_aside  ON task (parked, due_at, attempt, era) -- what is queued and not simply due
   WHERE state = 0 AND (parked > 0 OR due_at > created_at);
  DROP INDEX task_turn;
  CREATE INDEX task_turn ON task (key, owner, seq) WHERE state = 0 AND key IS NOT NULL;
  CREATE TABLE holder_2 (name TEXT PRIMARY KEY, seq INTEGER NOT NULL, era INTEGER NOT NULL)
    STRICT, WITHOUT ROWID;
  INSERT INTO holder_2
  SELECT coalesce(task.owner, '') || '/' || task.key, seq, holder.era FROM holder JOIN task USING (seq);
  INSERT OR IGNORE INTO holder_2
  SELECT coalesce(owner, '') || '/' || key, min(seq), era FROM task
   WHERE state = 0 AND parked = 1 GROUP BY owner, key;
  DROP TABLE holder;
  ALTER TABLE holder_2 RENAME TO holder;
  UPDATE task SET parked = 0 WHERE state = 0 AND parked = 1 AND seq IN (SELECT seq FROM holder);
  CREATE TABLE pause (
    seq    INTEGER PRIMARY KEY, -- of its id
    record TEXT    NOT NULL
  ) STRICT;
  `,
  // Written to the file itself at the opening and at the end: a file in use without a log lacks tasks.
  `
  CREATE TABLE usage (one INTEGER PRIMARY KEY CHECK (one = 1), in_use INTEGER NOT NULL) STRICT;
  INSERT INTO usage VALUES (1, 0);
  `,
  // A move of the queue: "target" is where it has gone, "copied_to" how far it was copied to here.
  `
  CREATE TABLE move (
    one       INTEGER PRIMARY KEY CHECK (one = 1),
    source    TEXT    NOT NULL, -- identifies the queue that is copied from
    target    TEXT,
    copied_to INTEGER
  ) STRICT;
  `,
  // What was counted in each step of each length; "run" is the process that counted.
  `
  CREATE TABLE history (
    step  INTEGER NOT NULL, -- its length in milliseconds
    at    INTEGER NOT NULL,
    run   TEXT    NOT NULL,
    tally TEXT    NOT NULL, -- JSON
    PRIMARY KEY (step, at, run)
  ) STRICT, WITHOUT ROWID;
  `,
  // Sessions of the dashboard that were signed out before their end.
  `
  CREATE TABLE ended_session (
    id    TEXT    PRIMARY KEY,
    until INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
];

/** The version of the file that this program writes. */
export const SCHEMA_VERSION: number = MIGRATIONS.length;

/** Larger files are not checked as a whole at the start; every payload is checked when it is read. */
const QUICK_CHECK_BYTES = 64 * 2 ** 20;

/** Migrates the file to the present version. Throws an `EngineError` when it cannot be used. */
export function migrate(db: DatabaseSync, path: string): void {
  const version = pragma(db, "user_version");
  const application = pragma(db, "application_id");
  if (version > MIGRATIONS.length) {
    throw new EngineError(
      `Cannot open queue "${path}": it was written by a newer Postrider (file version ${version}, this one reads up to ${MIGRATIONS.length})`,
    );
  }
  if (version === 0 ? pragma(db, "schema_version") !== 0 : application !== APPLICATION_ID) {
    throw new EngineError(`Cannot open queue "${path}": expected a file of Postrider`);
  }
  if (version > 0 && pragma(db, "page_count") * pragma(db, "page_size") <= QUICK_CHECK_BYTES) {
    const row = db.prepare("PRAGMA quick_check(1)").get() as { quick_check: string } | undefined;
    if (row?.quick_check !== "ok") {
      throw new EngineDamagedError(`Cannot open queue "${path}": ${row?.quick_check}`);
    }
  }
  if (version === MIGRATIONS.length) return;
  db.exec("BEGIN IMMEDIATE");
  for (const step of MIGRATIONS.slice(version)) db.exec(step);
  db.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
  db.exec(`PRAGMA user_version = ${MIGRATIONS.length}`);
  db.exec("COMMIT");
}

/** The value of a numeric pragma. */
export function pragma(db: DatabaseSync, name: string): number {
  const row = db.prepare(`PRAGMA ${name}`).get() ?? {};
  return Number(Object.values(row)[0] ?? 0);
}
