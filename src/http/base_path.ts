/**
 * Serving everything below a path (`POSTRIDER_BASE_PATH`).
 *
 * Routes and pages know nothing of it: the path is removed from requests before
 * they are routed, and added to the links and headers of responses.
 *
 * @module
 */

import { getPath } from "hono/utils/url";

/** Parses the setting: `/postrider`, without a slash at the end. `undefined` for anything else. */
export function parseBasePath(text: string): string | undefined {
  if (text === "/") return "";
  // A browser resolves the segments "." and ".." before it asks.
  return /^(?:\/(?!\.{1,2}(?:\/|$))[\w.~-]+)+\/?$/.test(text) ? text.replace(/\/$/, "") : undefined;
}

/** The path of a request below the base path; `undefined` outside it. */
export function pathBelow(request: Request, basePath: string): string | undefined {
  const path = getPath(request);
  if (path === basePath) return "/";
  return path.startsWith(`${basePath}/`) ? path.slice(basePath.length) : undefined;
}

/** Links of a page to this service. Text of tasks cannot match: its quotes are escaped. */
const LINKS = / (href|src|action|data-follow|data-send)="\/(?!\/)/g;

/** Adds the base path to the links of a page; its scripts read it from the root element. */
export function linksBelow(html: string, basePath: string): string {
  return html.replace(LINKS, ` $1="${basePath}/`)
    .replace("<html ", `<html data-base="${basePath}" `);
}

/** Adds the base path to `Location` and to the path of cookies. */
export function headersBelow(headers: Headers, basePath: string): void {
  const location = headers.get("location");
  if (location?.startsWith("/")) headers.set("location", basePath + location);
  const cookie = headers.get("set-cookie");
  if (cookie !== null) headers.set("set-cookie", cookie.replace("Path=/;", `Path=${basePath};`));
}
