/**
 * Reading what is in memory, by what tasks, batches and deliveries have in common.
 *
 * @module
 */

import { firstSequenceAt, isId, sequenceOf } from "../../lib/ids.ts";
import { GIVEN_TEXTS, type GivenTexts } from "../../task/task.ts";
import type { DeliverySummary } from "../../task/trigger.ts";
import type { BatchTask, TaskChange } from "../change.ts";
import { batchRecordOf, changeOf, type Row, summaryOf } from "../core/row.ts";
import { queuedKindOf } from "../core/rules.ts";
import {
  type BatchPage,
  dueAfter,
  type DuePlace,
  formatCursor,
  formatDueCursor,
} from "../cursor.ts";
import type { DeliveryPage, Page, QueuedKinds, TaskFilter } from "../engine.ts";
import { laneIsOfHost } from "../host.ts";
import { searchOf } from "../search.ts";
import type { Body, MemoryStorage } from "./storage.ts";

type Test<Field extends keyof TaskFilter> = (
  value: NonNullable<TaskFilter[Field]>,
  row: Row,
  body: Body,
) => boolean;

/** What each field of a filter asks of a task. */
const OWN_TESTS: {
  readonly [Field in Exclude<keyof TaskFilter, keyof GivenTexts>]-?: Test<Field>;
} = {
  states: (states, row) => states.includes(row.state),
  type: (type, row) => row.type === type,
  tag: (tag, _, body) => body.tags.includes(tag),
  tags: (tags, _, body) => tags.every((tag) => body.tags.includes(tag)),
  batchId: (id, row) => isId("bat", id) && row.batch === sequenceOf(id),
  host: (host, row) => laneIsOfHost(row.lane, host),
  reason: (reason, row) => row.reason === reason,
  parentId: (id, row) => (isId("tsk", id) || isId("bat", id)) && row.parent === sequenceOf(id),
  q: (q, row, body) => {
    const search = searchOf(q);
    if ("task" in search) return row.seq === search.task;
    if ("batch" in search) return row.batch === search.batch;
    const { text, spec } = search;
    return row.label.toLowerCase().includes(text) ||
      (spec !== undefined && body.spec.includes(spec));
  },
  owner: (owner, row) => row.owner === owner,
  since: (since, row) => row.seq >= firstSequenceAt(since),
  until: (until, row) => row.seq < firstSequenceAt(until + 1),
  finishedSince: (since, row) => row.finishedAt !== null && row.finishedAt >= since,
  finishedUntil: (until, row) => row.finishedAt !== null && row.finishedAt <= until,
  source: (source, row) => (row.source ?? "api") === source,
};

/** The same with the texts that a caller attached. */
const TESTS = {
  ...OWN_TESTS,
  ...Object.fromEntries(
    GIVEN_TEXTS.map((name) => [name, (text: string, row: Row) => row[name] === text]),
  ),
} as Readonly<Record<string, Test<keyof TaskFilter>>>;

/** The rows that match, newest first. */
export function matching({ rows, bodies }: MemoryStorage, filter: TaskFilter): Row[] {
  const asked = Object.entries(filter).filter(([, value]) => value !== undefined);
  const matches = (row: Row) =>
    asked.every(([field, value]) =>
      TESTS[field]?.(value as never, row, bodies.get(row.seq) as Body)
    );
  return [...rows.values()].filter(matches).sort((a, b) => b.seq - a.seq);
}

/** A page of tasks, newest first. */
export function list(
  storage: MemoryStorage,
  filter: TaskFilter,
  limit: number,
  before: number,
): Page {
  const found = matching(storage, filter).filter(({ seq }) => seq < before);
  return pageOf(storage, found, limit, ({ seq }) => formatCursor(seq));
}

/** Queued tasks whose time has not come, the first of them first. */
export function upcoming(
  storage: MemoryStorage,
  filter: TaskFilter,
  limit: number,
  after: DuePlace | undefined,
): Page {
  const { dueAt, seq } = after ?? dueAfter(storage.now);
  const found = matching(storage, filter)
    .filter((row) =>
      row.state === "queued" && (row.dueAt > dueAt || (row.dueAt === dueAt && row.seq > seq))
    )
    .sort((a, b) => a.dueAt - b.dueAt || a.seq - b.seq);
  return pageOf(storage, found, limit, formatDueCursor);
}

function pageOf(
  storage: MemoryStorage,
  found: readonly Row[],
  limit: number,
  cursorOf: (row: Row) => string,
): Page {
  const tasks = found.slice(0, limit).map((row) => {
    const { retry: _, ...summary } = summaryOf(row, storage.bodies.get(row.seq)?.spec);
    return summary;
  });
  const last = found.length > limit ? found[limit - 1] : undefined;
  return last ? { tasks, nextCursor: cursorOf(last) } : { tasks };
}

/** Counts the next of those that match, with numbers below `before`. */
export function count(
  storage: MemoryStorage,
  filter: TaskFilter,
  before: number,
  most: number | undefined,
) {
  const found = matching(storage, filter).filter(({ seq }) => seq < before);
  const last = most !== undefined && found.length > most ? found[most - 1] : undefined;
  return last && most !== undefined ? { count: most, next: last.seq } : { count: found.length };
}

/** Queued tasks by what they wait for. */
export function queued({ rows, pauses, now }: MemoryStorage): QueuedKinds {
  const kinds = { due: 0, scheduled: 0, retrying: 0, paused: 0 };
  let oldest = Infinity;
  for (const row of rows.values()) {
    if (row.state !== "queued") continue;
    const kind = pauses.all ? "paused" : queuedKindOf(row, now);
    kinds[kind]++;
    if (kind === "due") oldest = Math.min(oldest, row.dueAt);
  }
  return oldest === Infinity ? kinds : { ...kinds, oldestDueAt: oldest };
}

/** Tasks changed after that change, each once, in the order of their latest changes. */
export function changesAfter(storage: MemoryStorage, change: number, limit: number): TaskChange[] {
  return [...storage.rows.values()]
    .filter((row) => row.change > change)
    .sort((a, b) => a.change - b.change)
    .slice(0, limit)
    .map((row) => changeOf(row, row.batch === null ? undefined : storage.batch(row.batch)?.id));
}

/** The states of a batch's tasks, in the order of submission. */
export function batchTasks({ batches }: MemoryStorage, batchId: string): BatchTask[] {
  const batch = isId("bat", batchId) ? batches.get(sequenceOf(batchId)) : undefined;
  return [...batch?.tasks ?? []].map(({ id, state, change }) => ({ id, state, change }));
}

/** Batches that were submitted before that number, newest first. */
export function listBatches(
  { batches }: MemoryStorage,
  limit: number,
  before: number,
  owner: string | undefined,
): BatchPage {
  const found = [...batches.values()].map(({ row }) => row)
    .filter((row) => row.seq < before && (owner === undefined || row.owner === owner))
    .sort((a, b) => b.seq - a.seq);
  const page = { batches: found.slice(0, limit).map((row) => batchRecordOf(row, false)) };
  const last = found.length > limit ? found[limit - 1] : undefined;
  return last ? { ...page, nextCursor: formatCursor(last.seq) } : page;
}

/** Deliveries of a hook that were received before that number, newest first. */
export function deliveries(
  storage: MemoryStorage,
  hook: string,
  limit: number,
  before: number,
): DeliveryPage {
  const found = [...storage.deliveries]
    .filter(([seq, delivery]) => delivery.hook === hook && seq < before)
    .sort(([a], [b]) => b - a);
  const last = found.length > limit ? found[limit - 1] : undefined;
  return {
    deliveries: found.slice(0, limit).map(([, { content: _, ...summary }]): DeliverySummary =>
      summary
    ),
    ...(last ? { nextCursor: formatCursor(last[0]) } : {}),
  };
}
