/**
 * Opens what creates tasks without a submit: hooks and schedules.
 *
 * @module
 */

import { type HookParts, type HookReceiver, openHooks } from "../hooks/hooks.ts";
import { freshRecord } from "../schedules/schedule_record.ts";
import type { Schedules } from "../schedules/schedule_settings.ts";
import { Scheduler, type SchedulerParts } from "../schedules/scheduler.ts";

/** Hooks and schedules. */
export interface Triggers {
  /** Receives deliveries. */
  readonly hooks: HookReceiver;
  /** Runs the schedules. */
  readonly schedules: Scheduler;
  /** Applies the schedules of the file: creates, changes and deletes. */
  follow(schedules: Schedules): Promise<void>;
}

/** Opens hooks and schedules; the caller starts and stops the schedules. */
export function openTriggers(parts: HookParts & SchedulerParts): Triggers {
  const { clock } = parts;
  const scheduler = new Scheduler(parts);
  return {
    hooks: openHooks(parts),
    schedules: scheduler,
    async follow(schedules) {
      for (const [name, spec] of schedules) {
        await scheduler.change(name, (before) => {
          const isSame = before?.source === "file" &&
            JSON.stringify(before.spec) === JSON.stringify(spec);
          if (isSame) return "keep";
          const fresh = freshRecord(spec, "file", clock.now());
          return before?.paused ? { ...fresh, paused: true } : fresh;
        });
      }
      for (const { name, record } of scheduler.list()) {
        const isGone = (record as { source: string }).source === "file" && !schedules.has(name);
        if (isGone) await scheduler.change(name, () => undefined);
      }
    },
  };
}
