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
import { isSet, query, type RequestContext } from "../context.ts";
import { refuseIssues } from "../problems.ts";
import type { ExportFormat } from "../streams/export.ts";

/** The query parameters of a page. */
const PAGE_NAMES = ["limit", "cursor"] as const;

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
    description: "Only queued tasks: due now (`due`), scheduled for later (`scheduled`), waiting " +
      "for their next attempt (`retrying`), or covered by a pause (`paused`).",
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
    description: "Tags joined by commas; it has each of them.",
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
    description: "Accepted at this time or later: RFC 3339, or a duration back from now (24h).",
    parse: momentParser((since) => ({ since })),
  },
  until: {
    description: "Accepted at this time or earlier: RFC 3339, or a duration back from now.",
    parse: momentParser((until) => ({ until })),
  },
  finishedSince: {
    description: "Became final at this time or later: RFC 3339, or a duration back from now.",
    parse: momentParser((finishedSince) => ({ finishedSince })),
  },
  finishedUntil: {
    description: "Became final at this time or earlier: RFC 3339, or a duration back from now.",
    parse: momentParser((finishedUntil) => ({ finishedUntil })),
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

function momentParser(filterFrom: (moment: number) => TaskFilter): FilterField["parse"] {
  return (value, now) => {
    const moment = momentOf(value, now);
    return moment === undefined ? EXPECTED_MOMENT : filterFrom(moment);
  };
}

/** A time, or a duration before `now`, in milliseconds since the epoch. */
export function momentOf(value: string, now: number): number | undefined {
  const back = parseDuration(value);
  return back === undefined ? parseTime(value) : Math.max(0, now - back);
}

/** The longest value of a filter, in characters. */
const MAX_VALUE = 2_048;
/** The most entries of a page. */
const MAX_LISTED = 200;
/** The entries of a page when the request gives no number. */
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
  if (sort !== undefined && (sort !== "due" || format !== undefined)) {
    issues.push({ pointer: "/sort", detail: "Expected due without a format, or leave it out" });
  }
  if (format !== undefined && format !== "ndjson" && format !== "csv") {
    issues.push({ pointer: "/format", detail: "Expected ndjson or csv" });
  }
  const limit = limitOf(given, issues);
  const filter = readFilter(words, now, issues);
  return {
    filter,
    // An export is not in pages.
    limit: given === undefined && format !== undefined ? Infinity : limit,
    ...compact({
      cursor,
      format: format as ExportFormat | undefined,
      byDue: sort === "due" ? true as const : undefined,
    }),
  };
}

/** Reads the page of a request without a filter. */
export function pageOf(context: RequestContext): Pick<Selection, "limit" | "cursor"> {
  const { limit, cursor } = query(context, PAGE_NAMES);
  return { limit: limitOf(limit), ...compact({ cursor }) };
}

/** The `limit` of a page. Throws a `Refusal` for a wrong one, or adds that to `issues`. */
export function limitOf(given: string | undefined, issues?: Issue[]): number {
  if (given === undefined) return LISTED;
  const limit = /^\d{1,3}$/.test(given) ? Number(given) : 0;
  if (limit >= 1 && limit <= MAX_LISTED) return limit;
  const issue = { pointer: "/limit", detail: `Expected a whole number from 1 to ${MAX_LISTED}` };
  if (!issues) throw refuseIssues([issue]);
  issues.push(issue);
  return LISTED;
}

/**
 * Reads the filter of a request that changes tasks: at least one field, or
 * `all=true`. `what` says what it would do without either.
 */
export function filterOrAll(context: RequestContext, what: string, now: number): TaskFilter {
  const issues: Issue[] = [];
  const { all, ...words } = query(context, [...FILTER_NAMES, "all"], issues);
  const isAll = isSet("all", all, issues);
  const filter = readFilter(words, now, issues);
  if (!isAll && Object.keys(filter).length === 0) {
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

/** Refuses a cursor that the engine cannot read; throws other errors again. */
export function refuseCursor(error: unknown): never {
  if (!(error instanceof RangeError)) throw error;
  throw refuseIssues([{ pointer: "/cursor", detail: "Expected a nextCursor of this list" }]);
}

/** The `Link` header (RFC 8288) to the next page with the same filter; none on the last page. */
export function nextLink(
  { request }: RequestContext,
  cursor: string | undefined,
): Readonly<Record<string, string>> {
  if (cursor === undefined) return {};
  const { pathname, searchParams } = new URL(request.url);
  searchParams.set("cursor", cursor);
  return { link: `<${pathname}?${searchParams}>; rel="next"` };
}
