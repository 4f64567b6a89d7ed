/**
 * Schedules, and the deliveries of hooks.
 *
 * @module
 */

import { isId, sequenceOf } from "../../lib/ids.ts";
import type {
  DeliverySummary,
  ScheduleChange,
  StoredDelivery,
  StoredSchedule,
} from "../../task/trigger.ts";
import { formatCursor } from "../cursor.ts";
import type { DeliveryPage } from "../engine.ts";
import type { Ledger } from "./ledger.ts";

/** Changes a schedule; the new version, or `undefined` when it is not as it was seen. */
export function changeSchedule(
  ledger: Ledger,
  { name, expects, record }: ScheduleChange,
): number | undefined {
  const row = ledger.sql.schedule.get(name) as { version: number } | undefined;
  if ((row?.version ?? 0) !== expects) return undefined;
  const version = ++ledger.change;
  if (record === undefined) ledger.sql.dropSchedule.run(name);
  else ledger.sql.setSchedule.run(name, version, JSON.stringify(record));
  return version;
}

/** All schedules, by name. */
export function schedules(ledger: Ledger): StoredSchedule[] {
  const rows = ledger.sql.schedules.all() as { name: string; version: number; record: string }[];
  return rows.map((row) => ({ ...row, record: JSON.parse(row.record) }));
}

/** Keeps a delivery, or rewrites it. */
export function keepDelivery(ledger: Ledger, delivery: StoredDelivery): void {
  const { id, hook, receivedAt, verdict, content } = delivery;
  const seq = sequenceOf(id);
  ledger.sql.setDelivery.run(seq, id, hook, receivedAt, JSON.stringify(verdict), content);
  ledger.last = Math.max(ledger.last, seq);
  ledger.touch();
}

interface DeliveryRow {
  readonly seq: number;
  readonly id: string;
  readonly hook: string;
  readonly received_at: number;
  readonly verdict: string;
  readonly content: string;
}

/** Deliveries of a hook, newest first. */
export function deliveries(
  ledger: Ledger,
  hook: string,
  limit: number,
  before: number,
): DeliveryPage {
  const rows = ledger.sql.deliveries.all(hook, before, limit + 1) as unknown as DeliveryRow[];
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return {
    deliveries: page.map(summaryOf),
    ...(rows.length > limit && last ? { nextCursor: formatCursor(last.seq) } : {}),
  };
}

/** The delivery with all that is kept of it. */
export function findDelivery(ledger: Ledger, id: string): StoredDelivery | undefined {
  if (!isId("hkd", id)) return undefined;
  const row = ledger.sql.delivery.get(sequenceOf(id)) as unknown as DeliveryRow | undefined;
  return row?.id === id ? { ...summaryOf(row), content: row.content } : undefined;
}

function summaryOf({ id, hook, received_at, verdict }: DeliveryRow): DeliverySummary {
  return { id, hook, receivedAt: received_at, verdict: JSON.parse(verdict) };
}
