/**
 * A mail's HTML, as it may be looked at: no script runs, nothing is fetched,
 * and it is no part of the page that shows it.
 *
 * @module
 */

import type { RequestContext } from "../context.ts";
import { Refusal } from "../problems.ts";
import type { TaskRecord } from "../../task/task.ts";
import { pageHeaders } from "./page.tsx";

/** An origin of its own, without scripts; mails bring their styles along. */
const POLICY = [
  "sandbox",
  "default-src 'none'",
  "style-src 'unsafe-inline'",
  "img-src data:",
  "frame-ancestors 'self'",
].join("; ");

/** Answers with the HTML part of a mail. */
export function mailPage({ requestId }: RequestContext, { payload }: TaskRecord): Response {
  const { html } = JSON.parse(payload ?? "{}") as { html?: unknown };
  if (typeof html !== "string") throw new Refusal("not_found", "The task has no HTML part");
  return new Response(html, { headers: pageHeaders(requestId, POLICY) });
}
