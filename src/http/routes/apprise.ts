/**
 * `/apprise/notify`: for the Apprise client and clients of apprise-api.
 *
 * Such a client treats any status but 200 as a failure. Its request is
 * translated into one of `POST /notify`.
 *
 * @module
 */

import { saveNameOf } from "../../lib/file_name.ts";
import { isPlainObject, type PlainObject } from "../../task/input/batch_input.ts";
import { readForm, readJson } from "../request/body.ts";
import { submitRequest } from "../request/submit_request.ts";
import type { BodyBudget } from "../request/body_budget.ts";
import { param, type RequestContext } from "../context.ts";
import type { Dependencies } from "../dependencies.ts";
import { Refusal, refuseIssues } from "../problems.ts";
import type { Route } from "../route.ts";

const MAX_BYTES = 32 * 2 ** 20;
const FORMATS = ["text", "markdown", "html"];

/** The routes; `submits` contains `POST /notify`. */
export function appriseRoutes(
  { clock }: Dependencies,
  submits: readonly Route[],
  takeOf: BodyBudget,
): Route[] {
  const notify = submits.find(({ path }) => path === "/notify");
  if (!notify) throw new TypeError("Cannot serve Apprise without POST /notify");
  const { answer } = notify;

  async function submit(context: RequestContext, alias: string | undefined): Promise<Response> {
    const given = await read(context);
    const request = submitRequest(context.request, "/notify", notificationOf(given, alias));
    try {
      const { body, headers } = await answer({ ...context, request });
      return new Response(body, { status: 200, headers });
    } catch (error) {
      const errors = error instanceof Refusal ? error.details.errors : undefined;
      if (!(error instanceof Refusal) || !errors) throw error;
      const translated = refuseIssues(
        errors.map((issue) => ({ ...issue, pointer: pointerOf(issue.pointer, given, alias) })),
      );
      throw new Refusal(error.code, { ...error.details, ...translated.details });
    }
  }

  async function read({ request, caller }: RequestContext): Promise<PlainObject> {
    const take = takeOf(caller.name);
    if (/^application\/(?:[\w.-]+\+)?json/i.test(request.headers.get("content-type") ?? "")) {
      const { value, release } = await readJson(request, MAX_BYTES, clock, { take });
      release();
      if (isPlainObject(value)) return value;
      throw refuseIssues([{ pointer: "", detail: "Expected a JSON object" }]);
    }
    if (caller.name === undefined) {
      const detail = "Expected JSON: a form could come from any web page, so it needs an API key";
      throw new Refusal("unsupported_media_type", detail);
    }
    const { form, release } = await readForm(request, MAX_BYTES, clock, take);
    try {
      return await membersOf(form);
    } finally {
      // The submit takes a share of its own.
      release();
    }
  }

  return ["", "/"].flatMap((slash): Route[] => [
    {
      method: "POST",
      path: `/apprise/notify${slash}`,
      scopes: ["notify"],
      answer: (context) => submit(context, undefined),
    },
    {
      method: "POST",
      path: `/apprise/notify/{alias}${slash}`,
      scopes: ["notify"],
      answer: (context) => submit(context, param(context, "alias")),
    },
  ]);
}

/** The same as a body of `POST /notify`; unknown fields are ignored, as apprise-api does. */
function notificationOf(given: PlainObject, alias: string | undefined): PlainObject {
  const { urls, title, body, type, format, tag, tags } = given;
  const field = lowerCase(format) || "text";
  if (!FORMATS.includes(field)) {
    throw refuseIssues([{ pointer: "/format", detail: `Expected ${FORMATS.join(", ")}` }]);
  }
  if (typeof body !== "string" || body === "") {
    throw refuseIssues([{ pointer: "/body", detail: "Expected a string" }]);
  }
  const tagged = tagsOf(tag ?? tags);
  const attachments = ["attachment", "attachments", "attach"]
    .flatMap((name) => filesOf(given[name], `/${name}`));
  return {
    to: tagged.length > 0
      ? tagged.map((name) => `@${name}`)
      : alias === undefined
      ? urlsOf(urls)
      : `@${alias}`,
    ...(typeof title === "string" && title !== "" ? { title: title.replace(/\s+/g, " ") } : {}),
    [field]: body,
    severity: lowerCase(type) || "info",
    ...(attachments.length > 0 ? { attachments } : {}),
  };
}

/** The name here of each field of `POST /notify` that has another one. */
const FIELDS: Readonly<Record<string, string>> = {
  text: "body",
  markdown: "body",
  html: "body",
  severity: "type",
};

/** Where the value at a pointer into the body of `POST /notify` is in the client's request. */
function pointerOf(pointer: string, { urls, tag }: PlainObject, alias: string | undefined): string {
  const [, field = "", ...rest] = pointer.split("/");
  if (field !== "to") return field in FIELDS ? `/${FIELDS[field]}` : pointer;
  if (tag !== undefined) return "/tag";
  if (alias !== undefined) return "";
  return Array.isArray(urls) ? ["/urls", ...rest].join("/") : "/urls";
}

function lowerCase(value: unknown): string {
  return typeof value === "string" ? value.trim().toLowerCase() : "";
}

/** Each tag is the name of an alias; the message goes to all of them. */
function tagsOf(given: unknown): string[] {
  if (given === undefined || given === null) return [];
  const list = typeof given === "string" ? given.split(/[\s,;|]+/) : given;
  const isValid = Array.isArray(list) &&
    list.every((one) => typeof one === "string" && /^[\w.-]*$/.test(one));
  if (!isValid) {
    const detail = "Expected a tag, or a list of tags, each the name of an alias";
    throw refuseIssues([{ pointer: "/tag", detail }]);
  }
  const names = list.filter((one: string) => one !== "");
  return names.includes("all") ? [] : names;
}

const EXPECTED_FILE = 'Expected files as {"filename", "base64", "mimetype"}, or as URLs';

/** One file or several: objects, URLs or data URLs, as the clients of Apprise write them. */
function filesOf(given: unknown, pointer: string): PlainObject[] {
  if (given === undefined || given === null || given === "") return [];
  const list = Array.isArray(given) ? given : [given];
  return list.map((one, index) => {
    const file = typeof one === "string"
      ? fileOfDataUrl(one, index) ?? fileOfUrl(one, index)
      : isPlainObject(one)
      ? fileOf(one, index)
      : undefined;
    if (file) return file;
    const at = Array.isArray(given) ? `${pointer}/${index}` : pointer;
    throw refuseIssues([{ pointer: at, detail: EXPECTED_FILE }]);
  });
}

function fileOf(members: PlainObject, index: number): PlainObject | undefined {
  const { filename, name, base64, content, data, url, mimetype, mimeType, contentType } = members;
  const bytes = base64 ?? content ?? data;
  const named = filename ?? name;
  if (typeof bytes !== "string") {
    return typeof url === "string" ? fileOfUrl(url, index, named) : undefined;
  }
  const type = mimetype ?? mimeType ?? contentType;
  return {
    filename: typeof named === "string" && named !== "" ? named : `attachment-${index + 1}`,
    // Some clients break the base64 into lines.
    content: bytes.replace(/\s+/g, ""),
    ...(typeof type === "string" && type !== "" ? { contentType: type } : {}),
  };
}

function fileOfDataUrl(text: string, index: number): PlainObject | undefined {
  const [, type = "", base64 = ""] = /^data:([^;,]*)(?:;[^,]*)?;base64,(.*)$/is.exec(text.trim()) ??
    [];
  if (base64 === "") return undefined;
  return fileOf({ base64, ...(type === "" ? {} : { mimetype: type }) }, index);
}

/** The file is fetched when the message is sent, as an attachment by URL of `POST /notify` is. */
function fileOfUrl(text: string, index: number, name?: unknown): PlainObject | undefined {
  const url = URL.parse(text.trim());
  if (url?.protocol !== "http:" && url?.protocol !== "https:") return undefined;
  const named = typeof name === "string" && name !== "" ? name : saveNameOf(true, undefined, url);
  return { filename: named === "body" ? `attachment-${index + 1}` : named, url: text.trim() };
}

/** One URL, a list, or several in one text, which spaces or commas separate. */
function urlsOf(given: unknown): unknown {
  if (typeof given !== "string") return given ?? [];
  return given.split(/(?<![\s,])[\s,]+(?=[a-z]+:\/\/|[^\s,]+@)/i).filter((url) => url !== "");
}

/** A form as JSON; its files become attachments. */
async function membersOf(form: FormData): Promise<PlainObject> {
  const members: Record<string, unknown> = {};
  const files: unknown[] = [];
  for (const [name, value] of form) {
    if (typeof value !== "string") {
      if (value.name === "" && value.size === 0) continue;
      const bytes = new Uint8Array(await value.arrayBuffer());
      files.push({
        filename: value.name.replace(/^.*[/\\]/, "") || "attachment",
        content: bytes.toBase64(),
        ...(value.type === "" ? {} : { contentType: value.type }),
      });
    } else if (/^attach(?:ments?)?$/.test(name)) files.push(...parsedFiles(value));
    else members[name] = value;
  }
  return files.length > 0 ? { ...members, attachment: files } : members;
}

/** The files in a text field of a form: JSON, or a URL. */
function parsedFiles(text: string): unknown[] {
  if (text === "") return [];
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : [value];
  } catch {
    return [text];
  }
}
