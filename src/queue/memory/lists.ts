/**
 * Reading what is in memory, by what tasks, batches and deliveries have in common.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import { firstSequenceAt, isId, sequenceOf } from "../../lib/ids.ts";
import { GIVEN_TEXTS, type GivenTexts } from "../../task/task.ts";
import type { DeliverySummary } from "../../task/trigger.ts";
import type { BatchTask, TaskChange } from "../change.ts";
import type { Found, FoundUpcoming } from "../core/commands.ts";
import { batchRecordOf, changeOf, type Row } from "../core/row.ts";
import { queuedKindOf } from "../core/rules.ts";
import { type BatchPage, type DuePlace, formatCursor } from "../cursor.ts";
import type { DeliveryPage, QueuedKind, QueuedKinds, TaskFilter } from "../engine.ts";
import { laneIsOfHost } from "../host.ts";
import { searchOf } from "../search.ts";
import type { Body, MemoryStorage } from "./storage.ts";

type Test<Field extends keyof TaskFilter> = (
  value: NonNullable<TaskFilter[Field]>,
  row: Row,
  body: Body,
  storage: MemoryStorage,
) => boolean;

/** What each field of a filter asks of a task. */
const OWN_TESTS: {
  readonly [Field in Exclude<keyof TaskFilter, keyof GivenTexts>]-?: Test<Field>;
} = {
  states: (states, row) => states.includes(row.state),
  queued: ({ kind, at }, row, _, storage) =>
    row.state === "queued" && kindOf(storage, row, at) === kind,
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

/** Those that match and have lower numbers than `before`, newest first. */
export function matching(
  storage: MemoryStorage,
  filter: TaskFilter,
  limit: number,
  before: number,
): Found {
  const found = rowsOf(storage, filter).filter(({ seq }) => seq < before)
    .sort((a, b) => b.seq - a.seq).map(({ seq }) => seq);
  const seqs = found.slice(0, limit);
  return { seqs, ...compact({ next: found.length > limit ? seqs.at(-1) : undefined }) };
}

/** Queued tasks that match and come after that place, the first of them first. */
export function upcoming(
  storage: MemoryStorage,
  filter: TaskFilter,
  limit: number,
  { dueAt, seq }: DuePlace,
): FoundUpcoming {
  const isLater = (row: Row) => row.dueAt > dueAt || (row.dueAt === dueAt && row.seq > seq);
  const found = rowsOf(storage, filter)
    .filter((row) => row.state === "queued" && isLater(row))
    .sort((a, b) => a.dueAt - b.dueAt || a.seq - b.seq);
  const rows = found.slice(0, limit);
  const next = found.length > limit ? rows.at(-1) : undefined;
  return { seqs: rows.map(({ seq }) => seq), ...compact({ next }) };
}

function rowsOf(storage: MemoryStorage, filter: TaskFilter): Row[] {
  const { rows, bodies } = storage;
  const asked = Object.entries(filter).filter(([, value]) => value !== undefined);
  return [...rows.values()].filter((row) =>
    asked.every(([field, value]) =>
      TESTS[field]?.(value as never, row, bodies.get(row.seq) as Body, storage)
    )
  );
}

/** Counts the next of those that match and have lower numbers than `before`. */
export function count(
  storage: MemoryStorage,
  filter: TaskFilter,
  before: number,
  most: number = Infinity,
) {
  const { seqs, ...next } = matching(storage, filter, most, before);
  return { count: seqs.length, ...next };
}

/** Queued tasks by what they wait for. */
export function queued(storage: MemoryStorage): QueuedKinds {
  const { rows, now } = storage;
  const kinds = { due: 0, scheduled: 0, retrying: 0, paused: 0 };
  let oldest = Infinity;
  for (const row of rows.values()) {
    if (row.state !== "queued") continue;
    const kind = kindOf(storage, row, now);
    kinds[kind]++;
    if (kind === "due") oldest = Math.min(oldest, row.dueAt);
  }
  return oldest === Infinity ? kinds : { ...kinds, oldestDueAt: oldest };
}

function kindOf({ pauses }: MemoryStorage, row: Row, at: number): QueuedKind {
  return pauses.all ? "paused" : queuedKindOf(row, at);
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
