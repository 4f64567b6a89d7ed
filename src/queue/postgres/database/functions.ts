/**
 * The functions in the database: what has to lock, or to take a new snapshot, in
 * the middle of a statement. `@.` is the schema's name and a dot.
 *
 * @module
 */

import { TASK_STATES } from "../../../task/state.ts";

/** Created again whenever a newer version opens the schema. */
export const FUNCTIONS = `
-- All changes up to here are committed and can be read.
CREATE OR REPLACE FUNCTION @.safe_change() RETURNS bigint LANGUAGE sql VOLATILE AS $$
  WITH given AS MATERIALIZED (
    SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS last FROM @.change_seq)
  SELECT least((SELECT last FROM given),
    (SELECT min(((classid::bigint << 32) | objid::bigint) & ((1::bigint << 56) - 1))
       FROM pg_locks, given
      WHERE locktype = 'advisory' AND objsubid = 1 AND (classid::bigint >> 24) = 7
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())))
$$;

-- Keys share a bounded number of locks, which are taken in ascending order.
CREATE OR REPLACE FUNCTION @.key_lock(p_key text) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT (8::bigint << 56) | (hashtext(p_key) & 255)
$$;
CREATE OR REPLACE FUNCTION @.lock_keys(p_keys text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE number bigint;
BEGIN
  FOR number IN
    SELECT DISTINCT @.key_lock(k) FROM unnest(p_keys) k WHERE k IS NOT NULL ORDER BY 1
  LOOP
    PERFORM pg_advisory_xact_lock(number);
  END LOOP;
END $$;

-- Locks tasks in the order in which all do: lanes, keys, tasks. A task's lane and key never change.
CREATE OR REPLACE FUNCTION @.lock_tasks(p_seqs bigint[], p_lanes boolean, p_more int[]) RETURNS SETOF @.task
LANGUAGE plpgsql AS $$
BEGIN
  IF p_lanes THEN
    PERFORM 1 FROM @.lane
      WHERE id IN (SELECT lane FROM @.task WHERE seq = ANY(p_seqs) UNION SELECT unnest(p_more))
      ORDER BY id FOR UPDATE;
  END IF;
  PERFORM @.lock_keys(array(SELECT key_name FROM @.task WHERE seq = ANY(p_seqs) AND key IS NOT NULL));
  RETURN QUERY SELECT * FROM @.task WHERE seq = ANY(p_seqs) ORDER BY seq FOR UPDATE;
END $$;

-- A node that was given up has no row, and claims nothing more: to give it up means to delete the
-- row, which waits for the claims that are under way.
CREATE OR REPLACE FUNCTION @.open_lanes(p_node int, p_lanes int[]) RETURNS TABLE (
  id int, own_limit int, adaptive_limit int, paid_at double precision, held_until bigint, reason text,
  running bigint, health text)
LANGUAGE plpgsql AS $$
DECLARE mine int[];
BEGIN
  PERFORM 1 FROM @.node n WHERE n.id = p_node FOR KEY SHARE;
  IF NOT FOUND THEN RAISE EXCEPTION 'node % was given up', p_node USING ERRCODE = 'PR001'; END IF;
  -- Locked by a statement of its own: the one that counts has a newer snapshot.
  SELECT array_agg(q.id) INTO mine FROM (
    SELECT l.id FROM @.lane l WHERE l.id = ANY(p_lanes) ORDER BY l.id FOR UPDATE SKIP LOCKED) q;
  RETURN QUERY SELECT l.id, l.own_limit, l.adaptive_limit, l.paid_at, l.held_until, l.reason,
      (SELECT count(*) FROM @.task r WHERE r.lane = l.id AND r.state = 1), l.health
    FROM @.lane l WHERE l.id = ANY(mine);
END $$;

-- In plpgsql, which plans it once for each connection: a function in SQL is planned at each call.
CREATE OR REPLACE FUNCTION @.add_tally(p_slot int, p_counts bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO @.tally AS t VALUES (p_slot, p_counts)
  ON CONFLICT (slot) DO UPDATE SET counts = ARRAY[${
  TASK_STATES.map((_, at) => `t.counts[${at + 1}] + p_counts[${at + 1}]`).join(", ")
}];
END $$;

-- A bucket of p_count tokens that fills within p_window_ms. Returns how many of p_wanted were
-- taken, and in how many milliseconds the bucket is full again.
CREATE OR REPLACE FUNCTION @.take_tokens(
  p_name text, p_wanted int, p_count double precision, p_window_ms double precision)
RETURNS TABLE (taken int, debt_ms double precision) LANGUAGE plpgsql AS $$
DECLARE
  every_ms double precision := p_window_ms / p_count;
  paid double precision;
  moment double precision;
BEGIN
  -- A crash of the server may forget the last of them.
  PERFORM set_config('synchronous_commit', 'off', true);
  INSERT INTO @.bucket AS b VALUES (p_name, 0)
  ON CONFLICT (name) DO UPDATE SET paid_at = b.paid_at RETURNING b.paid_at INTO paid;
  moment := extract(epoch FROM clock_timestamp()) * 1000;
  paid := greatest(paid, moment);
  taken := greatest(0, least(p_wanted, floor((moment + p_window_ms - paid) / every_ms + 1e-6)));
  debt_ms := paid - moment + taken * every_ms;
  IF taken > 0 THEN UPDATE @.bucket SET paid_at = paid + taken * every_ms WHERE name = p_name; END IF;
  RETURN NEXT;
END $$;
`;

/** Version of the functions; nodes of different versions may run at the same time. */
export const FUNCTIONS_VERSION = 3;
