/**
 * The task filter of a query; the same for listing, cancelling and retrying.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import { isId } from "../../lib/ids.ts";
import type { TaskFilter } from "../../queue/engine.ts";
import type { Issue } from "../../task/issues.ts";
import { TASK_STATES, type TaskState } from "../../task/state.ts";
import type { Reason, TaskType } from "../../task/task.ts";
import { query, type RequestContext } from "../context.ts";
import { refuseIssues } from "../problems.ts";

/** The query parameters of a filter. */
export const FILTER_NAMES = [
  "state",
  "type",
  "tag",
  "key",
  "batch",
  "host",
  "reason",
  "parent",
  "q",
] as const;

/** The query parameters of a page. */
export const PAGE_NAMES = ["limit", "cursor"] as const;

/** The task types, in the order of the documentation. */
export const TASK_TYPES: readonly TaskType[] = ["notify", "fetch"];

const reasons: Record<Reason, true> = {
  request: true,
  shutdown: true,
  batch: true,
  rejected: true,
  exhausted: true,
  unknown: true,
  crashed: true,
  damaged: true,
  expired: true,
};

/** Every value of `reason`. */
export const REASONS: readonly Reason[] = Object.keys(reasons) as Reason[];

const MAX_VALUE = 2_048;
const MAX_LISTED = 200;
const LISTED = 50;

/** A filter and a page. */
export interface Selection {
  /** The tasks to list. */
  readonly filter: TaskFilter;
  /** Page size, 1 to 200. */
  readonly limit: number;
  /** Where the page starts. */
  readonly cursor?: string;
}

/** Reads the filter and the page of a request. */
export function selectionOf(context: RequestContext): Selection {
  const issues: Issue[] = [];
  const names = [...FILTER_NAMES, ...PAGE_NAMES];
  const { limit = `${LISTED}`, cursor, ...words } = query(context, names, issues);
  if (!/^\d{1,3}$/.test(limit) || Number(limit) < 1 || Number(limit) > MAX_LISTED) {
    issues.push({ pointer: "/limit", detail: `Expected a whole number from 1 to ${MAX_LISTED}` });
  }
  const filter = readFilter(words, issues);
  return { filter, limit: Number(limit), ...compact({ cursor }) };
}

/** Reads the page of a request without a filter. */
export function pageOf(context: RequestContext): Pick<Selection, "limit" | "cursor"> {
  const { limit = `${LISTED}`, cursor } = query(context, PAGE_NAMES);
  if (!/^\d{1,3}$/.test(limit) || Number(limit) < 1 || Number(limit) > MAX_LISTED) {
    const detail = `Expected a whole number from 1 to ${MAX_LISTED}`;
    throw refuseIssues([{ pointer: "/limit", detail }]);
  }
  return { limit: Number(limit), ...compact({ cursor }) };
}

/** Reads the filter of a request without a page. */
export function filterOf(context: RequestContext): TaskFilter {
  const issues: Issue[] = [];
  return readFilter(query(context, FILTER_NAMES, issues), issues);
}

/** The parameters of a filter as text. */
export type FilterWords = Partial<Record<typeof FILTER_NAMES[number], string>>;

/** Parses a filter. Throws a `Refusal` with all issues, including the given `issues`. */
export function readFilter(words: FilterWords, issues: Issue[] = []): TaskFilter {
  const wrong = (name: string, detail: string) => issues.push({ pointer: `/${name}`, detail });
  for (const [name, value] of Object.entries(words)) {
    if (value === "" || value.length > MAX_VALUE) {
      wrong(name, `Expected 1 to ${MAX_VALUE} characters`);
    }
  }
  const { state, type, tag, key, batch, host, reason, parent, q } = words;
  const states = state?.split(",") as TaskState[] | undefined;
  if (states?.some((one) => !TASK_STATES.includes(one))) {
    wrong("state", `Expected any of ${TASK_STATES.join(", ")}, joined by commas`);
  }
  if (type !== undefined && !(TASK_TYPES as readonly string[]).includes(type)) {
    wrong("type", `Expected ${TASK_TYPES.join(" or ")}`);
  }
  if (reason !== undefined && !Object.hasOwn(reasons, reason)) {
    wrong("reason", `Expected one of ${REASONS.join(", ")}`);
  }
  if (batch !== undefined && !isId("bat", batch)) wrong("batch", "Expected an id, bat_…");
  if (parent !== undefined && !isId("tsk", parent) && !isId("bat", parent)) {
    wrong("parent", "Expected an id, tsk_… or bat_…");
  }
  if (issues.length > 0) throw refuseIssues(issues);
  return {
    ...compact({ states, type: type as TaskType | undefined, tag, key, batchId: batch }),
    ...(host === undefined ? {} : { host: host.toLowerCase() }),
    ...compact({ reason: reason as Reason | undefined, parentId: parent, q }),
  };
}
