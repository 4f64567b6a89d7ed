/**
 * The content of a notification: as the caller wrote it, or rendered from a template.
 *
 * @module
 */

import { z } from "zod";
import { anObject } from "./batch_input.ts";
import type { Issue } from "../issues.ts";
import { pointerTo } from "../../lib/json.ts";
import { isLongerThan, isOneLine } from "../../lib/text.ts";
import { isLine, LINE_BYTES } from "./mail_parts.ts";
import type { NotifyPorts, RenderedTemplate } from "../ports.ts";
import type { Json } from "../task.ts";

const FORMS = ["text", "html", "markdown"] as const;
/** Parsed on the thread that delivers: the costliest text of this length took 0.9 s, and one of twice the length four times that. */
const MARKDOWN_BYTES = 65_536;

const EXPECTED = {
  subject: `Expected one line of at most ${LINE_BYTES} bytes`,
  oneLine:
    "Expected one line: it holds a line break, a control character or an override of the direction of text",
  blank: "Expected more than white space",
  text: "Expected a string",
  markdown: `Expected a string of at most ${MARKDOWN_BYTES} bytes`,
  template: "Expected the name of a template: GET /templates lists them",
  data: "Expected an object with what the template asks for",
  severity: "Expected info, success, warning or failure",
};

const text = z.string({ error: EXPECTED.text });

/** The fields of the content, for the schema of a notification. */
export const contentFields = {
  subject: z.string({ error: EXPECTED.subject }).optional()
    .meta({ description: "One line.", examples: ["Build 42 is green"] }),
  title: z.string({ error: EXPECTED.subject }).optional()
    .meta({ description: "Another name for subject." }),
  text: text.optional().meta({ description: "The plain text.", examples: ["All tests pass."] }),
  html: text.optional().meta({ description: "The HTML; a plain text is made of it." }),
  markdown: z.string({ error: EXPECTED.markdown }).optional().meta({
    description:
      "Becomes HTML in a mail, and the closest format of each service. Not together with html.",
  }),
  template: z.string({ error: EXPECTED.template }).optional().meta({
    description:
      "Makes subject, text and HTML from data. Not together with text, html or markdown.",
    examples: ["password-reset"],
  }),
  data: anObject<Readonly<Record<string, Json>>>(EXPECTED.data).optional()
    .meta({ description: "The values that the template needs; they are escaped for its format." }),
  severity: z.enum(["info", "success", "warning", "failure"], { error: EXPECTED.severity })
    .optional().meta({ description: "How serious it is; each service shows it in its own way." }),
};

/** The fields as the schema leaves them: the right types, not yet read. */
export type RawContent = {
  readonly [Name in Exclude<keyof typeof contentFields, "severity">]?:
    (typeof contentFields)[Name]["_output"];
};

/** The content. */
export type Content = RenderedTemplate & {
  /** Markdown, instead of HTML. */
  readonly markdown?: string;
};

/** Parses the content; adds what is wrong to `issues`. */
export function contentOf(
  raw: RawContent,
  ports: NotifyPorts,
  issues: Issue[],
): Content | undefined {
  const wrong = (detail: string, name: string) => {
    issues.push({ pointer: pointerTo([name]), detail });
  };
  if (raw.subject !== undefined && raw.title !== undefined) {
    wrong("Expected either subject or title, not both", "title");
  }
  const subject = (raw.subject ?? raw.title)?.replaceAll("\t", " ");
  const named = raw.subject === undefined ? "title" : "subject";
  if (subject !== undefined && !isOneLine(subject)) wrong(EXPECTED.oneLine, named);
  else if (subject !== undefined && !isLine(subject)) wrong(EXPECTED.subject, named);
  else if (subject && subject.trim() === "") wrong(EXPECTED.blank, named);
  if (raw.template !== undefined) {
    for (const name of FORMS) {
      if (raw[name] !== undefined) wrong("Not together with template: remove one of the two", name);
    }
    const rendered = ports.render(raw.template, raw.data ?? {});
    if (rendered.issues) issues.push(...rendered.issues);
    return rendered.issues ? undefined : { ...rendered.value, ...(subject ? { subject } : {}) };
  }
  const { text, html, markdown } = raw;
  if (raw.data !== undefined) wrong("Expected a template to use it in", "data");
  if (markdown !== undefined && html !== undefined) wrong("Not together with html", "markdown");
  if (markdown !== undefined && isLongerThan(markdown, MARKDOWN_BYTES)) {
    wrong(EXPECTED.markdown, "markdown");
  }
  if (!subject && FORMS.every((name) => (raw[name] ?? "").trim() === "")) {
    wrong("Expected a subject, a text, an html or a markdown: there is nothing to send", "text");
  }
  // Written out, not spread: every notification comes through here.
  const content: { -readonly [Name in keyof Content]: Content[Name] } = { subject: subject ?? "" };
  if (text !== undefined) content.text = text;
  if (html !== undefined) content.html = html;
  if (markdown !== undefined) content.markdown = markdown;
  return content;
}
