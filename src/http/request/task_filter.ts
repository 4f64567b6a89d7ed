/**
 * The task filter of a query; the same for listing, cancelling and retrying.
 *
 * @module
 */

import { parseLaneHost } from "../../lib/lane_host.ts";
import { compact } from "../../lib/compact.ts";
import { parseDuration } from "../../lib/duration.ts";
import { isId } from "../../lib/ids.ts";
import { parseTime } from "../../lib/time.ts";
import type { QueuedKind, TaskFilter } from "../../queue/engine.ts";
import type { FilterRequest } from "../../task/api/requests.ts";
import type { Issue } from "../../task/issues.ts";
import { TASK_STATES, type TaskState } from "../../task/state.ts";
import type { Reason, TaskType } from "../../task/task.ts";
import { query, type RequestContext } from "../context.ts";
import { refuseIssues } from "../problems.ts";
import type { ExportFormat } from "../streams/export.ts";

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

/** Every value of `queued`. */
export const QUEUED_KINDS: readonly QueuedKind[] = ["due", "scheduled", "retrying", "paused"];

/** One query parameter of a filter. */
interface FilterField {
  /** For the OpenAPI document. */
  readonly description: string;
  /** Its values, when they are a fixed set. */
  readonly values?: readonly string[];
  /** Parses its value at the time `now`; a text says what was expected instead. */
  readonly parse: (value: string, now: number) => TaskFilter | string;
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
  queued: {
    description: "Queued, and counted so by `GET /status`: its time has come (`due`) or has not " +
      "(`scheduled`), it waits for its next attempt (`retrying`), or a pause covers it (`paused`).",
    values: QUEUED_KINDS,
    parse: (value, at) => {
      const kind = QUEUED_KINDS.find((kind) => kind === value);
      return kind ? { queued: { kind, at } } : `Expected one of ${QUEUED_KINDS.join(", ")}`;
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
  tags: {
    description: "Tags joined by commas; it carries each of them.",
    parse: (value) => {
      const tags = value.split(",").map((tag) => tag.trim()).filter((tag) => tag !== "");
      return tags.length > 0 ? { tags } : "Expected tags, joined by commas";
    },
  },
  key: { description: "Its key.", parse: (key) => ({ key }) },
  batch: {
    description: "Its batch.",
    parse: (batchId) => isId("bat", batchId) ? { batchId } : "Expected an id, bat_…",
  },
  host: {
    description: "The host of its destination: example.org, or https://example.org:443.",
    parse: (text) => {
      const host = parseLaneHost(text);
      return host === undefined
        ? "Expected a host such as example.org, or one with a port, without a path"
        : { host };
    },
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
    description:
      "A text that its subject, recipients or URL contain, in any case; or the id of a " +
      "task, a batch or a request.",
    parse: (q) => q.trim() === "" ? "Expected a text to search for" : { q: q.trim() },
  },
  since: {
    description: "Accepted then or later: an RFC 3339 time, or a duration back from now (24h).",
    parse: (value, now) => {
      const since = momentOf(value, now);
      return since === undefined ? EXPECTED_MOMENT : { since };
    },
  },
  until: {
    description: "Accepted then or earlier: an RFC 3339 time, or a duration back from now.",
    parse: (value, now) => {
      const until = momentOf(value, now);
      return until === undefined ? EXPECTED_MOMENT : { until };
    },
  },
  finishedSince: {
    description: "Became final then or later: an RFC 3339 time, or a duration back from now.",
    parse: (value, now) => {
      const finishedSince = momentOf(value, now);
      return finishedSince === undefined ? EXPECTED_MOMENT : { finishedSince };
    },
  },
  finishedUntil: {
    description: "Became final then or earlier: an RFC 3339 time, or a duration back from now.",
    parse: (value, now) => {
      const finishedUntil = momentOf(value, now);
      return finishedUntil === undefined ? EXPECTED_MOMENT : { finishedUntil };
    },
  },
  source: {
    description: "What submitted it: schedule:NAME, hook:NAME, or api for requests.",
    parse: (source) =>
      /^(?:api|(?:schedule|hook):.+)$/.test(source)
        ? { source }
        : "Expected schedule:NAME, hook:NAME or api",
  },
  owner: {
    description: "The name of the API key that submitted it.",
    parse: (owner) => ({ owner }),
  },
} satisfies Record<keyof FilterRequest, FilterField>;

/** The names of the query parameters of a filter. */
export const FILTER_NAMES = Object.keys(TASK_FILTERS) as (keyof FilterRequest)[];

/** What `momentOf` expects. */
export const EXPECTED_MOMENT =
  'Expected a time such as "2030-01-31T12:00:00Z", or a duration back from now such as "24h"';

/** A time, or the moment that long before `now`. */
export function momentOf(value: string, now: number): number | undefined {
  const back = parseDuration(value);
  return back === undefined ? parseTime(value) : Math.max(0, now - back);
}

const MAX_VALUE = 2_048;
const MAX_LISTED = 200;
const LISTED = 50;

/** A filter and a page. */
export interface Selection {
  /** The tasks to list. */
  readonly filter: TaskFilter;
  /** Page size, 1 to 200; `Infinity` for an export that gives none. */
  readonly limit: number;
  /** Where the page starts. */
  readonly cursor?: string;
  /** The format of an export of all that match. */
  readonly format?: ExportFormat;
  /** Only what is queued and not due yet, by its time. */
  readonly byDue?: true;
}

/** Reads the filter and the page of a request. */
export function selectionOf(context: RequestContext, now: number): Selection {
  const issues: Issue[] = [];
  const names = [...FILTER_NAMES, ...PAGE_NAMES, "format", "sort"] as const;
  const { limit: given, cursor, format, sort, ...words } = query(context, names, issues);
  const limit = given ?? `${LISTED}`;
  if (sort !== undefined && (sort !== "due" || format !== undefined)) {
    issues.push({ pointer: "/sort", detail: "Expected due, and no format; or leave it out" });
  }
  if (format !== undefined && format !== "ndjson" && format !== "csv") {
    issues.push({ pointer: "/format", detail: "Expected ndjson or csv" });
  }
  if (!/^\d{1,3}$/.test(limit) || Number(limit) < 1 || Number(limit) > MAX_LISTED) {
    issues.push({ pointer: "/limit", detail: `Expected a whole number from 1 to ${MAX_LISTED}` });
  }
  const filter = readFilter(words, now, issues);
  return {
    filter,
    // An export is not in pages.
    limit: given === undefined && format !== undefined ? Infinity : Number(limit),
    ...compact({
      cursor,
      format: format as ExportFormat | undefined,
      byDue: sort === "due" ? true as const : undefined,
    }),
  };
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

/**
 * Reads the filter of a request that changes tasks: at least one field, or
 * `all=true`. `what` says what it would do without either.
 */
export function filterOrAll(context: RequestContext, what: string, now: number): TaskFilter {
  const issues: Issue[] = [];
  const { all, ...words } = query(context, [...FILTER_NAMES, "all"], issues);
  if (all !== undefined && all !== "true") {
    issues.push({ pointer: "/all", detail: "Expected true, or leave it out" });
  }
  const filter = readFilter(words, now, issues);
  if (all === undefined && Object.keys(filter).length === 0) {
    const detail = `Expected at least one filter: to ${what}, ?all=true`;
    throw refuseIssues([{ pointer: "", detail }]);
  }
  return filter;
}

/** The parameters of a filter as text. */
export type FilterWords = Partial<Record<keyof FilterRequest, string>>;

/** Parses a filter. Throws a `Refusal` with all issues, including the given `issues`. */
export function readFilter(words: FilterWords, now: number, issues: Issue[] = []): TaskFilter {
  let filter: TaskFilter = {};
  for (const name of FILTER_NAMES) {
    const value = words[name];
    if (value === undefined) continue;
    const parsed = value === "" || value.length > MAX_VALUE
      ? `Expected 1 to ${MAX_VALUE} characters`
      : (TASK_FILTERS[name] as FilterField).parse(value, now);
    if (typeof parsed === "string") issues.push({ pointer: `/${name}`, detail: parsed });
    else filter = { ...filter, ...parsed };
  }
  if (issues.length > 0) throw refuseIssues(issues);
  // Engines find queued tasks by their state.
  return filter.queued && !filter.states ? { ...filter, states: ["queued"] } : filter;
}

/** Refuses a cursor that an engine did not know; throws other errors again. */
export function refuseCursor(error: unknown): never {
  if (!(error instanceof RangeError)) throw error;
  throw refuseIssues([{ pointer: "/cursor", detail: "Expected a nextCursor of this list" }]);
}

/** RFC 8288: the next page with the same filter. */
export function nextLink({ request }: RequestContext, cursor: string): Record<string, string> {
  const { pathname, searchParams } = new URL(request.url);
  searchParams.set("cursor", cursor);
  return { link: `<${pathname}?${searchParams}>; rel="next"` };
}
