/**
 * Writing down what an attempt came to.
 *
 * @module
 */

import { decideBroken } from "../../task/crash.ts";
import { overrule } from "../core/rules.ts";
import { type PackedSettlement, packSettlement, type Settled, unpackSettlement } from "./codec.ts";
import type { Ledger } from "./ledger.ts";
import { move } from "./transitions.ts";
import { type Body, isIntact, type Row, type Spec, stateOf, unpackRetry } from "./file/rows.ts";

/** Writes a settlement down; `false` when the task is no longer at that attempt. */
export function settle(ledger: Ledger, packed: PackedSettlement): boolean {
  const settlement = unpackSettlement(packed);
  const row = ledger.row(settlement.id);
  if (!row || stateOf(row) !== "running" || row.attempt !== settlement.attempt) return false;
  row.broken = 0;
  apply(ledger, row, settlement);
  return true;
}

function apply(ledger: Ledger, row: Row, given: Settled): void {
  const cancelled = row.aborting ?? (ledger.closed ? "shutdown" : undefined);
  const s = overrule(given, cancelled, row.duplicate === 1);
  if (s.record) {
    row.listed++;
    row.error = s.error ?? null;
  }
  if (given.event === "release") row.attempt--;
  else if (s.result !== undefined || s.carry !== undefined || row.listed > 0) {
    ledger.sql.report.run(row.seq, s.record ?? null, s.result ?? null, s.carry ?? null);
  }
  if (s.possibleDuplicate) row.duplicate = 1;
  if (s.dueAt !== undefined) row.due_at = s.dueAt;
  if (s.adaptiveLimit !== undefined) {
    ledger.book.set(ledger.lanes.name(row.lane), { adaptiveLimit: s.adaptiveLimit });
  }
  if (s.hold) hold(ledger, row, s.hold);
  row.reason = s.reason ?? null;
  row.delivery = s.delivery ?? null;
  row.finished_at = s.at;
  if (s.bytes > 0 && row.batch !== null) ledger.batches.brought(row.batch, s.bytes);
  move(ledger, row, s.event);
}

function hold(
  ledger: Ledger,
  row: Row,
  { until, reason }: { until: number; reason: string },
): void {
  const lane = ledger.lanes.name(row.lane);
  if (ledger.book.set(lane, { heldUntil: until, reason })) ledger.lanes.hold(lane, until, reason);
}

/** Settles every attempt that broke off when the process died; resolves with how many. */
export function recover(ledger: Ledger): number {
  const rows = ledger.sql.running.all() as unknown as Row[];
  for (const row of rows) {
    const body = ledger.sql.body.get(row.seq) as unknown as Body | undefined;
    const spec: Spec | undefined = isIntact(body) ? JSON.parse(body.spec) : undefined;
    // Set by a mark without the time to reach what ran.
    const aborting = row.aborting ?? (row.era < ledger.era ? "shutdown" : undefined);
    row.broken++;
    const settlement = decideBroken({
      id: row.id,
      attempt: row.attempt,
      startedAt: row.started_at ?? ledger.now,
      retry: spec ? unpackRetry(spec) : [],
      onUnknown: spec?.onUnknown ?? "retry",
      broken: row.broken,
      ...(aborting ? { aborting } : {}),
      ...(row.expires_at === null ? {} : { expiresAt: row.expires_at }),
    }, ledger.now);
    apply(ledger, row, unpackSettlement(packSettlement(settlement)));
  }
  return rows.length;
}
