/**
 * The operations on tasks.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import { TASK_FILTERS } from "../request/task_filter.ts";
import {
  answered,
  json,
  looking,
  type Operation,
  page,
  parameter,
  taskId,
  wait,
} from "./operation.ts";
import type { Json } from "../../task/task.ts";
import { ref } from "./shapes.ts";
import { submitAnswers, submitHeaders, submitRefusals } from "./submit_operations.ts";

const filter = Object.entries<{ description: string; values?: readonly string[] }>(TASK_FILTERS)
  .map(([name, { description, values }]) =>
    parameter("query", name, description, {
      type: "string",
      ...compact({ enum: values && [...values] }),
    })
  );

const all = parameter("query", "all", "true: all tasks are meant. Needed without a filter.", {
  type: "string",
  enum: ["true"],
});

const lastEventId = parameter(
  "header",
  "Last-Event-ID",
  "The id of the last event that was read; later changes come first.",
  { type: "integer", minimum: 0 },
);

const events = (description: string): Operation["answers"][number] => ({
  status: "200",
  description: `${description} Each event is named task, its data is a TaskEvent, its id the ` +
    "number of the change; progress has none. A comment every 15 s keeps it open.",
  headers: ["XAccelBuffering"],
  content: {
    "text/event-stream": {
      schema: { type: "string", contentSchema: ref("TaskEvent") },
      example:
        'id: 42\nevent: task\ndata: {"id":"tsk_01jd00000000000000000000000","type":"fetch",' +
        '"state":"running","attempt":1,"at":"2026-11-20T12:00:00.000Z"}\n\n',
    },
  },
});

const DOWNLOAD = { "application/octet-stream": { schema: { type: "string", format: "binary" } } };

const downloadHeaders = [
  "ContentDisposition",
  "ContentTypeOptions",
  "ContentSecurityPolicy",
  "ResourcePolicy",
  "AcceptRanges",
];

const PROGRESS = "With Accept: application/x-ndjson the response reports its progress: a line " +
  '{"changed": 500, "startedAt": …, "at": …} after each part, and the result as the last line.';

function withProgress(result: Json): Record<string, Json> {
  return {
    ...json(result) as Record<string, Json>,
    "application/x-ndjson": { schema: { type: "string" } },
  };
}

/** Operations on tasks. */
export const taskOperations: readonly Operation[] = [
  {
    method: "GET",
    path: "/tasks",
    id: "listTasks",
    tag: "Tasks",
    summary: "List tasks, newest first",
    description:
      "A caller without the scope read sees only its own tasks. A search by q may return an empty " +
      "page although the list continues: follow nextCursor until it is absent.",
    parameters: [
      ...filter,
      ...page,
      parameter("query", "format", "Exports all tasks that match, as a download.", {
        type: "string",
        enum: ["ndjson", "csv"],
      }),
      parameter(
        "query",
        "sort",
        "due: only queued tasks whose time has not come, the first of them first.",
        { type: "string", enum: ["due"] },
      ),
    ],
    answers: [{
      status: "200",
      description: "A page; or, with format, all tasks that match, one on each line.",
      headers: ["Link"],
      content: {
        ...json(ref("TaskPage")) as Record<string, Json>,
        "application/x-ndjson": { schema: ref("TaskSummary") },
        "text/csv": { schema: { type: "string" } },
      },
    }],
    refusals: ["invalid", "engine_down"],
  },
  {
    method: "DELETE",
    path: "/tasks",
    id: "cancelTasks",
    tag: "Tasks",
    summary: "Cancel all tasks that match",
    description:
      "Waiting tasks are cancelled at once, running ones are aborted. Finished tasks stay as they " +
      `are. ${PROGRESS}`,
    parameters: [...filter, all],
    answers: [{
      status: "200",
      description: "How many were cancelled, and how many are being aborted.",
      content: withProgress({
        type: "object",
        properties: { cancelled: { type: "integer" }, aborting: { type: "integer" } },
        required: ["cancelled", "aborting"],
        additionalProperties: false,
      }),
    }],
    refusals: ["invalid", "engine_down"],
  },
  {
    method: "POST",
    path: "/tasks/retry",
    id: "retryTasks",
    tag: "Tasks",
    summary: "Retry all tasks that match",
    description:
      "Tasks that failed, were cancelled or expired wait again, with their attempts counted from " +
      "1. One that has expired meanwhile becomes expired, unless the filter names that state: " +
      "then it is sent, and loses its expiry. What the queue has no room for stays as it is. " +
      PROGRESS,
    parameters: [...filter, all],
    answers: [{
      status: "202",
      description: "How many wait again, have expired meanwhile, and found no room.",
      content: withProgress({
        type: "object",
        properties: {
          retried: { type: "integer" },
          expired: { type: "integer" },
          refused: { type: "integer" },
        },
        required: ["retried", "expired"],
        additionalProperties: false,
      }),
    }],
    refusals: ["invalid", "queue_full", "engine_down", "shutting_down"],
  },
  {
    method: "GET",
    path: "/tasks/count",
    id: "countTasks",
    tag: "Tasks",
    summary: "Count the tasks that match",
    description: "Counting takes three seconds at most; complete says whether all were counted.",
    parameters: [...filter],
    answers: [{
      status: "200",
      description: "How many match.",
      content: json({
        type: "object",
        properties: { count: { type: "integer" }, complete: { type: "boolean" } },
        required: ["count", "complete"],
        additionalProperties: false,
      }),
    }],
    refusals: ["invalid", "engine_down"],
  },
  {
    method: "GET",
    path: "/tasks/{id}",
    id: "getTask",
    tag: "Tasks",
    summary: "Read a task",
    description: "With wait, the response comes as soon as the task is final or the time is up.",
    parameters: [taskId, wait],
    answers: [answered(200, "Task", "The task.")],
    refusals: looking,
  },
  {
    method: "POST",
    path: "/tasks/{id}/duplicate",
    id: "duplicateTask",
    tag: "Tasks",
    summary: "Submit a task once more",
    description:
      "A new task with the payload and the options of this one, secrets too; without its times, " +
      "batch and fallbacks. The body, if there is one, is a JSON merge patch (RFC " +
      "7396): fields to replace, or null to leave out.",
    parameters: [taskId, ...submitHeaders],
    body: {
      required: false,
      content: {
        "application/json": {
          schema: { type: "object", additionalProperties: true },
          example: { delay: "10m" },
        },
      },
    },
    answers: submitAnswers,
    refusals: [...submitRefusals, "address_refused", "forbidden", "not_retryable"],
  },
  {
    method: "GET",
    path: "/tasks/{id}/events",
    id: "watchTask",
    tag: "Tasks",
    summary: "Watch a task until it is final",
    description:
      "A stream of server-sent events: the present state first, then each change. It ends with " +
      "the task.",
    parameters: [taskId, lastEventId],
    answers: [
      events("The present state, then each change."),
      {
        status: "204",
        description: "It is final, and the final event was read already: do not reconnect.",
      },
    ],
    refusals: looking,
  },
  {
    method: "GET",
    path: "/events",
    id: "watchTasks",
    tag: "Tasks",
    summary: "Watch all tasks",
    description:
      "A stream of server-sent events with each change of a task that the caller may see.",
    parameters: [lastEventId],
    answers: [events("Each change of any task.")],
    refusals: ["invalid", "engine_down"],
  },
  {
    method: "DELETE",
    path: "/tasks/{id}",
    id: "cancelTask",
    tag: "Tasks",
    summary: "Cancel a task",
    description:
      "A waiting task is cancelled at once. A running one is aborted, and becomes cancelled when " +
      "its attempt has ended.",
    parameters: [
      taskId,
      parameter("query", "erase", "true: erases a final task; needs the scope operate.", {
        type: "string",
        enum: ["true"],
      }),
    ],
    answers: [
      answered(200, "Task", "It is cancelled."),
      answered(202, "Task", "It was running and is being aborted."),
    ],
    refusals: [...looking, "forbidden", "not_cancellable", "not_final"],
  },
  {
    method: "GET",
    path: "/tasks/{id}/body",
    id: "getTaskBody",
    tag: "Tasks",
    summary: "Download the response body of a fetch",
    description:
      "The saved file, or the whole text where it was kept. Range, If-Range and If-None-Match are " +
      "supported.",
    parameters: [taskId, parameter("header", "Range", "bytes=0-1023: one part.")],
    answers: [
      {
        status: "200",
        description: "The whole body.",
        headers: [...downloadHeaders, "ETag", "ContentLength"],
        content: DOWNLOAD,
      },
      {
        status: "206",
        description: "The requested part.",
        headers: [...downloadHeaders, "ETag", "ContentLength", "ContentRange"],
        content: DOWNLOAD,
      },
      {
        status: "304",
        description: "Not modified.",
        headers: [...downloadHeaders, "ETag"],
      },
    ],
    refusals: [...looking, "range_not_satisfiable"],
  },
  {
    method: "POST",
    path: "/tasks/{id}/retry",
    id: "retryTask",
    tag: "Tasks",
    summary: "Retry a task",
    description:
      "A task that failed, was cancelled or expired waits again, with its attempts counted from " +
      "1. Earlier attempts stay listed.",
    parameters: [taskId],
    answers: [answered(202, "Task", "It waits again.", ["Location"])],
    refusals: [...looking, "not_retryable", "queue_full", "shutting_down"],
  },
  {
    method: "POST",
    path: "/tasks/{id}/run",
    id: "runTask",
    tag: "Tasks",
    summary: "Make a waiting task due now",
    description:
      "Its delay, or the wait for its next attempt, ends now. Limits, holds and the order of its " +
      "key still apply.",
    parameters: [taskId],
    answers: [answered(202, "Task", "It is due.", ["Location"])],
    refusals: [...looking, "not_retryable"],
  },
];
