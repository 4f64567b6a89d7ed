/**
 * The tables, and the migrations from older schemas.
 *
 * `@.` is the schema's name and a dot. `task` holds what claims and settlements
 * read and write, `body` the large content. JSON is stored as text: `jsonb` would reorder it.
 *
 * @module
 */

import { compact } from "../../../lib/compact.ts";
import { EngineError } from "../../errors.ts";
import type { Connection } from "./connection.ts";
import { FUNCTIONS, FUNCTIONS_VERSION } from "./functions.ts";

/** Migrations: the step at index N takes the schema from version N to N + 1. Never change a released step. */
const MIGRATIONS: readonly string[] = [
  `
CREATE SEQUENCE @.change_seq;
CREATE SEQUENCE @.turn_seq;

CREATE TABLE @.task (
  seq         bigint   PRIMARY KEY, -- the id's sequence number
  id          text     NOT NULL,
  type        text     NOT NULL,
  state       smallint NOT NULL, -- index into TASK_STATES
  lane        int      NOT NULL,
  priority    smallint NOT NULL,
  behind      smallint NOT NULL, -- bits of BEHIND
  due_at      bigint   NOT NULL,
  attempt     int      NOT NULL,
  listed      int      NOT NULL, -- attempt records in "result"
  interrupted smallint NOT NULL, -- attempts in a row that a crash interrupted
  duplicate   boolean  NOT NULL,
  erase       boolean  NOT NULL, -- retain: none
  follows     boolean  NOT NULL, -- has a row in "follow_up"
  created_at  bigint   NOT NULL,
  started_at  bigint,
  expires_at  bigint,
  finished_at bigint,
  key         text,
  key_name    text GENERATED ALWAYS AS (coalesce(owner, '') || '/' || key) STORED, -- of its owner
  turn        bigint,            -- order within the key
  batch       bigint,
  parent      bigint,
  owner       text,
  label       text     NOT NULL,
  folded      text,              -- the label in lower case, where that differs
  reason      text,
  delivery    text,
  aborting    text,
  channel     text,
  source      text,              -- NULL: a request
  cancelled_by text,
  error       text,
  node        int,               -- the node that runs it
  change      bigint   NOT NULL
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
        autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
-- Partial wherever possible: an update writes only the indexes whose predicate the new row meets.
CREATE INDEX task_due     ON @.task (lane, priority, due_at, seq) WHERE state = 0 AND behind = 0;
CREATE INDEX task_queued  ON @.task (seq) WHERE state = 0;
CREATE INDEX task_running ON @.task (lane, node) WHERE state = 1;
CREATE INDEX task_final   ON @.task (state, seq) WHERE state > 1;
CREATE INDEX task_turn    ON @.task (key_name, turn) WHERE state = 0 AND key IS NOT NULL;
CREATE INDEX task_key     ON @.task (key, seq) WHERE key IS NOT NULL;
CREATE INDEX task_batch   ON @.task (batch, seq) WHERE batch IS NOT NULL;
CREATE INDEX task_waiting ON @.task (batch, seq) WHERE state = 0 AND behind = 2;
CREATE INDEX task_parent  ON @.task (parent, seq) WHERE parent IS NOT NULL;
CREATE INDEX task_expires ON @.task (expires_at) WHERE state = 0 AND expires_at IS NOT NULL;

CREATE INDEX task_source  ON @.task (source, seq) WHERE source IS NOT NULL;
CREATE TABLE @.pause (seq bigint PRIMARY KEY, record text NOT NULL);

CREATE TABLE @.body (
  seq      bigint PRIMARY KEY,
  checksum bigint NOT NULL,
  spec     text   NOT NULL, -- what was decided at acceptance, as JSON
  payload  text
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);
CREATE TABLE @.result (
  seq      bigint PRIMARY KEY,
  attempts text, -- JSON records, separated by commas
  result   text,
  carry    text
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);
CREATE TABLE @.tag (tag text, seq bigint, PRIMARY KEY (tag, seq));
CREATE INDEX tag_seq ON @.tag (seq);
CREATE TABLE @.follow_up (seq bigint PRIMARY KEY, follow_ups text NOT NULL);
CREATE TABLE @.holder (key text PRIMARY KEY, seq bigint NOT NULL)
  WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
CREATE TABLE @.batch (
  seq         bigint  PRIMARY KEY,
  id          text    NOT NULL,
  created_at  bigint  NOT NULL,
  owner       text,
  total       int     NOT NULL,
  counts      text    NOT NULL, -- JSON, in the order of TASK_STATES
  bytes       bigint  NOT NULL,
  follows     boolean NOT NULL,
  concurrency int
) WITH (fillfactor = 50);
CREATE TABLE @.idempotency (
  scope       text,
  key         text,
  fingerprint text   NOT NULL,
  id          text   NOT NULL,
  expires_at  bigint NOT NULL,
  PRIMARY KEY (scope, key)
);
CREATE INDEX idempotency_expires ON @.idempotency (expires_at);
CREATE TABLE @.schedule (name text PRIMARY KEY, version bigint NOT NULL, record text NOT NULL);
CREATE TABLE @.delivery (
  seq         bigint PRIMARY KEY,
  id          text   NOT NULL,
  hook        text   NOT NULL,
  received_at bigint NOT NULL,
  verdict     text   NOT NULL,
  content     text   NOT NULL
);
CREATE INDEX delivery_hook     ON @.delivery (hook, seq);
CREATE INDEX delivery_received ON @.delivery (received_at);
CREATE TABLE @.lane (
  id         int    GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name       text   NOT NULL UNIQUE,
  own_limit  int,               -- set for this lane
  adaptive_limit      int,               -- the adaptive concurrency limit
  paid_at    double precision NOT NULL DEFAULT 0, -- when the cost of its past attempts is paid off (GCRA)
  held_until bigint NOT NULL DEFAULT 0,
  reason     text
) WITH (fillfactor = 30, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
-- Number of tasks by state: one row for each connection that writes, so that none waits for another. Only the sum is exact.
CREATE TABLE @.tally (slot int PRIMARY KEY, counts bigint[] NOT NULL)
  WITH (fillfactor = 30, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
CREATE TABLE @.changed (change bigint PRIMARY KEY, tasks bigint[] NOT NULL)
  WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);
CREATE TABLE @.node (
  id     int    GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  slot   int    NOT NULL UNIQUE, -- the low bits of the ids that it creates
  name   text   NOT NULL,
  since  bigint NOT NULL,
  seen   bigint NOT NULL,
  report text   NOT NULL -- JSON
) WITH (fillfactor = 30, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
-- A move of the queue: "target" is where it has gone, "copied_to" how far it was copied to here.
CREATE TABLE @.move (
  one       int    PRIMARY KEY CHECK (one = 1),
  source    text   NOT NULL, -- identifies the queue that is copied from
  target    text,
  copied_to bigint
);
-- One row: who leads until when, what has been purged, the limits towards hosts.
CREATE TABLE @.state (
  one          int     PRIMARY KEY CHECK (one = 1),
  leader       int,
  leader_until bigint  NOT NULL,
  purged_to    bigint  NOT NULL,
  last         bigint  NOT NULL -- the highest sequence number known to be taken
);
INSERT INTO @.state VALUES (1, NULL, 0, 0, 0);
  `,
  // What was counted in each step of each length; "run" is the process that counted.
  `
CREATE TABLE @.history (
  step  int    NOT NULL, -- its length in milliseconds
  at    bigint NOT NULL,
  run   text   NOT NULL,
  tally text   NOT NULL, -- JSON
  PRIMARY KEY (step, at, run)
);
  `,
  // Sessions of the dashboard that were signed out before their end.
  `
CREATE TABLE @.ended_session (
  id    text   PRIMARY KEY,
  until bigint NOT NULL
);
  `,
  `
ALTER TABLE @.lane ADD COLUMN health text; -- JSON, what is known of a lane that had faults; NULL: nothing

-- Queued tasks by API key: one row for each key and connection that writes, as in "tally".
CREATE TABLE @.owner_tally (owner text, slot int, queued bigint NOT NULL, PRIMARY KEY (owner, slot))
  WITH (fillfactor = 30, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
INSERT INTO @.owner_tally
SELECT owner, 0, count(*) FROM @.task WHERE state = 0 AND owner IS NOT NULL GROUP BY owner;

-- The mark of the folder that all nodes see, and what each node sees.
ALTER TABLE @.state ADD COLUMN folder text;
ALTER TABLE @.node ADD COLUMN folder text;

-- Token buckets: when all that was taken has flowed back, in milliseconds since the epoch.
CREATE TABLE @.bucket (name text PRIMARY KEY, paid_at double precision NOT NULL)
  WITH (fillfactor = 30, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

-- Queued tasks that are not simply due are counted from these.
CREATE INDEX task_later  ON @.task (due_at) INCLUDE (attempt) WHERE state = 0 AND behind < 4 AND due_at > created_at;
CREATE INDEX task_behind ON @.task (due_at) WHERE state = 0 AND behind BETWEEN 1 AND 3;
CREATE INDEX task_paused ON @.task (seq) WHERE state = 0 AND behind >= 4;
  `,
  // Written with the task: a generated column costs each insert about a tenth of its time.
  `
ALTER TABLE @.task ALTER COLUMN key_name DROP EXPRESSION IF EXISTS;

-- How often each was announced, for nodes that poll or have missed the notice.
CREATE TABLE @.announcement (what text PRIMARY KEY, number bigint NOT NULL);
  `,
];

/** Held while a node registers, and while the queue is moved. */
export const NODES_LOCK = "((9::bigint << 56) | 1)";
/** Held during a migration, so that nodes that start together migrate one after the other. */
const MIGRATION_LOCK = "(9::bigint << 56)";

/**
 * Brings the schema up to date, and creates it when there is none; `check`
 * changes nothing. Rejects with an `EngineError` for a schema of a newer version,
 * of another program, or one that `check` finds out of date.
 */
export async function migrate(
  connection: Connection,
  schema: string,
  mode: "auto" | "check",
): Promise<void> {
  const wanted = `${MIGRATIONS.length}.${FUNCTIONS_VERSION}`;
  const run = (text: string) =>
    connection.run({ name: "", text: text.replaceAll("@.", `${schema}.`) });
  await run("BEGIN");
  await run(`SELECT pg_advisory_xact_lock(${MIGRATION_LOCK})`);
  const found = await versionOf(connection, schema);
  if (found === wanted) return void await run("COMMIT");
  const [version = 0, functions = 0] = found?.split(".").map(Number) ?? [];
  if (version > MIGRATIONS.length) {
    await run("ROLLBACK");
    throw new EngineError(
      `Cannot open queue schema "${schema}": it was written by a newer Postrider ` +
        `(version ${version}, this one supports ${MIGRATIONS.length})`,
    );
  }
  if (mode === "check") {
    await run("ROLLBACK");
    throw new EngineError(
      `Cannot open queue schema "${schema}": expected version ${wanted}, found ${
        found ?? "none"
      }; ` +
        `start one node with POSTRIDER_MIGRATE=auto`,
    );
  }
  if (found === undefined) {
    await run(`CREATE SCHEMA IF NOT EXISTS ${schema}`);
    await run(`CREATE TABLE @.meta (version text NOT NULL)`);
    await run(`INSERT INTO @.meta VALUES ('0.0')`);
  }
  for (const step of MIGRATIONS.slice(version)) await runAll(connection, step, schema);
  if (functions <= FUNCTIONS_VERSION) await runAll(connection, FUNCTIONS, schema);
  await run(`UPDATE @.meta SET version = '${wanted}'`);
  await run("COMMIT");
}

/** The state of a move. */
export interface Move {
  /** Where the queue has gone; absent when it was not moved. */
  readonly to?: string;
  /** Whether it is an unfinished copy. */
  readonly isCopy: boolean;
}

/** Whether the queue was moved; `undefined` when there is no queue. */
export async function readMove(connection: Connection, schema: string): Promise<Move | undefined> {
  const [found] = await connection.run({
    name: "",
    text: `SELECT to_regclass('${schema}.move') IS NOT NULL`,
  });
  if (!found?.[0]) return undefined;
  const [row] = await connection.run({
    name: "",
    text: `SELECT target, copied_to FROM ${schema}.move`,
  });
  const [to, copiedTo] = row ?? [];
  return { ...compact({ to: to ?? undefined }), isCopy: typeof copiedTo === "number" };
}

/** Throws an `EngineError` for a queue that was moved, or is an unfinished copy; `force` forgets the former. */
export async function refuseMoved(
  connection: Connection,
  schema: string,
  force: boolean,
): Promise<void> {
  const move = await readMove(connection, schema);
  if (move?.isCopy) {
    throw new EngineError(
      `Cannot open queue schema "${schema}": it is an unfinished copy; run "deno task migrate" again`,
    );
  }
  if (move?.to === undefined) return;
  if (!force) {
    throw new EngineError(
      `Cannot open queue schema "${schema}": its tasks were moved to ${move.to} and would be ` +
        "attempted twice; start with --force to open it nevertheless",
    );
  }
  await connection.run({ name: "", text: `DELETE FROM ${schema}.move` });
}

/** Reads the version of the schema; `undefined` when there is none yet. */
async function versionOf(connection: Connection, schema: string): Promise<string | undefined> {
  const [found] = await connection.run({
    name: "",
    text:
      `SELECT to_regclass('${schema}.meta') IS NOT NULL, to_regclass('${schema}.task') IS NOT NULL`,
  });
  if (!found?.[0]) {
    if (!found?.[1]) return undefined;
    throw new EngineError(
      `Cannot open queue schema "${schema}": expected an empty schema or one that Postrider created`,
    );
  }
  const [row] = await connection.run({ name: "", text: `SELECT version FROM ${schema}.meta` });
  return row?.[0];
}

/** Runs several statements without values; with values, the driver takes one at a time. */
async function runAll(connection: Connection, text: string, schema: string): Promise<void> {
  await connection.runScript(text.replaceAll("@.", `${schema}.`));
}
