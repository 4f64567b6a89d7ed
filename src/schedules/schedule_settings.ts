/**
 * The section `schedules` of `postrider.yaml`.
 *
 * @module
 */

import { isPlainObject } from "../task/input/batch_input.ts";
import type { Issue, Parsed } from "../task/issues.ts";
import { pointerTo } from "../lib/json.ts";
import { EXPECTED_NAME, isName } from "../lib/names.ts";
import { parseSchedule, type ScheduleSpec } from "./schedule.ts";

/** The file's schedules by name. */
export type Schedules = ReadonlyMap<string, ScheduleSpec>;

/** The file must stay valid: a cron without a run after this time never has one. */
const ANY_TIME = Date.UTC(2026, 0, 1);

/** Parses the section; the pointer of a fault is relative to it. */
export function parseSchedules(value: unknown): Parsed<Schedules> {
  if (!isPlainObject(value)) {
    return { issues: [{ pointer: "", detail: "Expected schedules by name" }] };
  }
  const issues: Issue[] = [];
  const schedules = new Map<string, ScheduleSpec>();
  for (const [name, given] of Object.entries(value)) {
    const at = pointerTo([name]);
    const parsed = parseSchedule(given, ANY_TIME);
    if (!isName(name)) {
      issues.push({ pointer: at, detail: EXPECTED_NAME });
    } else if (parsed.issues) {
      issues.push(...parsed.issues.map((issue) => ({ ...issue, pointer: at + issue.pointer })));
    } else schedules.set(name, parsed.value);
  }
  return issues.length > 0 ? { issues } : { value: schedules };
}
