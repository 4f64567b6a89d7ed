/**
 * The shapes of answers, as JSON Schema: what `views.ts` makes, told to programs.
 *
 * @module
 */

import { fetchSchema } from "../../task/input/fetch.ts";
import { notifySchema } from "../../task/input/notify.ts";
import { MAX_ENTRIES } from "../../task/input/batch_input.ts";
import { TASK_STATES } from "../../task/state.ts";
import type { Json } from "../../task/task.ts";
import { REASONS, TASK_TYPES } from "../request/task_filter.ts";
import { PROBLEMS } from "../problems.ts";
import {
  anything,
  count,
  list,
  type Members,
  number,
  oneOf,
  ref,
  shape,
  text,
  time,
} from "./shapes.ts";

const error = shape({
  code: text("For programs: timeout, address_refused, http_503 …"),
  detail: text("For people."),
}, "The last attempt's error, also while the task waits for the next.");

const delivery = oneOf(
  ["delivered", "not_delivered", "partial", "unknown"],
  "What became of the payload, with a final state; unknown when the bytes had left and no answer came.",
);

const summary: Members = {
  id: text("tsk_…, sorts by the time of acceptance."),
  type: oneOf(TASK_TYPES, "What is asked for."),
  state: oneOf(TASK_STATES, "Where it stands."),
  "reason?": oneOf(REASONS, "Why, where the state alone does not say."),
  "delivery?": delivery,
  attempt: count("Attempts begun since it was accepted or retried."),
  createdAt: time("When it was accepted."),
  "dueAt?": time("Earliest time of the next attempt; absent once it is final."),
  "expiresAt?": time("No attempt begins at or after it."),
  "finishedAt?": time("Present once it is final."),
  priority: { type: "integer", minimum: 0, maximum: 9, description: "0 goes first." },
  "key?": text("Tasks of one key are attempted one at a time, in the order of acceptance."),
  "tags?": list({ type: "string" }),
  "batchId?": text("bat_…"),
  "parentId?": text("The task that had it made."),
  "owner?": text("The name of the API key that submitted it."),
  "possibleDuplicate?": { type: "boolean", description: "It may have had its effect before." },
  "error?": ref("TaskError"),
};

const moved = {
  bytes: count("Bytes moved so far."),
  "totalBytes?": count("Bytes there are, when that is known."),
  rate: number("Bytes a second."),
};
const progress = shape(moved, "While it runs, when its channel says.");

const attempt = shape({
  number: count("From 1; anew after a retry of the task."),
  startedAt: time("When it began."),
  endedAt: time("When it ended."),
  outcome: oneOf(
    ["delivered", "deferred", "rejected", "unknown", "cancelled"],
    "What the other side said.",
  ),
  "error?": ref("TaskError"),
  "evidence?": anything("What was seen on the way."),
}, "One try.");

const counts = shape(
  Object.fromEntries(TASK_STATES.map((state) => [state, count(`How many are ${state}.`)])),
  "How many tasks stand in each state.",
);

const brief = ["id", "type", "state", "delivery?", "attempt", "dueAt?", "finishedAt?", "error?"];

const batch: Members = {
  id: text("bat_…"),
  total: count("How many tasks it was submitted with."),
  counts: ref("Counts"),
  done: { type: "boolean", description: "Whether each of them is final." },
};

/** All schemas of the document by name. */
export const schemas: Readonly<Record<string, Json>> = {
  Notification: notifySchema,
  Notifications: withDefaults(notifySchema, "notifications", ref("Notification")),
  Request: fetchSchema,
  Requests: withDefaults(fetchSchema, "requests", ref("Request")),
  Urls: withDefaults(fetchSchema, "urls", { type: "string" }, ["url"]),
  TaskError: error,
  Attempt: attempt,
  Counts: counts,
  TaskSummary: shape(summary, "A task in a list: without attempts, payload and result."),
  Task: shape({
    ...summary,
    attempts: list(ref("Attempt")),
    "progress?": progress,
    "waitingFor?": text("What a waiting task waits for, in words."),
    "payload?": { type: "object", description: "What is to be sent; secrets are masked." },
    "result?": anything("What the last attempt brought back."),
  }, "One thing asked for and accepted."),
  TaskBrief: shape(
    Object.fromEntries(brief.map((name) => [name, summary[name] as Json])),
    "A task's state in brief.",
  ),
  TaskEvent: shape({
    id: text("tsk_…"),
    type: summary.type as Json,
    state: summary.state as Json,
    attempt: summary.attempt as Json,
    at: time("When it changed."),
    "batchId?": text("bat_…"),
    "progress?": progress,
  }, "What the data of an event says, as JSON."),
  TaskPage: shape({
    data: list(ref("TaskSummary")),
    "nextCursor?": text("Continues the list; absent at its end."),
  }),
  BatchBrief: shape(batch),
  Batch: shape({
    ...batch,
    progress: shape({
      finished: number("The part of its tasks that is final, 0 to 1."),
      ...moved,
    }, "Bytes are what its tasks have brought back, and what those that run have got so far."),
  }),
  SubmittedBatch: shape({
    ...batch,
    tasks: list(shape({ id: text("tsk_…"), state: summary.state as Json })),
  }),
  Problem: shape({
    type: text("urn:postrider:problem: and the code."),
    title: text("What the code means."),
    status: { type: "integer" },
    "detail?": text("What exactly, and what to do about it."),
    code: oneOf(Object.keys(PROBLEMS), "For programs."),
    "errors?": list(shape({
      pointer: text("RFC 6901 pointer into the body; / and the name of a query parameter."),
      detail: text("What is expected there."),
    })),
    "task?": ref("Task"),
    requestId: text("As in X-Request-Id and in the log."),
  }, "RFC 9457."),
};

/** A batch: the list, and beside it every field of an entry as a default for each. */
function withDefaults(entry: Json, name: string, items: Json, without: string[] = []): Json {
  const { properties } = entry as { properties: Members };
  const defaults = Object.entries(properties).filter(([field]) => !without.includes(field));
  return {
    type: "object",
    description: `What stands beside ${name} is a default for each of them.`,
    properties: {
      [name]: { type: "array", items, minItems: 1, maxItems: MAX_ENTRIES },
      onComplete: {
        type: "object",
        description: "Made once, when all are done: {notify: {…}} or {fetch: {…}}; " +
          "{{batch.counts.succeeded}} is filled in by path.",
      },
      concurrency: {
        type: "integer",
        minimum: 1,
        maximum: MAX_ENTRIES,
        description: "The most of them that are attempted at once.",
      },
      ...Object.fromEntries(defaults),
    },
    required: [name],
    additionalProperties: false,
  };
}
