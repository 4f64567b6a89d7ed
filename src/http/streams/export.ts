/**
 * `GET /tasks?format=ndjson` and `format=csv`: all tasks that match, as a download.
 *
 * @module
 */

import type { QueueEngine, TaskFilter } from "../../queue/engine.ts";
import type { TaskSummary } from "../../task/task.ts";
import type { RequestContext } from "../context.ts";
import { summaryView, type View } from "../views/task_view.ts";

/** The formats of an export. */
export type ExportFormat = "ndjson" | "csv";

/** Tasks read at once. */
const PAGE = 200;

const TYPES: Readonly<Record<ExportFormat, string>> = {
  ndjson: "application/x-ndjson",
  csv: "text/csv; charset=utf-8; header=present",
};

const COLUMNS = [
  "id",
  "type",
  "state",
  "reason",
  "delivery",
  "attempt",
  "createdAt",
  "dueAt",
  "expiresAt",
  "finishedAt",
  "priority",
  "key",
  "tags",
  "batchId",
  "parentId",
  "owner",
  "source",
  "label",
  "host",
  "cancelledBy",
  "possibleDuplicate",
  "error",
] as const;

/** Which tasks an export has. */
export interface ExportedPart {
  /** What they match. */
  readonly filter: TaskFilter;
  /** How many at most; `Infinity` for all. */
  readonly limit: number;
  /** Where they begin: the `nextCursor` of a list. */
  readonly cursor?: string;
}

/**
 * Streams the tasks that match, newest first, one page of the engine at a time.
 * Rejects with the error of the engine for a wrong cursor.
 */
export async function exportTasks(
  engine: QueueEngine,
  { filter, limit, cursor: start }: ExportedPart,
  format: ExportFormat,
  { requestId, ending }: RequestContext,
): Promise<Response> {
  const encoder = new TextEncoder();
  const closing = ending();
  const lineOf = format === "csv"
    ? csvLine
    : (task: TaskSummary) => JSON.stringify(summaryView(task));
  let left = limit;
  let page = await engine.list(filter, Math.min(PAGE, left), start);
  let isFirst = true;
  let head = format === "csv" ? `${COLUMNS.join(",")}\r\n` : "";
  const end = format === "csv" ? "\r\n" : "\n";
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      // A filter that no index serves may have pages without a task.
      for (let text = ""; text === "";) {
        if (!isFirst) page = await engine.list(filter, Math.min(PAGE, left), page.nextCursor);
        isFirst = false;
        left -= page.tasks.length;
        text = head + page.tasks.map((task) => lineOf(task) + end).join("");
        head = "";
        if (text !== "") controller.enqueue(encoder.encode(text));
        if (page.nextCursor === undefined || left <= 0) return controller.close();
        // Not the end of the list, so it must not look like it.
        if (closing.aborted) return controller.error(new Error("The export was interrupted"));
      }
    },
  });
  return new Response(body, {
    headers: {
      "content-type": TYPES[format],
      "content-disposition": `attachment; filename="tasks.${format}"`,
      "cache-control": "private, no-store",
      "x-accel-buffering": "no",
      "x-content-type-options": "nosniff",
      "x-request-id": requestId,
    },
  });
}

function csvLine(task: TaskSummary): string {
  const view: View = summaryView(task);
  return COLUMNS.map((name) => csvCell(view[name])).join(",");
}

/** RFC 4180; a text that a spreadsheet would run as a formula begins with an apostrophe. */
function csvCell(value: unknown): string {
  if (value === undefined) return "";
  const plain = Array.isArray(value)
    ? value.join(" ")
    : typeof value === "object" && value !== null
    ? Object.values(value).join(": ")
    : String(value);
  const text = /^[=+\-@\t\r]/.test(plain) ? `'${plain}` : plain;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
