/**
 * All statements with fixed text.
 *
 * @module
 */

import type { DatabaseSync, StatementSync } from "node:sqlite";
import { MAX_BRIEF } from "../../core/row.ts";
import { BEGUN_MARKS, BODY_COLUMNS, ROW_COLUMNS, ROW_MARKS, UPDATE_COLUMNS } from "./rows.ts";

const insertTasks = (rows: number, marks = ROW_MARKS) => `
    INSERT INTO task (${ROW_COLUMNS}) VALUES ${Array(rows).fill(`(${marks})`).join(", ")}`;
const insertBodies = (rows: number) => `
    INSERT INTO body (seq, checksum, spec, payload)
    VALUES ${Array(rows).fill("(?, ?, ?, CAST(? AS TEXT))").join(", ")}`;

/** The condition of the index "task_aside", of queued tasks that are not simply due. */
export const ASIDE = "state = 0 AND (parked > 0 OR due_at > created_at)";

const TEXTS = {
  begin: `BEGIN`,
  commit: `COMMIT`,
  rollback: `ROLLBACK`,

  insertTasks1: insertTasks(1),
  insertTasks4: insertTasks(4),
  insertTasks16: insertTasks(16),
  insertBegun1: insertTasks(1, BEGUN_MARKS),
  insertBegun4: insertTasks(4, BEGUN_MARKS),
  insertBegun16: insertTasks(16, BEGUN_MARKS),
  insertBodies1: insertBodies(1),
  insertBodies4: insertBodies(4),
  insertBodies16: insertBodies(16),
  /** Inserts nothing when its values are null. */
  insertLongBody: `
    INSERT INTO body (seq, checksum, spec, payload)
    SELECT ?1, ?2, ?3, CAST(?4 AS TEXT) WHERE ?1 IS NOT NULL`,
  insertTag: `INSERT OR IGNORE INTO tag (tag, seq) VALUES (?, ?)`,

  task: `SELECT ${ROW_COLUMNS} FROM task WHERE seq = ?`,
  body: `SELECT ${BODY_COLUMNS} FROM body WHERE seq = ?`,
  spec: `SELECT spec FROM body WHERE seq = ?`,
  long: `
    SELECT spec, octet_length(payload) AS bytes FROM body
     WHERE seq = ? AND octet_length(payload) > ${MAX_BRIEF}`,
  attempts: `SELECT record FROM attempt WHERE seq = ? ORDER BY ordinal`,
  result: `SELECT result, attempts FROM result WHERE seq = ?`,
  carry: `SELECT carry FROM result WHERE seq = ?`,

  /** Due tasks of one lane and priority, in the order in which they are served. */
  due: `
    SELECT ${ROW_COLUMNS}, ${BODY_COLUMNS}
      FROM task INDEXED BY task_due LEFT JOIN body USING (seq)
     WHERE era = ? AND lane = ? AND priority = ? AND due_at <= ? AND state = 0 AND parked = 0
     ORDER BY due_at, seq LIMIT ?`,
  /** When the first queued task there is due. */
  head: `
    SELECT due_at FROM task INDEXED BY task_due
     WHERE era = ? AND lane = ? AND priority = ? AND state = 0 AND parked = 0
     ORDER BY due_at LIMIT 1`,
  /** The first task of the next lane and priority that has any. */
  nextSlot: `
    SELECT lane, priority, due_at FROM task INDEXED BY task_due
     WHERE era = ? AND (lane, priority) > (?, ?) AND state = 0 AND parked = 0
     ORDER BY lane, priority, due_at LIMIT 1`,
  expiring: `
    SELECT seq FROM task INDEXED BY task_expires
     WHERE era = ? AND expires_at <= ? AND state = 0 LIMIT ?`,
  nextExpiry: `
    SELECT expires_at FROM task INDEXED BY task_expires
     WHERE era = ? AND expires_at IS NOT NULL AND state = 0 ORDER BY expires_at LIMIT 1`,
  /** Queued tasks whose time is later, by whether they were tried before; none of them is parked. */
  later: `
    SELECT attempt > 0 AS retrying, count(*) AS tasks FROM task INDEXED BY task_aside
     WHERE parked = 0 AND due_at > ? AND due_at <= ? AND ${ASIDE} AND era = ? GROUP BY 1`,
  pausedCount: `
    SELECT count(*) AS tasks FROM task INDEXED BY task_aside
     WHERE parked >= 4 AND ${ASIDE} AND era = ?`,
  oldestBehind: `
    SELECT min(due_at) AS due_at FROM task INDEXED BY task_aside
     WHERE parked IN (1, 2, 3) AND ${ASIDE} AND era = ? AND due_at <= ?`,
  queuedOfOwners: `
    SELECT owner, count(*) AS tasks FROM task WHERE state = 0 AND era = ? GROUP BY owner`,
  /** Where a number of queued tasks ends, in the order of acceptance. */
  queuedWindow: `
    SELECT seq FROM task INDEXED BY task_state
     WHERE state = 0 AND seq > ? ORDER BY seq LIMIT 1 OFFSET ?`,
  /** Paused tasks, for a pause that has ended. */
  pausedAfter: `
    SELECT ${ROW_COLUMNS} FROM task INDEXED BY task_aside
     WHERE parked >= 4 AND ${ASIDE} AND (parked, due_at, seq) > (?, ?, ?)
     ORDER BY parked, due_at, seq LIMIT ?`,
  pauses: `SELECT record FROM pause ORDER BY seq`,
  insertPause: `INSERT INTO pause (seq, record) VALUES (?, ?)`,
  dropPause: `DELETE FROM pause WHERE seq = ?`,
  moveLane: `UPDATE task SET lane = ? WHERE state = 0 AND lane = ?`,
  releaseLane: `UPDATE lane SET held_until = NULL, reason = NULL WHERE id = ?`,
  running: `SELECT ${ROW_COLUMNS} FROM task WHERE state = 1 ORDER BY seq`,

  /** A task after an event. The lifecycle has checked state and attempt; no other process writes the file. */
  write: `UPDATE task SET ${UPDATE_COLUMNS} WHERE seq = ?`,
  /** After the clock was set back: due tasks stay due, and waits for the next try keep their length. */
  resetDue: `
    UPDATE task SET due_at = max(:now, due_at - :back)
     WHERE state = 0 AND (due_at <= :was OR attempt > 0)`,
  resetHolds: `UPDATE lane SET held_until = held_until - ? WHERE held_until IS NOT NULL`,
  writeBehind: `UPDATE task SET parked = ? WHERE seq = ? AND state = 0`,
  /** The result of an attempt; its record is appended to the others. */
  report: `
    INSERT INTO result (seq, attempts, result, carry) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT DO UPDATE
       SET attempts = coalesce(attempts || ',' || ?2, ?2, attempts), result = ?3, carry = coalesce(?4, carry)`,
  /** What is erased of a task's row; see also `erasePayload` and `eraseResult`. */
  eraseRow: `UPDATE task SET erase = 1, label = '', error = ? WHERE seq = ?`,
  attemptTexts: `SELECT attempts FROM result WHERE seq = ?`,
  writeAttempts: `UPDATE result SET attempts = ? WHERE seq = ?`,
  erasePayload: `UPDATE body SET payload = NULL, checksum = ? WHERE seq = ?`,
  eraseResult: `UPDATE result SET result = NULL, carry = NULL WHERE seq = ?`,

  holder: `SELECT seq, era AS generation FROM holder WHERE name = ?`,
  setHolder: `INSERT OR REPLACE INTO holder (name, seq, era) VALUES (?, ?, ?)`,
  dropHolder: `DELETE FROM holder WHERE name = ? AND seq = ?`,
  /** The first accepted of a key, among those whose own time has come. */
  nextOfKey: `
    SELECT seq FROM task INDEXED BY task_turn
     WHERE key = ? AND owner IS ? AND state = 0 AND era = ? AND (parked & 1 OR due_at <= ?)
     ORDER BY seq LIMIT 1`,

  insertFollowUps: `INSERT INTO follower (seq, followers) VALUES (?, ?)`,
  followUps: `SELECT followers FROM follower WHERE seq = ?`,
  dropFollowUps: `DELETE FROM follower WHERE seq = ?`,

  insertBatch: `
    INSERT INTO batch (seq, id, created_at, owner, era, total, counts, follows, most)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  batch: `SELECT * FROM batch WHERE seq = ?`,
  /** Tasks that wait only because others of their batch are running. */
  waitingOfBatch: `
    SELECT seq, lane FROM task INDEXED BY task_bench
     WHERE batch = ? AND state = 0 AND parked = 2 AND era = ? ORDER BY seq LIMIT ?`,
  writeBatch: `UPDATE batch SET counts = ?, bytes = ?, follows = ? WHERE seq = ?`,
  dropBatch: `DELETE FROM batch WHERE seq = ?`,
  batchRows: `SELECT ${ROW_COLUMNS} FROM task WHERE batch = ? ORDER BY seq`,
  batches: `
    SELECT seq FROM batch WHERE seq < ?1 AND (?2 IS NULL OR owner = ?2) ORDER BY seq DESC LIMIT ?3`,
  batchTasks: `SELECT id, state, era, change FROM task WHERE batch = ? ORDER BY seq`,

  lastOfBatch: `
    SELECT seq FROM task WHERE batch = ? AND state = 0 AND era < ? ORDER BY seq DESC LIMIT 1`,

  idempotency: `SELECT fingerprint, id, expires_at FROM idempotency WHERE scope = ? AND key = ?`,
  setIdempotency: `
    INSERT OR REPLACE INTO idempotency (scope, key, fingerprint, id, expires_at) VALUES (?, ?, ?, ?, ?)`,
  purgeIdempotency: `
    DELETE FROM idempotency WHERE (scope, key) IN
      (SELECT scope, key FROM idempotency WHERE expires_at <= ? LIMIT 100)`,

  schedules: `SELECT name, version, record FROM schedule ORDER BY name`,
  schedule: `SELECT version FROM schedule WHERE name = ?`,
  setSchedule: `INSERT OR REPLACE INTO schedule (name, version, record) VALUES (?, ?, ?)`,
  dropSchedule: `DELETE FROM schedule WHERE name = ?`,

  setDelivery: `
    INSERT OR REPLACE INTO delivery (seq, id, hook, received_at, verdict, content)
    VALUES (?, ?, ?, ?, ?, ?)`,
  deliveries: `
    SELECT seq, id, hook, received_at, verdict FROM delivery INDEXED BY delivery_hook
     WHERE hook = ? AND seq < ? ORDER BY seq DESC LIMIT ?`,
  delivery: `SELECT * FROM delivery WHERE seq = ?`,
  purgeDeliveries: `
    DELETE FROM delivery WHERE seq IN
      (SELECT seq FROM delivery INDEXED BY delivery_received WHERE received_at < ? LIMIT ?)`,

  writeHistory: `INSERT OR REPLACE INTO history (step, at, run, tally) VALUES (?, ?, ?, ?)`,
  forgetHistory: `DELETE FROM history WHERE step = ? AND at < ?`,
  endSession: `INSERT OR REPLACE INTO ended_session (id, until) VALUES (?, ?)`,
  forgetSessions: `DELETE FROM ended_session WHERE until <= ?`,
  endedSessions: `SELECT id, until FROM ended_session WHERE until > ?`,
  history: `SELECT step AS stepMs, at, run, tally FROM history WHERE step = ? AND at >= ?`,

  lanes: `SELECT id, name, most, held_until, reason FROM lane`,
  insertLane: `INSERT INTO lane (id, name) VALUES (?, ?)`,
  limitLane: `UPDATE lane SET most = ? WHERE id = ?`,
  holdLane: `UPDATE lane SET held_until = ?, reason = ? WHERE id = ?`,

  insertChanged: `INSERT INTO changed (change, tasks, counts, last) VALUES (?, ?, ?, ?)`,
  changed: `SELECT change, tasks FROM changed WHERE change > ? ORDER BY change`,
  latest: `SELECT change, counts, last FROM changed ORDER BY change DESC LIMIT 1`,
  changedBeforeLatest: `
    SELECT change, tasks FROM changed
     WHERE change > ? AND change < (SELECT max(change) FROM changed) ORDER BY change LIMIT ?`,
  changeOf: `SELECT change FROM task WHERE seq = ?`,
  writeChanged: `UPDATE changed SET tasks = ? WHERE change = ?`,
  dropChanged: `DELETE FROM changed WHERE change = ?`,

  meta: `SELECT * FROM meta`,
  writeMeta: `
    UPDATE meta SET counts = ?, change = ?, last = ?, era = ?, sweeping = ?, mark_at = ? WHERE one = 1`,

  /** Tasks that a shutdown has cancelled and no sweep has rewritten yet. */
  marked: `SELECT seq, batch, erase FROM task WHERE state = 0 AND era < ? ORDER BY seq LIMIT ?`,
  sweep: `
    UPDATE task
       SET state = 4, parked = 0, finished_at = ?, reason = 'shutdown',
           delivery = iif(duplicate, 'unknown', 'not_delivered'), change = ?
     WHERE seq = ? AND state = 0`,

  finished: `
    SELECT seq, batch, state, follows
      FROM (SELECT seq, batch, state, follows, finished_at FROM task
             WHERE seq > ? AND seq < ? ORDER BY seq LIMIT ?)
     WHERE finished_at < ? LIMIT ?`,
  furthest: `SELECT seq FROM task WHERE seq > ? AND seq < ? ORDER BY seq LIMIT 1 OFFSET ?`,
  dropTask: `DELETE FROM task WHERE seq = ?`,
  dropBody: `DELETE FROM body WHERE seq = ?`,
  dropAttempts: `DELETE FROM attempt WHERE seq = ?`,
  dropResult: `DELETE FROM result WHERE seq = ?`,
  dropTag: `DELETE FROM tag WHERE tag = ? AND seq = ?`,
} as const;

/** Node's, which Deno's types do not have yet. */
interface ReturningArrays {
  setReturnArrays(enabled: boolean): void;
}

/** The statements, prepared. */
export type Statements = Record<keyof typeof TEXTS, StatementSync>;

/** Prepares every statement. Those that read whole rows return arrays, for `rowFrom`. */
export function prepare(db: DatabaseSync): Statements {
  return Object.fromEntries(
    Object.entries(TEXTS).map((
      [name, text],
    ) => [name, text.includes(`SELECT ${ROW_COLUMNS}`) ? prepareRows(db, text) : db.prepare(text)]),
  ) as Statements;
}

/** Prepares a statement that reads whole rows, as arrays for `rowFrom`. */
export function prepareRows(db: DatabaseSync, text: string): StatementSync {
  const statement = db.prepare(text) as StatementSync & ReturningArrays;
  statement.setReturnArrays(true);
  return statement;
}
