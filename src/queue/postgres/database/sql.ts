/**
 * Every statement, each under its name. `@.` is the schema's name and a dot.
 *
 * @module
 */

import { ANNOUNCE, INSERTS, ROW_COLUMNS, UPDATE_TASKS } from "./columns.ts";
import type { Statement } from "./connection.ts";
import { MAX_BRIEF } from "../../core/row.ts";

/** Selects the state of lanes; $ids is the expression for their numbers. */
const laneStatus = (ids: string) => `
  SELECT l.id, l.own_limit, l.adaptive_limit, l.paid_at, l.held_until, l.reason,
         (SELECT count(*) FROM @.task r WHERE r.lane = l.id AND r.state = 1) AS running, l.health
    FROM @.lane l WHERE l.id = ANY(${ids})`;

/** The first due task of every lane and priority; a skip scan from one to the next. */
const PLACES = `place AS (
      (SELECT lane, priority, due_at FROM @.task WHERE state = 0 AND behind = 0
        ORDER BY lane, priority, due_at LIMIT 1)
      UNION ALL
      SELECT n.* FROM place p CROSS JOIN LATERAL (
        SELECT lane, priority, due_at FROM @.task
         WHERE state = 0 AND behind = 0 AND (lane, priority) > (p.lane, p.priority)
         ORDER BY lane, priority, due_at LIMIT 1) n)`;

const BATCH_COLUMNS = "seq, id, created_at, owner, total, counts, bytes, follows, concurrency";

const TEXTS = {
  begin: `BEGIN`,
  commit: `COMMIT`,
  rollback: `ROLLBACK`,

  ...INSERTS,
  updateTasks: UPDATE_TASKS,
  insertTags: `
    INSERT INTO @.tag (tag, seq) SELECT * FROM unnest($1::text[], $2::bigint[]) ON CONFLICT DO NOTHING`,
  insertFollowUps: `
    INSERT INTO @.follow_up (seq, follow_ups) SELECT * FROM unnest($1::bigint[], $2::text[])`,
  followUps: `SELECT seq, follow_ups FROM @.follow_up WHERE seq = ANY($1::bigint[])`,
  dropFollowUps: `DELETE FROM @.follow_up WHERE seq = ANY($1::bigint[])`,
  setBehind: `
    UPDATE @.task t SET behind = n.behind
      FROM unnest($1::bigint[], $2::smallint[]) AS n (seq, behind)
     WHERE t.seq = n.seq AND t.state = 0`,
  erase: `
    WITH n AS (SELECT * FROM unnest($1::bigint[], $2::bigint[]) AS n (seq, checksum)),
    bodies AS (
      UPDATE @.body b SET payload = NULL, checksum = n.checksum FROM n WHERE b.seq = n.seq)
    UPDATE @.result r SET result = NULL, carry = NULL FROM n WHERE r.seq = n.seq`,

  /** Locks tasks, and before them their lanes ($2), further lanes ($3) and keys. */
  lockTasks:
    `SELECT ${ROW_COLUMNS} FROM @.lock_tasks($1::bigint[], $2, $3::int[]) t ORDER BY t.seq`,
  tasks: `SELECT ${ROW_COLUMNS} FROM @.task t WHERE t.seq = ANY($1::bigint[]) ORDER BY t.seq`,
  contents: `
    SELECT b.seq, b.spec, b.payload, b.checksum, r.attempts, r.result
      FROM @.body b LEFT JOIN @.result r USING (seq) WHERE b.seq = ANY($1::bigint[])`,
  find: `
    SELECT ${ROW_COLUMNS}, b.spec, b.payload, b.checksum, r.attempts, r.result
      FROM @.task t LEFT JOIN @.body b USING (seq) LEFT JOIN @.result r USING (seq) WHERE t.seq = $1`,
  findBrief: `
    SELECT ${ROW_COLUMNS}, b.spec,
           CASE WHEN octet_length(b.payload) > ${MAX_BRIEF} THEN NULL ELSE b.payload END,
           b.checksum, r.attempts, r.result,
           CASE WHEN octet_length(b.payload) > ${MAX_BRIEF} THEN octet_length(b.payload) END
      FROM @.task t LEFT JOIN @.body b USING (seq) LEFT JOIN @.result r USING (seq) WHERE t.seq = $1`,
  summaries: `
    SELECT ${ROW_COLUMNS}, b.spec FROM @.task t LEFT JOIN @.body b USING (seq)
     WHERE t.seq = ANY($1::bigint[]) ORDER BY t.seq DESC`,
  reserve: `
    WITH announced AS MATERIALIZED (${ANNOUNCE})
    SELECT array_agg(nextval('@.change_seq')) FROM announced, generate_series(1, $1::int)`,

  aborting: `
    SELECT ${ROW_COLUMNS} FROM @.task t WHERE t.state = 1 AND t.node = $1 AND t.aborting IS NOT NULL`,
  /** Running tasks of a node that are not in its own list. */
  heldBy:
    `SELECT seq FROM @.task WHERE state = 1 AND node = $1 AND seq <> ALL($2::bigint[]) ORDER BY seq`,
  /** Running tasks of nodes that no longer exist. */
  orphans: `
    SELECT t.seq FROM @.task t
     WHERE t.state = 1 AND NOT EXISTS (SELECT 1 FROM @.node n WHERE n.id = t.node)
     ORDER BY t.seq LIMIT $1 FOR UPDATE SKIP LOCKED`,

  /** Locks the lanes that no other node is claiming from; fails with PR001 for a node that was given up. */
  lockLanes: `SELECT * FROM @.open_lanes($1, $2::int[])`,
  lanes: laneStatus("$1::int[]"),
  laneIds: `
    WITH made AS (
      INSERT INTO @.lane (name) SELECT DISTINCT unnest($1::text[]) ON CONFLICT DO NOTHING RETURNING id, name)
    SELECT id, name FROM made UNION SELECT id, name FROM @.lane WHERE name = ANY($1::text[])`,
  laneNames: `SELECT id, name FROM @.lane WHERE id = ANY($1::int[])`,
  allLanes: `SELECT id, name FROM @.lane`,
  busyLanes: `
    WITH busy AS (
      SELECT lane AS id, count(*) AS running FROM @.task WHERE state = 1 GROUP BY lane
      UNION ALL SELECT id, 0 FROM @.lane WHERE held_until > $1 OR paid_at > $1)
    SELECT id FROM busy GROUP BY id ORDER BY max(running) DESC LIMIT $2`,
  setLane: `
    UPDATE @.lane
       SET own_limit = coalesce($2, own_limit), adaptive_limit = coalesce($3, adaptive_limit),
           reason = CASE WHEN $4 > held_until THEN $5 ELSE reason END,
           held_until = greatest(held_until, coalesce($4, 0))
     WHERE id = $1`,
  setHealth: `
    UPDATE @.lane l SET health = n.health
      FROM unnest($1::int[], $2::text[]) AS n (id, health) WHERE l.id = n.id`,
  setPaid: `
    UPDATE @.lane l SET paid_at = n.paid_at
      FROM unnest($1::int[], $2::double precision[]) AS n (id, paid_at) WHERE l.id = n.id`,

  /** Tasks that are due in these lanes and priorities, each from its head on; $4 is the free capacity of each. */
  due: `
    WITH asked AS (
      SELECT * FROM unnest($1::int[], $2::smallint[], $3::bigint[], $4::int[]) AS a (lane, priority, head, room)),
    picked AS MATERIALIZED (
      SELECT d.seq FROM asked a CROSS JOIN LATERAL (
        SELECT t.seq, t.priority, t.due_at FROM @.task t
         WHERE t.lane = a.lane AND t.priority = a.priority AND t.state = 0 AND t.behind = 0
           AND t.due_at >= a.head AND t.due_at <= $6
         ORDER BY t.due_at, t.seq LIMIT a.room) d
       ORDER BY d.priority, d.due_at, d.seq LIMIT $5),
    taken AS MATERIALIZED (
      SELECT t.* FROM @.task t
       WHERE t.seq IN (SELECT seq FROM picked) AND t.state + 0 = 0 AND t.behind = 0
         FOR UPDATE SKIP LOCKED)
    SELECT ${ROW_COLUMNS}, b.spec, b.payload, b.checksum, r.carry,
           t.key IS NULL OR pg_try_advisory_xact_lock(@.key_lock(t.key_name))
      FROM taken t LEFT JOIN @.body b USING (seq) LEFT JOIN @.result r USING (seq)
     ORDER BY t.priority, t.due_at, t.seq`,
  /** When the first queued task of each place is due, searched from its known head on. */
  heads: `
    SELECT a.lane, a.priority,
           (SELECT t.due_at FROM @.task t
             WHERE t.lane = a.lane AND t.priority = a.priority AND t.state = 0 AND t.behind = 0 AND t.due_at >= a.head
             ORDER BY t.due_at LIMIT 1)
      FROM unnest($1::int[], $2::smallint[], $3::bigint[]) AS a (lane, priority, head)`,
  /** Every lane and priority with queued tasks. */
  places: `
    WITH RECURSIVE ${PLACES}
    SELECT lane, priority, due_at FROM place`,

  lockKeys: `SELECT @.lock_keys($1::text[])`,
  holders: `SELECT key, seq FROM @.holder WHERE key = ANY($1::text[])`,
  /** The first tasks of each key that wait only for the key. */
  nextOfKeys: `
    SELECT ${ROW_COLUMNS} FROM unnest($1::text[]) AS k (key) CROSS JOIN LATERAL (
      SELECT * FROM @.task t
       WHERE t.key_name = k.key AND t.state = 0 AND (t.behind & 1 = 1 OR t.due_at <= $2)
       ORDER BY t.turn LIMIT $3) t
     ORDER BY t.key_name, t.turn`,
  setHolders: `
    INSERT INTO @.holder (key, seq) SELECT * FROM unnest($1::text[], $2::bigint[])
    ON CONFLICT (key) DO UPDATE SET seq = excluded.seq`,
  dropHolders: `DELETE FROM @.holder WHERE key = ANY($1::text[])`,

  insertBatch: `
    INSERT INTO @.batch (seq, id, created_at, owner, total, counts, bytes, follows, concurrency)
    VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8)`,
  lockBatches: `
    SELECT ${BATCH_COLUMNS} FROM @.batch WHERE seq = ANY($1::bigint[]) ORDER BY seq FOR UPDATE`,
  batch: `SELECT ${BATCH_COLUMNS} FROM @.batch WHERE seq = $1`,
  batches: `SELECT ${BATCH_COLUMNS} FROM @.batch
     WHERE seq < $1 AND ($3::text IS NULL OR owner = $3) ORDER BY seq DESC LIMIT $2`,
  writeBatch: `UPDATE @.batch SET counts = $2, bytes = $3, follows = $4 WHERE seq = $1`,
  waitingOfBatches: `
    SELECT ${ROW_COLUMNS} FROM unnest($1::bigint[]) AS b (seq) CROSS JOIN LATERAL (
      SELECT * FROM @.task t WHERE t.batch = b.seq AND t.state = 0 AND t.behind = 2
       ORDER BY t.seq LIMIT $2 FOR UPDATE SKIP LOCKED) t
     ORDER BY t.seq`,
  membersOfBatch: `SELECT ${ROW_COLUMNS} FROM @.task t WHERE t.batch = $1 ORDER BY t.seq`,
  batchTasks: `SELECT id, state, change FROM @.task WHERE batch = $1 ORDER BY seq`,

  lockIdempotency: `
    INSERT INTO @.idempotency AS i (scope, key, fingerprint, id, expires_at) VALUES ($1, $2, '', '', 0)
    ON CONFLICT (scope, key) DO UPDATE SET key = excluded.key
    RETURNING fingerprint, id, expires_at`,
  setIdempotency: `
    UPDATE @.idempotency SET fingerprint = $3, id = $4, expires_at = $5 WHERE scope = $1 AND key = $2`,
  purgeIdempotency: `DELETE FROM @.idempotency WHERE expires_at <= $1`,

  scheduleVersion: `SELECT version FROM @.schedule WHERE name = $1`,
  schedules: `SELECT name, version, record FROM @.schedule ORDER BY name COLLATE "C"`,
  setSchedule: `
    INSERT INTO @.schedule VALUES ($1, $2, $3)
    ON CONFLICT (name) DO UPDATE SET version = excluded.version, record = excluded.record`,
  dropSchedule: `DELETE FROM @.schedule WHERE name = $1`,

  setDelivery: `
    INSERT INTO @.delivery (seq, id, hook, received_at, verdict, content) VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (seq) DO UPDATE
       SET hook = excluded.hook, received_at = excluded.received_at, verdict = excluded.verdict,
           content = excluded.content`,
  deliveries: `
    SELECT seq, id, hook, received_at, verdict FROM @.delivery
     WHERE hook = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3`,
  delivery: `SELECT seq, id, hook, received_at, verdict, content FROM @.delivery WHERE seq = $1`,
  purgeDeliveries: `
    DELETE FROM @.delivery WHERE seq IN
      (SELECT seq FROM @.delivery WHERE received_at < $1 LIMIT $2) RETURNING seq`,

  counts: `
    SELECT coalesce(sum(counts[1]), 0), coalesce(sum(counts[2]), 0), coalesce(sum(counts[3]), 0),
           coalesce(sum(counts[4]), 0), coalesce(sum(counts[5]), 0), coalesce(sum(counts[6]), 0)
      FROM @.tally`,
  /** The same, and how many queued tasks each of the API keys $1 has. */
  countsWithOwners: `
    SELECT coalesce(sum(counts[1]), 0), coalesce(sum(counts[2]), 0), coalesce(sum(counts[3]), 0),
           coalesce(sum(counts[4]), 0), coalesce(sum(counts[5]), 0), coalesce(sum(counts[6]), 0),
           array(SELECT (SELECT coalesce(sum(o.queued), 0) FROM @.owner_tally o WHERE o.owner = w.owner)
                   FROM unnest($1::text[]) WITH ORDINALITY AS w (owner, place) ORDER BY w.place)
      FROM @.tally`,
  expiring: `
    SELECT seq FROM @.task WHERE state = 0 AND expires_at <= $1 ORDER BY expires_at LIMIT $2`,
  nextExpiry: `
    SELECT min(expires_at) FROM @.task WHERE state = 0 AND expires_at IS NOT NULL`,

  /** The last change that can be read. */
  lastChange: `
    SELECT coalesce((SELECT change FROM @.changed WHERE change <= @.safe_change() ORDER BY change DESC LIMIT 1), 0)`,
  /** Must be a statement of its own: its snapshot does not see transactions that commit while it runs. */
  safeChange: `SELECT @.safe_change()`,
  /** Tasks changed by the transactions from $1 to $3, in their current state; a task that has changed later is left to that transaction. */
  changesAfter: `
    WITH parts AS MATERIALIZED (
      SELECT change, tasks FROM @.changed WHERE change > $1 AND change <= $3 ORDER BY change LIMIT $2),
    seqs AS (SELECT DISTINCT unnest(tasks) AS seq FROM parts)
    SELECT ${ROW_COLUMNS}, b.id, b.counts, (SELECT max(change) FROM parts), (SELECT count(*) FROM parts)
      FROM (SELECT 1) one LEFT JOIN (
             seqs s JOIN @.task t USING (seq) LEFT JOIN @.batch b ON b.seq = t.batch)
           ON t.change <= $3
     ORDER BY t.change`,
  /** Keeps the latest transaction, so that numbers never go back. Returns how far it has searched, NULL at the end. */
  forgetChanges: `
    WITH looked AS MATERIALIZED (
      SELECT change, tasks FROM @.changed
       WHERE change > $1 AND change < (SELECT max(change) FROM @.changed) ORDER BY change LIMIT $2),
    gone AS (
      DELETE FROM @.changed WHERE change IN (
        SELECT l.change FROM looked l WHERE NOT EXISTS (
          SELECT 1 FROM unnest(l.tasks) s (seq) JOIN @.task t USING (seq) WHERE t.change <= l.change)))
    SELECT CASE WHEN count(*) = $2 THEN max(change) END FROM looked`,

  purge: `
    WITH looked AS MATERIALIZED (
      SELECT seq, state, finished_at FROM @.task WHERE seq > $1 ORDER BY seq LIMIT $2),
    gone AS MATERIALIZED (
      SELECT t.seq, t.state, t.batch FROM @.task t
       WHERE t.seq IN (SELECT seq FROM looked WHERE state > 1 AND finished_at < $3 ORDER BY seq LIMIT $4)
       ORDER BY t.seq FOR UPDATE)
    SELECT array(SELECT seq FROM gone), array(SELECT state FROM gone), array(SELECT batch FROM gone),
           (SELECT max(seq) FROM looked), (SELECT count(*) FROM looked)`,
  deleteTasks: `
    WITH tasks AS (DELETE FROM @.task WHERE seq = ANY($3::bigint[])),
    bodies AS (DELETE FROM @.body WHERE seq = ANY($3::bigint[])),
    results AS (DELETE FROM @.result WHERE seq = ANY($3::bigint[])),
    tags AS (DELETE FROM @.tag WHERE seq = ANY($3::bigint[])),
    follow_ups AS (DELETE FROM @.follow_up WHERE seq = ANY($3::bigint[]))
    SELECT @.add_tally($1, $2::bigint[])`,
  dropBatches: `DELETE FROM @.batch WHERE seq = ANY($1::bigint[])`,

  /** Cancels up to $3 queued tasks at the time $2. */
  cancelWaiting: `
    WITH announced AS MATERIALIZED (${ANNOUNCE}),
    waiting AS MATERIALIZED (
      SELECT t.seq FROM announced, @.task t WHERE t.state = 0 ORDER BY t.seq LIMIT $3 FOR UPDATE OF t),
    tasks AS (
      UPDATE @.task t
         SET state = 4, behind = 0, reason = 'shutdown', finished_at = $2, aborting = NULL,
             delivery = CASE WHEN t.duplicate THEN 'unknown' ELSE 'not_delivered' END,
             change = nextval('@.change_seq')
       WHERE t.seq = ANY(ARRAY(SELECT seq FROM waiting)) -- a join would read all tasks
      RETURNING t.seq, t.batch, t.change, t.key_name AS key, t.owner),
    holders AS (
      DELETE FROM @.holder h USING tasks WHERE h.key = tasks.key AND h.seq = tasks.seq),
    changes AS (
      INSERT INTO @.changed SELECT max(change), array_agg(seq ORDER BY change) FROM tasks HAVING count(*) > 0),
    tallied AS (
      SELECT @.add_tally($1, ARRAY[-count(*), 0, 0, 0, count(*), 0]) FROM tasks HAVING count(*) > 0),
    owners AS (
      INSERT INTO @.owner_tally AS o
      SELECT t.owner, $1, -count(*) FROM tasks t
       WHERE t.owner IS NOT NULL GROUP BY t.owner ORDER BY t.owner
      ON CONFLICT (owner, slot) DO UPDATE SET queued = o.queued + excluded.queued)
    SELECT (SELECT count(*) FROM tasks), (SELECT count(*) FROM tallied),
           array(SELECT batch || ':' || count(*) FROM tasks WHERE batch IS NOT NULL GROUP BY batch)`,

  announce: `
    INSERT INTO @.announcement AS a VALUES ($1, 1)
    ON CONFLICT (what) DO UPDATE SET number = a.number + 1 RETURNING number`,
  announced: `SELECT what, number FROM @.announcement`,

  writeHistory: `
    INSERT INTO @.history VALUES ($1, $2, $3, $4)
    ON CONFLICT (step, at, run) DO UPDATE SET tally = excluded.tally`,
  forgetHistory: `DELETE FROM @.history WHERE step = $1 AND at < $2`,
  endSession: `
    INSERT INTO @.ended_session VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET until = $2`,
  forgetSessions: `DELETE FROM @.ended_session WHERE until <= $1`,
  endedSessions: `SELECT id, until FROM @.ended_session WHERE until > $1`,
  history: `SELECT step, at, run, tally FROM @.history WHERE step = $1 AND at >= $2`,
  pauses: `SELECT record FROM @.pause ORDER BY seq`,
  insertPause: `INSERT INTO @.pause (seq, record) VALUES ($1, $2)`,
  dropPause: `DELETE FROM @.pause WHERE seq = $1`,
  /** Queued tasks in the order of acceptance; with $2 only paused ones. */
  queuedAfter: `
    SELECT seq FROM @.task WHERE state = 0 AND seq > $1 AND (NOT $2 OR behind >= 4)
     ORDER BY seq LIMIT 500`,
  /**
   * Counts queued tasks by what they wait for at $1, and the due time of the oldest one that is due.
   * Reads only tasks that are not simply due, each group from an index of its own.
   */
  queued: `
    WITH RECURSIVE ${PLACES},
    later AS MATERIALIZED (
      SELECT count(*) FILTER (WHERE attempt = 0) AS scheduled, count(*) FILTER (WHERE attempt > 0) AS retrying
        FROM @.task WHERE state = 0 AND behind < 4 AND due_at > created_at AND due_at > $1)
    SELECT (SELECT coalesce(sum(counts[1]), 0) FROM @.tally),
           (SELECT count(*) FROM @.task WHERE state = 0 AND behind >= 4), scheduled, retrying,
           least((SELECT min(due_at) FROM place WHERE due_at <= $1),
                 (SELECT min(due_at) FROM @.task WHERE state = 0 AND behind BETWEEN 1 AND 3 AND due_at <= $1))
      FROM later`,
  moveLanes: `
    WITH moved AS (
      UPDATE @.task SET lane = $2
       WHERE seq IN (SELECT seq FROM @.task WHERE state = 0 AND lane = ANY($1::int[]) LIMIT $3)
         AND state = 0 RETURNING 1)
    SELECT count(*) FROM moved`,
  releaseLanes: `
    UPDATE @.lane SET held_until = 0, reason = NULL
     WHERE id = ANY($1::int[]) AND held_until > $2 RETURNING id`,
  /** Takes up to $2 tokens from each bucket $1, of which $3 fit into $4 ms. */
  takeTokens: `
    SELECT t.* FROM unnest($1::text[], $2::int[], $3::double precision[], $4::double precision[])
             WITH ORDINALITY AS w (name, wanted, count, window_ms, place)
     CROSS JOIN LATERAL @.take_tokens(w.name, w.wanted, w.count, w.window_ms) t ORDER BY w.place`,
  writeAttempts: `UPDATE @.result SET attempts = $2 WHERE seq = $1`,

  /** Tasks with `retain: none` that a shutdown has cancelled and whose payload is still stored. */
  erasable: `
    SELECT b.seq, b.spec FROM @.task t JOIN @.body b USING (seq)
     WHERE t.state = 4 AND t.reason = 'shutdown' AND t.erase AND b.payload IS NOT NULL LIMIT $1`,

  last: `
    SELECT greatest((SELECT max(seq) FROM @.task), (SELECT max(seq) FROM @.batch),
                    (SELECT max(seq) FROM @.delivery), 0)`,
} as const;

/** Every statement of one schema. */
export type Sql = Readonly<Record<keyof typeof TEXTS, Statement>>;

/** The statements of this schema. */
export function statementsOf(schema: string): Sql {
  return Object.fromEntries(
    Object.entries(TEXTS).map(([name, text]) => [
      name,
      { name, text: text.replaceAll("@.", `${schema}.`) },
    ]),
  ) as unknown as Sql;
}
