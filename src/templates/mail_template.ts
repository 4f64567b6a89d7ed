/**
 * One mail template: parses its files and renders them with a caller's data.
 *
 * ```text
 * welcome.html.liquid      ---
 * welcome.txt.liquid       subject: Welcome, {{ name }}
 * layout.html.liquid       sample: {name: Ada}
 *                          ---
 *                          <p>Hello {{ name }}…
 * ```
 *
 * @module
 */

import { oneLine } from "../lib/text.ts";
import { compact } from "../lib/compact.ts";
import { readYaml } from "../lib/yaml.ts";
import type { RenderedTemplate } from "../task/ports.ts";
import type { Json } from "../task/task.ts";
import { parseTemplate, type Scope, type Template, TemplateError } from "./liquid.ts";

/** A parsed mail template. */
export interface MailTemplate {
  /** The purpose of the mail. */
  readonly description?: string;
  /** Data for a preview. */
  readonly sample: Scope;
  /** The parts of the mail that it renders. */
  readonly formats: readonly ("html" | "text")[];
  /** Renders it. Throws a `TemplateError`. */
  fill(data: Scope): RenderedTemplate;
}

/** The texts of a template's files. */
export interface TemplateFiles {
  /** `NAME.html.liquid` */
  readonly html?: string | undefined;
  /** `NAME.txt.liquid` */
  readonly text?: string | undefined;
  /** The layout around the HTML: a template with the variable `content`. */
  readonly layout?: string | undefined;
}

/** A file cannot be used; the message names the place. */
export class TemplateFileError extends Error {
  /** `TemplateFileError`. */
  override name = "TemplateFileError";
}

/** RFC 5322 §2.1.1: a line has at most 998 bytes, and a character takes up to three. */
const MAX_SUBJECT = 300;
const FRONT_MATTER = /^---\r?\n([\s\S]*?)\r?\n---\r?\n?/;
const KEYS = ["subject", "description", "sample", "layout"];

/** Parses a template. Throws a `TemplateFileError` with file, line and column. */
export function readMailTemplate(name: string, files: TemplateFiles): MailTemplate {
  const page = files.html === undefined ? undefined : open(`${name}.html.liquid`, files.html, true);
  const plain = files.text === undefined ? undefined : open(`${name}.txt.liquid`, files.text);
  const front = { ...plain?.front, ...page?.front };
  if (typeof front.subject !== "string" || front.subject.trim() === "") {
    const file = `${name}.${files.html === undefined ? "txt" : "html"}.liquid`;
    throw new TemplateFileError(`${file}:1:1: expected a subject in the front matter`);
  }
  const subject = parse(`${name}, subject`, front.subject, 0);
  const layout = files.layout === undefined || front.layout === false
    ? undefined
    : parse("layout.html.liquid", files.layout, 0, "html");
  return {
    ...(front.description === undefined ? {} : { description: String(front.description) }),
    sample: (front.sample ?? {}) as Scope,
    formats: [...(page ? ["html" as const] : []), ...(plain ? ["text" as const] : [])],
    fill(data) {
      const line = subjectLine(subject.render(data));
      const text = plain?.body.render(data).trim();
      const content = page?.body.render(data);
      const html = content === undefined || !layout
        ? content
        : layout.render(data, { subject: line, content });
      if (html !== undefined) refuseScripts(html);
      return {
        subject: line,
        ...(text === undefined ? {} : { text: `${text}\n` }),
        ...compact({ html }),
      };
    },
  };
}

/** A link that runs a script, behind the white space that browsers leave out. */
const SCRIPT_LINK =
  /\s(?:href|action|formaction|xlink:href)\s*=(?:\s*["'])?[\s\p{Cc}]*(?:j\s*a\s*v\s*a|v\s*b)\s*s\s*c\s*r\s*i\s*p\s*t\s*:/iu;

/** A value that is a link is data of a caller, and escaping does not change what it does. */
function refuseScripts(html: string): void {
  if (!SCRIPT_LINK.test(html)) return;
  throw new TemplateError("a link runs a script: expected https:, http: or mailto:", 1, 1);
}

function open(file: string, whole: string, isHtml = false) {
  const [matter = "", yaml = ""] = FRONT_MATTER.exec(whole) ?? [];
  const lines = matter.split("\n").length - 1;
  const body = parse(file, whole.slice(matter.length), lines, isHtml ? "html" : undefined);
  return { body, front: frontOf(file, yaml) };
}

function frontOf(file: string, yaml: string): Record<string, Json> {
  const read = readYaml(yaml);
  if ("faults" in read) {
    const [fault] = read.faults;
    throw new TemplateFileError(
      `${file}:${(fault?.line ?? 0) + 1}:${fault?.column ?? 1}: ${fault?.detail}`,
    );
  }
  const front = read.value ?? {};
  if (typeof front !== "object" || Array.isArray(front)) {
    throw new TemplateFileError(`${file}:1:1: expected ${KEYS.join(", ")} in the front matter`);
  }
  for (const key of Object.keys(front)) {
    if (!KEYS.includes(key)) {
      throw new TemplateFileError(
        `${file}:1:1: unknown field in the front matter: ${key}; known are ${KEYS.join(", ")}`,
      );
    }
  }
  return front as Record<string, Json>;
}

function parse(file: string, text: string, linesBefore: number, escape?: "html"): Template {
  try {
    return parseTemplate(text, escape ? { escape } : {});
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    const place = `${file}:${error.line + linesBefore}:${error.column}`;
    throw new TemplateFileError(`${place}: ${error.message}`);
  }
}

/** Values may hold line breaks; a header must not. */
function subjectLine(text: string): string {
  const line = oneLine(text).replace(/\s+/g, " ").trim();
  return line.length > MAX_SUBJECT ? `${line.slice(0, MAX_SUBJECT).toWellFormed()}…` : line;
}
