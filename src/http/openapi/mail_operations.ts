/**
 * Templates, the outbox and Apprise's paths, as the OpenAPI document tells them.
 *
 * @module
 */

import { answered, json, looking, type Operation, parameter, taskId } from "./operation.ts";
import type { Json } from "../../task/task.ts";
import { ref, shape, text } from "./shapes.ts";
import { submitHeadersOut, submitRefusals } from "./submit_operations.ts";

const appriseContent = json({
  type: "object",
  description: "As apprise-api takes it. urls only without an alias in the path.",
  properties: {
    urls: {
      description: "Where to: one or many, also joined by commas.",
      oneOf: [{ type: "string" }, { type: "array", items: { type: "string" } }],
    },
    title: { type: "string" },
    body: { type: "string" },
    type: { type: "string", enum: ["info", "success", "warning", "failure"] },
    format: { type: "string", enum: ["text", "markdown", "html"] },
    tag: { description: "Not served: make an alias for each group." },
  },
  required: ["body"],
}) as Record<string, Json>;

const appriseShared = {
  method: "POST",
  tag: "Submit",
  body: {
    required: true,
    content: {
      ...appriseContent,
      "multipart/form-data": { schema: { type: "object" } },
      "application/x-www-form-urlencoded": { schema: { type: "object" } },
    },
  },
  answers: [{
    status: "200",
    description: "Accepted: as POST /notify answers, but for its status.",
    headers: submitHeadersOut,
    content: json({ oneOf: [ref("Task"), ref("SubmittedBatch")] }),
  }],
  refusals: submitRefusals,
} satisfies Partial<Operation>;

const name = parameter("path", "name", "The template's name.");

/** How mails are looked at before and after they are sent. */
export const mailOperations: readonly Operation[] = [
  {
    ...appriseShared,
    path: "/apprise/notify",
    id: "appriseNotify",
    summary: "Send, as an Apprise client asks for it",
  },
  {
    ...appriseShared,
    path: "/apprise/notify/{alias}",
    id: "appriseNotifyAlias",
    summary: "Send to an alias, as an Apprise client asks for it",
    parameters: [parameter("path", "alias", "Its name in the settings, without the @.")],
  },
  {
    method: "GET",
    path: "/templates",
    id: "listTemplates",
    tag: "Submit",
    summary: "List the templates of mails",
    answers: [answered(200, "TemplateList", "All templates.")],
    refusals: ["invalid"],
  },
  {
    method: "GET",
    path: "/templates/{name}",
    id: "previewTemplate",
    tag: "Submit",
    summary: "See what a template makes",
    parameters: [
      name,
      parameter("query", "data", "A JSON object; the template's own sample when absent."),
      parameter("query", "format", "json, or only its text or html.", {
        type: "string",
        enum: ["json", "text", "html"],
      }),
    ],
    answers: [{
      status: "200",
      description: "The mail.",
      headers: ["ContentSecurityPolicy", "ContentTypeOptions"],
      content: {
        ...json({ $ref: "#/components/schemas/TemplatePreview" }) as Record<string, never>,
        "text/html": { schema: { type: "string" } },
        "text/plain": { schema: { type: "string" } },
      },
    }],
    refusals: ["not_found", "invalid"],
  },
  {
    method: "GET",
    path: "/outbox",
    id: "listOutbox",
    tag: "Tasks",
    summary: "List the mails that were written to files, newest first",
    parameters: [
      parameter("query", "limit", "How many.", {
        type: "integer",
        minimum: 1,
        maximum: 200,
        default: 50,
      }),
    ],
    answers: [answered(200, "OutboxList", "The mails.")],
    refusals: ["invalid", "not_found", "engine_down"],
  },
  {
    method: "GET",
    path: "/outbox/{id}",
    id: "getOutboxMail",
    tag: "Tasks",
    summary: "Download a mail of the outbox",
    parameters: [taskId],
    answers: [{
      status: "200",
      description: "As it would have left.",
      headers: ["ContentDisposition", "ContentTypeOptions"],
      content: { "message/rfc822": { schema: { type: "string", format: "binary" } } },
    }],
    refusals: looking,
  },
];

const template = {
  name: text("By which it is asked for."),
  "description?": text("What it is for."),
  formats: { type: "array", items: { type: "string", enum: ["html", "text"] } },
  sample: { type: "object", description: "Data to look at it with." },
  ready: { type: "boolean", description: "Whether it came with Postrider." },
};

/** The shapes of what they answer. */
export const mailSchemas = {
  TemplateList: shape({ data: { type: "array", items: shape(template) } }),
  TemplatePreview: shape({
    ...template,
    subject: text("One line."),
    "text?": text("The plain text."),
    "html?": text("The whole page."),
  }),
  OutboxList: shape({
    data: {
      type: "array",
      items: shape({
        id: text("The task that wrote it."),
        bytes: { type: "integer", minimum: 0 },
        writtenAt: { type: "string", format: "date-time" },
        from: text("The From header."),
        to: text("The To header."),
        subject: text("The Subject header."),
      }),
    },
  }),
};
