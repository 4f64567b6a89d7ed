/**
 * Schedules, and the deliveries of hooks.
 *
 * @module
 */

import { sequenceOf } from "../../lib/ids.ts";
import type { ScheduleChange, StoredDelivery, StoredSchedule } from "../../task/trigger.ts";
import { formatCursor } from "../cursor.ts";
import type { DeliveryPage } from "../engine.ts";

/** What makes tasks by itself. */
export class Triggers {
  #schedules = new Map<string, StoredSchedule>();
  #deliveries = new Map<string, StoredDelivery>();

  /** Whether a schedule is as somebody has seen it. */
  isAsSeen({ name, expects }: ScheduleChange): boolean {
    return (this.#schedules.get(name)?.version ?? 0) === expects;
  }

  /** Changes a schedule, which from now on has this version. */
  change({ name, record }: ScheduleChange, version: number): void {
    if (record === undefined) this.#schedules.delete(name);
    else this.#schedules.set(name, { name, version, record: structuredClone(record) });
  }

  /** All schedules, by name. */
  schedules(): StoredSchedule[] {
    return structuredClone([...this.#schedules.values()])
      .sort((a, b) => a.name < b.name ? -1 : 1);
  }

  /** Keeps a delivery, or rewrites it. */
  keep(delivery: StoredDelivery): void {
    this.#deliveries.set(delivery.id, structuredClone(delivery));
  }

  /** Deliveries of a hook accepted before `before`, newest first. */
  deliveries(hook: string, limit: number, before: number): DeliveryPage {
    const found = [...this.#deliveries.values()]
      .filter((one) => one.hook === hook && sequenceOf(one.id) < before)
      .sort((a, b) => a.id < b.id ? 1 : -1);
    const page = found.slice(0, limit);
    const last = found.length > limit ? page.at(-1) : undefined;
    return {
      deliveries: page.map(({ content: _, ...summary }) => summary),
      ...(last ? { nextCursor: formatCursor(sequenceOf(last.id)) } : {}),
    };
  }

  /** The delivery with all that is kept of it. */
  find(id: string): StoredDelivery | undefined {
    return this.#deliveries.get(id);
  }

  /** Forgets up to `limit` deliveries that came before then; tells how many. */
  purge(before: number, limit: number): number {
    const old = this.#deliveries.values()
      .filter(({ receivedAt }) => receivedAt < before).take(limit).toArray();
    for (const { id } of old) this.#deliveries.delete(id);
    return old.length;
  }
}
