/**
 * `GET /templates`: the list of templates and a preview of each.
 *
 * @module
 */

import { isPlainObject } from "../../task/input/batch_input.ts";
import type { TemplateSummary } from "../../task/ports.ts";
import type { Json } from "../../task/task.ts";
import { param, query, type RequestContext, respond } from "../context.ts";
import type { Dependencies } from "../dependencies.ts";
import { Refusal, refuseIssues } from "../problems.ts";
import type { Route } from "../route.ts";

/** Headers of a rendered template: a browser shows it, but runs no script and loads nothing. */
const PAGE_HEADERS = {
  "content-security-policy":
    "sandbox; default-src 'none'; img-src data: cid:; style-src 'unsafe-inline'",
  "x-content-type-options": "nosniff",
  "cache-control": "no-store",
};

/** The routes that show templates. */
export function templateRoutes({ ports }: Dependencies): Route[] {
  function list(context: RequestContext): Response {
    query(context, []);
    return respond(context, 200, { data: ports.templates() });
  }

  function preview(context: RequestContext): Response {
    const { data: given, format = "json" } = query(context, ["data", "format"]);
    const name = param(context, "name");
    const template = ports.templates().find((one) => one.name === name);
    if (!template) throw new Refusal("not_found", "No such template: /templates lists them");
    const data = given === undefined ? template.sample : readData(given);
    const rendered = ports.render(name, data as Record<string, Json>);
    if (rendered.issues) throw refuseIssues(rendered.issues);
    const { subject, text, html } = rendered.value;
    switch (format) {
      case "json":
        return respond(context, 200, { ...template, subject, text, html });
      case "text":
        return page(context, "text/plain", text, template);
      case "html":
        return page(context, "text/html", html, template);
      default: {
        const detail = "Expected json, text or html";
        throw refuseIssues([{ pointer: "/format", detail }]);
      }
    }
  }

  return [
    { method: "GET", path: "/templates", scopes: ["notify"], answer: list },
    { method: "GET", path: "/templates/{name}", scopes: ["notify"], answer: preview },
  ];
}

function page(
  { requestId }: RequestContext,
  type: string,
  body: string | undefined,
  { formats }: TemplateSummary,
): Response {
  if (body === undefined) {
    const detail = `Expected ${formats.join(" or ")}: this template has no other format`;
    throw refuseIssues([{ pointer: "/format", detail }]);
  }
  const headers = { "content-type": `${type}; charset=utf-8`, "x-request-id": requestId };
  return new Response(body, { headers: { ...headers, ...PAGE_HEADERS } });
}

function readData(text: string): Record<string, unknown> {
  try {
    const data: unknown = JSON.parse(text);
    if (isPlainObject(data)) return data;
  } catch {
    // Refused below.
  }
  throw refuseIssues([{ pointer: "/data", detail: "Expected a JSON object" }]);
}
