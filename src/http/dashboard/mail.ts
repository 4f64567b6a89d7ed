/**
 * The HTML of a mail in a sandbox: no script runs and nothing is fetched.
 *
 * @module
 */

import type { RequestContext } from "../context.ts";
import { Refusal } from "../problems.ts";
import type { TaskRecord } from "../../task/task.ts";
import { pageHeaders } from "./page.tsx";

/** An opaque origin without scripts; inline styles are part of mails. */
const POLICY = [
  "sandbox",
  "default-src 'none'",
  "style-src 'unsafe-inline'",
  "img-src data:",
  "frame-ancestors 'self'",
].join("; ");

/** A response with the HTML part of a mail. */
export function mailPage({ requestId }: RequestContext, { payload }: TaskRecord): Response {
  const { html } = JSON.parse(payload ?? "{}") as { html?: unknown };
  if (typeof html !== "string") throw new Refusal("not_found", "The task has no HTML part");
  return new Response(html, { headers: pageHeaders(requestId, POLICY) });
}
