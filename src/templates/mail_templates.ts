/**
 * The mail templates: the operator's, in `POSTRIDER_TEMPLATES`, and the built-in ones.
 *
 * All are parsed at the start, so that a mistake shows then and not when a mail is sent.
 *
 * @module
 */

import type { Issue, Parsed } from "../task/issues.ts";
import type { RenderedTemplate, TemplateSummary } from "../task/ports.ts";
import type { Json } from "../task/task.ts";
import { TemplateError } from "./liquid.ts";
import { type MailTemplate, readMailTemplate } from "./mail_template.ts";
import { TemplateFileError } from "./mail_template.ts";
import { READY_FILES } from "./ready.ts";

/** The mail templates by name. */
export interface MailTemplates {
  /** All templates, sorted by name. */
  list(): readonly TemplateSummary[];
  /** Renders a template; an issue points to `/template` or `/data`. */
  render(name: string, data: Readonly<Record<string, Json>>): Parsed<RenderedTemplate>;
  /** Reads the files again; the returned function puts them in force. Throws a `TemplateFileError`. */
  readAgain(): () => void;
}

/** Reads the files of a folder, by name; throws a `Deno.errors.NotFound` when there is none. */
export type ReadFolder = (path: string) => ReadonlyMap<string, string>;

const FILE = /^([a-z0-9][a-z0-9_-]{0,63})\.(html|txt)\.liquid$/i;
const LAYOUT = "layout";

/** Reads all templates; the folder may be missing. Throws a `TemplateFileError`. */
export function openMailTemplates(directory: string, readFolder: ReadFolder): MailTemplates {
  let templates = readAll(directory, readFolder);
  return {
    list: () => [...templates.values()].map(({ fill: _, ...summary }) => summary),
    render(name, data) {
      const template = templates.get(name);
      if (!template) {
        const known = [...templates.keys()].join(", ");
        const detail = `Expected one of the templates ${known}, not "${name.slice(0, 64)}"`;
        return { issues: [{ pointer: "/template", detail }] };
      }
      try {
        return { value: template.fill(data) };
      } catch (error) {
        if (!(error instanceof TemplateError)) throw error;
        return { issues: [faultOf(name, error)] };
      }
    },
    readAgain() {
      const next = readAll(directory, readFolder);
      return () => void (templates = next);
    },
  };
}

type Listed = TemplateSummary & Pick<MailTemplate, "fill">;

function readAll(directory: string, readFolder: ReadFolder): ReadonlyMap<string, Listed> {
  const own = filesOf(directory, readFolder);
  const files = new Map([...READY_FILES, ...own]);
  for (const file of own.keys()) {
    // The operator's template replaces the built-in one as a whole, not file by file.
    const [, name, kind] = FILE.exec(file) ?? [];
    const other = `${name}.${kind === "html" ? "txt" : "html"}.liquid`;
    if (name !== LAYOUT && !own.has(other)) files.delete(other);
  }
  const names = new Set([...files.keys()].map((file) => FILE.exec(file)?.[1] ?? LAYOUT));
  const layout = files.get(`${LAYOUT}.html.liquid`);
  return new Map(
    [...names].filter((name) => name !== LAYOUT).sort().map((name) => {
      const html = files.get(`${name}.html.liquid`);
      const text = files.get(`${name}.txt.liquid`);
      const template = readMailTemplate(name, { html, text, layout });
      const ready = !own.has(`${name}.html.liquid`) && !own.has(`${name}.txt.liquid`);
      return [name, { name, ready, ...template }];
    }),
  );
}

function filesOf(directory: string, readFolder: ReadFolder): ReadonlyMap<string, string> {
  let files: ReadonlyMap<string, string>;
  try {
    files = readFolder(directory);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return new Map();
    const why = error instanceof Error ? error.message : String(error);
    throw new TemplateFileError(`Cannot read "${directory}": ${why}`);
  }
  const liquid = [...files].filter(([file]) => file.endsWith(".liquid"));
  for (const [file] of liquid) {
    if (!FILE.test(file)) {
      throw new TemplateFileError(
        `${file}: expected a name such as welcome.html.liquid or welcome.txt.liquid`,
      );
    }
  }
  return new Map(liquid);
}

/** Without the place in the template, which only the operator can change. */
function faultOf(name: string, { message }: TemplateError): Issue {
  return { pointer: "/data", detail: `Cannot render the template "${name}": ${message}` };
}

/** Reads the files of a folder on disk. */
export function readFolder(path: string): ReadonlyMap<string, string> {
  const files = [...Deno.readDirSync(path)].filter(({ name, isDirectory }) =>
    !isDirectory && name.endsWith(".liquid")
  );
  return new Map(files.map(({ name }) => [name, Deno.readTextFileSync(`${path}/${name}`)]));
}
