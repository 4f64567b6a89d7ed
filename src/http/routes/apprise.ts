/**
 * `/apprise/notify`: for the Apprise client and clients of apprise-api.
 *
 * Such a client treats any status but 200 as a failure. Its request is
 * translated into one of `POST /notify`.
 *
 * @module
 */

import { isPlainObject, type PlainObject } from "../../task/input/batch_input.ts";
import { readForm, readJson } from "../request/body.ts";
import { param, type RequestContext } from "../context.ts";
import type { Dependencies } from "../dependencies.ts";
import { Refusal, refuseIssues } from "../problems.ts";
import type { Route } from "../route.ts";

const MAX_BYTES = 32 * 2 ** 20;
const FORMATS = ["text", "markdown", "html"];
/** Request headers that are passed on. */
const HEADERS = ["authorization", "idempotency-key", "traceparent"];

/** The routes; `submits` contains `POST /notify`. */
export function appriseRoutes({ clock }: Dependencies, submits: readonly Route[]): Route[] {
  const notify = submits.find(({ path }) => path === "/notify");
  if (!notify) throw new TypeError("Cannot serve Apprise without POST /notify");

  async function submit(context: RequestContext, alias: string | undefined): Promise<Response> {
    const body = JSON.stringify(notificationOf(await read(context), alias));
    const headers = new Headers({ "content-type": "application/json" });
    for (const name of HEADERS) {
      const value = context.request.headers.get(name);
      if (value !== null) headers.set(name, value);
    }
    headers.set("content-length", String(new TextEncoder().encode(body).length));
    const request = new Request(new URL("/notify", context.request.url), {
      method: "POST",
      headers,
      body,
      signal: context.request.signal,
    });
    const answered = await notify?.answer({ ...context, request });
    return new Response(answered?.body ?? null, { status: 200, headers: answered?.headers ?? {} });
  }

  async function read({ request, caller }: RequestContext): Promise<PlainObject> {
    if (/^application\/(?:[\w.-]+\+)?json/i.test(request.headers.get("content-type") ?? "")) {
      const { value } = await readJson(request, MAX_BYTES, clock);
      if (isPlainObject(value)) return value;
      throw refuseIssues([{ pointer: "", detail: "Expected a JSON object" }]);
    }
    if (caller.name === undefined) {
      const detail = "Expected JSON: a form could come from any web page, so it needs an API key";
      throw new Refusal("unsupported_media_type", detail);
    }
    return await membersOf(await readForm(request, MAX_BYTES, clock));
  }

  return [
    { method: "POST", path: "/apprise/notify", answer: (context) => submit(context, undefined) },
    {
      method: "POST",
      path: "/apprise/notify/{alias}",
      answer: (context) => submit(context, param(context, "alias")),
    },
  ];
}

/** Translates into a body of `POST /notify`; unknown fields are ignored, as apprise-api does. */
function notificationOf(given: PlainObject, alias: string | undefined): PlainObject {
  const { urls, title, body, type = "info", format = "text", tag, tags, attachment } = given;
  if (
    [tag, tags].some((one) => one !== undefined && one !== "" && one !== "all" && !isEmpty(one))
  ) {
    const detail = "Expected no tag: define an alias for each group";
    throw refuseIssues([{ pointer: "/tag", detail }]);
  }
  const form = FORMATS.find((one) => one === (format === null || format === "" ? "text" : format));
  if (!form) throw refuseIssues([{ pointer: "/format", detail: `Expected ${FORMATS.join(", ")}` }]);
  if (typeof body !== "string" || body === "") {
    throw refuseIssues([{ pointer: "/body", detail: "Expected a text" }]);
  }
  return {
    to: alias === undefined ? urlsOf(urls) : `@${alias}`,
    ...(typeof title === "string" && title !== "" ? { title: title.replace(/\s+/g, " ") } : {}),
    [form]: body,
    severity: type,
    ...(Array.isArray(attachment) && attachment.length > 0 ? { attachments: attachment } : {}),
  };
}

function isEmpty(value: unknown): boolean {
  return value === null || (Array.isArray(value) && value.length === 0);
}

/** One URL, an array, or several in one text. */
function urlsOf(given: unknown): unknown {
  if (typeof given !== "string") return given ?? [];
  return given.split(/[\s,]+(?=[a-z]+:\/\/|[^\s,]+@)/i).filter((url) => url !== "");
}

/** Converts a form to JSON; its files become attachments. */
async function membersOf(form: FormData): Promise<PlainObject> {
  const members: Record<string, unknown> = {};
  const attachment: unknown[] = [];
  for (const [name, value] of form) {
    if (typeof value === "string") members[name] = value;
    else if (value.name !== "" || value.size > 0) {
      const bytes = new Uint8Array(await value.arrayBuffer());
      attachment.push({
        filename: value.name.replace(/^.*[/\\]/, "") || "attachment",
        content: bytes.toBase64(),
        ...(value.type === "" ? {} : { contentType: value.type }),
      });
    }
  }
  return attachment.length > 0 ? { ...members, attachment } : members;
}
