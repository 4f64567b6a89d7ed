/**
 * The schemas of requests, made from those that parse them, and of tasks and batches.
 *
 * @module
 */

import { z } from "zod";
import { FETCH_ALTERNATIVES, fetchSchema } from "../../task/input/fetch.ts";
import { NOTIFY_ALTERNATIVES, notifySchema } from "../../task/input/notify.ts";
import { MAX_ENTRIES } from "../../task/input/batch_input.ts";
import type {
  AttemptResponse,
  BatchProgressResponse,
  BatchResponse,
  BatchSummaryResponse,
  PauseResponse,
  ProblemResponse,
  ProgressResponse,
  TaskEventResponse,
  TaskPageResponse,
  TaskResponse,
  TaskSummaryResponse,
} from "../../task/api/responses.ts";
import { TASK_STATES } from "../../task/state.ts";
import { GIVEN_NAMES, type GivenFields, type Json, type TaskError } from "../../task/task.ts";
import { REASONS, TASK_TYPES } from "../request/task_filter.ts";
import { PROBLEMS } from "../problems.ts";
import { pauseSchema } from "../routes/pauses.ts";
import {
  anything,
  atLeastOne,
  atMostOne,
  choice,
  count,
  type Described,
  flag,
  list,
  number,
  open,
  ref,
  type Schemas,
  shape,
  text,
  time,
} from "./shapes.ts";

/** One request, as its own schema has it. */
interface RequestSchema {
  readonly properties: Schemas;
  readonly required?: readonly string[];
}

/** A template makes text and HTML, and markdown makes HTML. */
const FORMATS = [["template", "text"], ["template", "html"], ["markdown", "template"], [
  "markdown",
  "html",
]];

/** What a pause is made of. */
const pauseInput = z.toJSONSchema(pauseSchema, { io: "input" }) as Schemas;
const notification = requestSchema(notifySchema);
const request = requestSchema(fetchSchema);

/** Follow-ups are parsed after the request; here they have their schemas too. */
function requestSchema(schema: Readonly<Schemas>): RequestSchema {
  const { properties, required } = schema as unknown as RequestSchema;
  const followUp = (name: string): Json => {
    const { description } = properties[name] as { description: string };
    return { ...ref("FollowUp"), description };
  };
  return {
    properties: {
      ...properties,
      onSuccess: followUp("onSuccess"),
      onFailure: followUp("onFailure"),
    },
    ...(required ? { required } : {}),
  };
}

function single(
  { properties, required = [] }: RequestSchema,
  description: string,
  alternatives: readonly (readonly string[])[],
  rules: Schemas = {},
): Schemas {
  return {
    type: "object",
    description,
    properties,
    required: [...required],
    additionalProperties: false,
    ...atMostOne(alternatives),
    ...rules,
  };
}

/** A batch: the list, and every field of an entry as a default for all of them. */
function batchOf(
  { properties }: RequestSchema,
  name: string,
  items: Json,
  without: readonly string[] = [],
): Schemas {
  const defaults = Object.entries(properties).filter(([field]) => !without.includes(field));
  return {
    type: "object",
    description: `Other fields are defaults for each of the ${name}, except callback, onComplete ` +
      "and concurrency, which belong to the batch.",
    properties: {
      [name]: { type: "array", items, minItems: 1, maxItems: MAX_ENTRIES },
      onComplete: {
        ...ref("FollowUp"),
        description: "Created once, when all tasks are final; placeholders such as " +
          "{{batch.counts.succeeded}} are filled in.",
      },
      concurrency: {
        type: "integer",
        minimum: 1,
        maximum: MAX_ENTRIES,
        description: "How many of them may run at once.",
      },
      ...Object.fromEntries(defaults),
    },
    required: [name],
    additionalProperties: false,
  };
}

/** The fields that a caller attached are shown as they were taken. */
const given = Object.fromEntries(
  GIVEN_NAMES.map((name) => [`${name}?`, notification.properties[name] as Json]),
) as Described<GivenFields>;

const summary: Described<TaskSummaryResponse> = {
  id: text("tsk_…; ids sort by the time of acceptance."),
  type: choice(TASK_TYPES, "A notification or an HTTP request."),
  state: choice(TASK_STATES, "Its state."),
  "reason?": choice(REASONS, "Why it has its state, where the state alone does not say."),
  "delivery?": choice(
    ["delivered", "not_delivered", "partial", "unknown"],
    "What became of the payload, with a final state; unknown when the bytes had left and no " +
      "response came.",
  ),
  attempt: count("Attempts begun since it was accepted or retried."),
  createdAt: time("When it was accepted."),
  "dueAt?": time("Earliest time of the next attempt; absent once it is final."),
  "expiresAt?": time("No attempt begins at or after it."),
  "finishedAt?": time("Present once it is final."),
  priority: { type: "integer", minimum: 0, maximum: 9, description: "0 goes first." },
  ...given,
  "batchId?": text("bat_…"),
  "parentId?": text("The task or batch whose end created it."),
  "owner?": text("The name of the API key that submitted it."),
  source: text("What submitted it: schedule:NAME, hook:NAME, or api for requests."),
  "label?": text("Subject, recipients or URL, without secrets; absent once erased."),
  "host?": text("The host of its destination; absent where it has none."),
  "cancelledBy?": text("Who cancelled it: an API key's name, anonymous, or a signal."),
  "possibleDuplicate?": flag("It may have had its effect already."),
  "error?": ref("TaskError"),
};

const moved: Described<ProgressResponse> = {
  bytes: count("Bytes moved so far."),
  "totalBytes?": count("The total, when it is known."),
  rate: number("Bytes a second."),
};
const progress = shape<ProgressResponse>(moved, "While it runs, when its channel reports it.");

const batch: Described<Omit<BatchResponse, "progress" | "tasks">> = {
  id: text("bat_…"),
  total: count("How many tasks it was submitted with."),
  counts: ref("Counts"),
  done: flag("Whether each of them is final."),
};

/** The schemas of requests, tasks, batches and problems. */
export const schemas: Readonly<Schemas> = {
  Notification: single(
    notification,
    "A mail, or a message to chat and push services.",
    [...NOTIFY_ALTERNATIVES, ...FORMATS],
    { ...atLeastOne(["to", "cc", "bcc"]), dependentRequired: { data: ["template"] } },
  ),
  Notifications: batchOf(notification, "notifications", ref("Notification")),
  Request: single(request, "An HTTP request.", FETCH_ALTERNATIVES),
  Requests: batchOf(request, "requests", ref("Request")),
  Urls: batchOf(
    request,
    "urls",
    { ...request.properties.url as Schemas },
    ["url"],
  ),
  FollowUp: {
    description: "A task that follows the end of another, or of a batch; it has no follow-ups " +
      "of its own. Placeholders such as {{task.result.status}} are filled in.",
    oneOf: [
      shape({ notify: ref("Notification") }),
      shape({ fetch: ref("Request") }),
    ],
  },
  TaskError: shape<TaskError>({
    code: text("For programs: timeout, address_refused, http_503 …"),
    detail: text("For people."),
  }, "The last attempt's error, also while the task waits for the next."),
  Attempt: shape<AttemptResponse>({
    number: count("From 1; starts again at 1 after a retry of the task."),
    startedAt: time("When it began."),
    endedAt: time("When it ended."),
    outcome: choice(
      ["delivered", "deferred", "rejected", "unknown", "cancelled"],
      "How it ended.",
    ),
    "error?": ref("TaskError"),
    "evidence?": anything("Details: address, timings, the receiver's own words."),
  }, "One attempt."),
  Counts: shape(
    Object.fromEntries(TASK_STATES.map((state) => [state, count(`Tasks that are ${state}.`)])),
    "How many tasks have each state.",
  ),
  TaskSummary: shape<TaskSummaryResponse>(
    summary,
    "A task in a list: without attempts, payload and result.",
  ),
  Task: shape<TaskResponse & { readonly waitingFor?: string }>({
    ...summary,
    attempts: list(ref("Attempt")),
    "progress?": progress,
    "waitingFor?": text("What a waiting task waits for, in words."),
    "payload?": open("What is to be sent; secrets are masked."),
    "result?": anything("The result of the last attempt."),
  }, "One accepted task."),
  TaskBrief: shape<BriefResponse>({
    id: summary.id,
    type: summary.type,
    state: summary.state,
    "delivery?": summary["delivery?"],
    attempt: summary.attempt,
    "dueAt?": summary["dueAt?"],
    "finishedAt?": summary["finishedAt?"],
    "error?": summary["error?"],
  }, "The state of a task in brief."),
  TaskEvent: shape<TaskEventResponse>({
    id: text("tsk_…"),
    type: summary.type,
    state: summary.state,
    attempt: summary.attempt,
    at: time("When it changed."),
    "batchId?": text("bat_…"),
    "progress?": progress,
  }, "The data of an event, as JSON."),
  TaskPage: shape<TaskPageResponse>({
    data: list(ref("TaskSummary")),
    "nextCursor?": text("Continues the list; absent at its end."),
  }, "A page of a list of tasks."),
  BatchBrief: shape(batch, "The state of a batch in brief."),
  Batch: shape({
    ...batch,
    progress: shape<BatchProgressResponse>({
      finished: number("The part of its tasks that is final, 0 to 1."),
      ...moved,
    }, "Bytes are those of its tasks that succeeded or run."),
  }, "A batch and its progress."),
  BatchSummary: shape<BatchSummaryResponse>({
    id: text("bat_…, sorts by the time of acceptance."),
    createdAt: time("When it was accepted."),
    total: count("How many tasks it was submitted with."),
    counts: ref("Counts"),
    done: { type: "boolean", description: "Whether each of its tasks is final." },
    "owner?": text("The name of the API key that submitted it."),
  }, "A batch in a list."),
  BatchPage: shape({
    data: list(ref("BatchSummary")),
    "nextCursor?": text("Continues the list; absent at its end."),
  }, "Batches, newest first."),
  NewPause: pauseInput,
  Pause: shape<PauseResponse>({
    id: text("pau_…"),
    "host?": text("The host that it covers, whatever the scheme and port."),
    "key?": text("The key that it covers, of owner or of all owners."),
    "owner?": text("The API key that the key belongs to."),
    "type?": choice(TASK_TYPES, "The task type that it covers."),
    "channel?": text("The channel that it covers."),
    "all?": { const: true, description: "It covers everything." },
    "until?": time("When it ends by itself."),
    "reason?": text("For people."),
    by: text("Who made it: the name of an API key, or anonymous."),
    createdAt: time("When it was made."),
  }, "A pause: no attempt of what it covers begins."),
  PauseList: shape({ data: list(ref("Pause")) }, "The pauses that are in force, oldest first."),
  SubmittedBatch: shape({
    ...batch,
    tasks: list(shape({ id: text("tsk_…"), state: summary.state })),
  }, "A batch that has just been accepted."),
  Problem: shape<ProblemResponse>({
    type: text("urn:postrider:problem: and the code."),
    title: text("The meaning of the code."),
    status: { type: "integer", description: "The HTTP status." },
    "detail?": text("What is wrong, and what to do about it."),
    code: choice(Object.keys(PROBLEMS), "For programs."),
    "errors?": list(shape({
      pointer: text("RFC 6901 pointer into the body; / and the name of a query parameter."),
      detail: text("What was expected there."),
    })),
    "task?": ref("Task"),
    requestId: text("The same as in X-Request-Id and in the log."),
  }, "A refusal, after RFC 9457."),
};

type BriefResponse = Pick<
  TaskSummaryResponse,
  "id" | "type" | "state" | "delivery" | "attempt" | "dueAt" | "finishedAt" | "error"
>;
