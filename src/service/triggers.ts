/**
 * Opens what creates tasks without a submit: hooks and schedules.
 *
 * @module
 */

import { type HookParts, type HookReceiver, openHooks } from "../hooks/hooks.ts";
import { freshRecord, redefined } from "../schedules/schedule_record.ts";
import type { Schedules } from "../schedules/schedule_settings.ts";
import { Scheduler, type SchedulerParts } from "../schedules/scheduler.ts";

/** Hooks and schedules. */
export interface Triggers {
  /** Receives deliveries. */
  readonly hooks: HookReceiver;
  /** Runs the schedules. */
  readonly schedules: Scheduler;
  /** Creates, changes and deletes schedules until they are those of the file. */
  applySchedules(schedules: Schedules): Promise<void>;
}

/** Opens hooks and schedules; the caller starts and stops the schedules. */
export function openTriggers(parts: HookParts & SchedulerParts): Triggers {
  const { clock } = parts;
  const scheduler = new Scheduler(parts);
  return {
    hooks: openHooks(parts),
    schedules: scheduler,
    async applySchedules(schedules) {
      for (const [name, spec] of schedules) {
        await scheduler.change(name, (before) => {
          const now = clock.now();
          if (!before) return freshRecord(spec, "file", now);
          const record = redefined(before, spec, "file", now);
          if (record === "keep") return record;
          const { owner: _, ...ownerless } = record;
          return ownerless;
        });
      }
      for (const { name, record } of scheduler.list()) {
        const isGone = record.source === "file" && !schedules.has(name);
        if (isGone) await scheduler.change(name, () => undefined);
      }
    },
  };
}
