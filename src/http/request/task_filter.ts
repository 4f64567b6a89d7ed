/**
 * The task filter of a query; the same for listing, cancelling and retrying.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import { isId } from "../../lib/ids.ts";
import type { TaskFilter } from "../../queue/engine.ts";
import type { FilterRequest } from "../../task/api/requests.ts";
import type { Issue } from "../../task/issues.ts";
import { TASK_STATES, type TaskState } from "../../task/state.ts";
import type { Reason, TaskType } from "../../task/task.ts";
import { query, type RequestContext } from "../context.ts";
import { refuseIssues } from "../problems.ts";

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

/** One query parameter of a filter. */
interface FilterField {
  /** For the OpenAPI document. */
  readonly description: string;
  /** Its values, when they are a fixed set. */
  readonly values?: readonly string[];
  /** Parses its value; a text says what was expected instead. */
  readonly parse: (value: string) => TaskFilter | string;
}

/** The query parameters of a filter, in the order of the documentation. */
export const TASK_FILTERS = {
  state: {
    description: `One of ${TASK_STATES.join(", ")}, or several joined by commas.`,
    parse: (value) => {
      const states = value.split(",");
      return states.every((state): state is TaskState => TASK_STATES.includes(state as TaskState))
        ? { states }
        : `Expected any of ${TASK_STATES.join(", ")}, joined by commas`;
    },
  },
  type: {
    description: "A notification or an HTTP request.",
    values: TASK_TYPES,
    parse: (value) => {
      const type = TASK_TYPES.find((type) => type === value);
      return type ? { type } : `Expected ${TASK_TYPES.join(" or ")}`;
    },
  },
  tag: { description: "One of its tags.", parse: (tag) => ({ tag }) },
  key: { description: "Its key.", parse: (key) => ({ key }) },
  batch: {
    description: "Its batch.",
    parse: (batchId) => isId("bat", batchId) ? { batchId } : "Expected an id, bat_…",
  },
  host: {
    description: "The host of its destination: example.org, or https://example.org:443.",
    parse: (host) => ({ host: host.toLowerCase() }),
  },
  reason: {
    description: "Why it has its state.",
    values: REASONS,
    parse: (value) => {
      const reason = REASONS.find((reason) => reason === value);
      return reason ? { reason } : `Expected one of ${REASONS.join(", ")}`;
    },
  },
  parent: {
    description: "The task or batch whose end created it.",
    parse: (parentId) =>
      isId("tsk", parentId) || isId("bat", parentId)
        ? { parentId }
        : "Expected an id, tsk_… or bat_…",
  },
  q: {
    description: "A text that its subject, recipients or URL contain, in any case.",
    parse: (q) => ({ q }),
  },
} satisfies Record<keyof FilterRequest, FilterField>;

/** The names of the query parameters of a filter. */
export const FILTER_NAMES = Object.keys(TASK_FILTERS) as (keyof FilterRequest)[];

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
export type FilterWords = Partial<Record<keyof FilterRequest, string>>;

/** Parses a filter. Throws a `Refusal` with all issues, including the given `issues`. */
export function readFilter(words: FilterWords, issues: Issue[] = []): TaskFilter {
  let filter: TaskFilter = {};
  for (const name of FILTER_NAMES) {
    const value = words[name];
    if (value === undefined) continue;
    const parsed = value === "" || value.length > MAX_VALUE
      ? `Expected 1 to ${MAX_VALUE} characters`
      : TASK_FILTERS[name].parse(value);
    if (typeof parsed === "string") issues.push({ pointer: `/${name}`, detail: parsed });
    else filter = { ...filter, ...parsed };
  }
  if (issues.length > 0) throw refuseIssues(issues);
  return filter;
}
