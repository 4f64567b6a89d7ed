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

/** Streams all tasks that match, newest first, one page of the engine at a time. */
export function exportTasks(
  engine: QueueEngine,
  filter: TaskFilter,
  format: ExportFormat,
  { requestId, ending }: RequestContext,
): Response {
  const encoder = new TextEncoder();
  const closing = ending();
  const lineOf = format === "csv"
    ? csvLine
    : (task: TaskSummary) => JSON.stringify(summaryView(task));
  let cursor: string | undefined;
  let head = format === "csv" ? `${COLUMNS.join(",")}\r\n` : "";
  const end = format === "csv" ? "\r\n" : "\n";
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      // A filter that no index serves may have pages without a task.
      for (let text = ""; text === "";) {
        const page = await engine.list(filter, PAGE, cursor);
        text = head + page.tasks.map((task) => lineOf(task) + end).join("");
        head = "";
        cursor = page.nextCursor;
        if (text !== "") controller.enqueue(encoder.encode(text));
        if (cursor === undefined) return controller.close();
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
