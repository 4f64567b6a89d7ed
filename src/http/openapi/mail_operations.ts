/**
 * The operations on templates, the outbox and Apprise's paths, and their schemas.
 *
 * @module
 */

import { answered, json, looking, type Operation, parameter, taskId } from "./operation.ts";
import { flag, open, ref, type Schemas, shape, text } from "./shapes.ts";
import { submitHeadersOut, submitRefusals } from "./submit_operations.ts";

const appriseSchema = {
  type: "object",
  description: "As apprise-api takes it; urls only without an alias in the path.",
  properties: {
    urls: {
      description: "One target or several, also joined by commas.",
      oneOf: [{ type: "string" }, { type: "array", items: { type: "string" } }],
    },
    title: { type: "string" },
    body: { type: "string" },
    type: { type: "string", enum: ["info", "success", "warning", "failure"] },
    format: { type: "string", enum: ["text", "markdown", "html"] },
    tag: { description: "Not supported: define an alias for each group." },
  },
  required: ["body"],
  additionalProperties: true,
};

const appriseShared = {
  method: "POST",
  tag: "Submit",
  body: {
    required: true,
    content: {
      ...json(appriseSchema) as Schemas,
      "multipart/form-data": { schema: appriseSchema },
      "application/x-www-form-urlencoded": { schema: appriseSchema },
    },
  },
  answers: [{
    status: "200",
    description: "Accepted; the body is that of POST /notify.",
    headers: submitHeadersOut,
    content: json({ oneOf: [ref("Task"), ref("SubmittedBatch")] }),
  }],
  refusals: submitRefusals,
} satisfies Partial<Operation>;

const name = parameter("path", "name", "The name of the template.");

/** Operations on templates, the outbox and Apprise's paths. */
export const mailOperations: readonly Operation[] = [
  {
    ...appriseShared,
    path: "/apprise/notify",
    id: "appriseNotify",
    summary: "Send a notification from an Apprise client",
    description:
      "Takes what apprise-api takes, as JSON or as a form, and answers 200 where POST /notify " +
      "answers 202.",
  },
  {
    ...appriseShared,
    path: "/apprise/notify/{alias}",
    id: "appriseNotifyAlias",
    summary: "Send a notification to an alias from an Apprise client",
    description: "As POST /apprise/notify, to the targets of an alias of postrider.yaml.",
    parameters: [parameter("path", "alias", "Its name in the settings, without the @.")],
  },
  {
    method: "GET",
    path: "/templates",
    id: "listTemplates",
    tag: "Submit",
    summary: "List the mail templates",
    description: "Those that come with Postrider and those of POSTRIDER_TEMPLATES.",
    answers: [answered(200, "TemplateList", "All templates.")],
    refusals: ["invalid"],
  },
  {
    method: "GET",
    path: "/templates/{name}",
    id: "previewTemplate",
    tag: "Submit",
    summary: "Render a template",
    description: "Renders it with the given data, or with its own sample. Nothing is sent.",
    parameters: [
      name,
      parameter("query", "data", "A JSON object; the example data of the template when absent."),
      parameter("query", "format", "json, or only the text or the html.", {
        type: "string",
        enum: ["json", "text", "html"],
      }),
    ],
    answers: [{
      status: "200",
      description: "The mail.",
      headers: ["ContentSecurityPolicy", "ContentTypeOptions"],
      content: {
        ...json(ref("TemplatePreview")) as Schemas,
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
    summary: "List the mails of the outbox, newest first",
    description: "The outbox has the mails that were written to files because no relay is set.",
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
    description: "The message as it would have been sent.",
    parameters: [taskId],
    answers: [{
      status: "200",
      description: "The message.",
      headers: ["ContentDisposition", "ContentTypeOptions"],
      content: { "message/rfc822": { schema: { type: "string", format: "binary" } } },
    }],
    refusals: looking,
  },
];

const template = {
  name: text("Its name."),
  "description?": text("Its purpose."),
  formats: { type: "array", items: { type: "string", enum: ["html", "text"] } },
  sample: open("Example data."),
  ready: flag("Whether it comes with Postrider."),
};

/** The schemas of their responses. */
export const mailSchemas = {
  TemplateList: shape({ data: { type: "array", items: shape(template) } }),
  TemplatePreview: shape({
    ...template,
    subject: text("One line."),
    "text?": text("The plain text."),
    "html?": text("The HTML."),
  }),
  OutboxList: shape({
    data: {
      type: "array",
      items: shape({
        id: text("The task that it belongs to."),
        bytes: { type: "integer", minimum: 0 },
        writtenAt: { type: "string", format: "date-time" },
        from: text("The From header."),
        to: text("The To header."),
        subject: text("The Subject header."),
      }),
    },
  }),
};
