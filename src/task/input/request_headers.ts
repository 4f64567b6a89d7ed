/**
 * Checks the headers of an outbound request.
 *
 * @module
 */

import type { Issue } from "../issues.ts";
import { pointerTo } from "../../lib/json.ts";

const MAX_HEADERS = 100;
const MAX_BYTES = 16_384;
/** RFC 9110 §5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}$/;
/** RFC 9110 §5.5, as far as `fetch` can send it: no controls, nothing beyond Latin-1. */
const VALUE = /^[\t\u0020-\u007e\u00a0-\u00ff]*$/;
/** Headers of the connection: a caller's own could smuggle a second request. */
const CONNECTION = new Set([
  "host",
  "content-length",
  "connection",
  "keep-alive",
  "transfer-encoding",
  "te",
  "trailer",
  "upgrade",
  "expect",
  "http2-settings",
]);

/** Returns the headers with lower-case names; adds what is wrong to `issues`. */
export function checkRequestHeaders(
  headers: Readonly<Record<string, string>>,
  issues: Issue[],
): Record<string, string> {
  const kept: Record<string, string> = {};
  const wrong = (name: string, detail: string) => {
    issues.push({ pointer: pointerTo(["headers", name]), detail });
  };
  let count = 0;
  let bytes = 0;
  for (const name in headers) {
    const value = headers[name] ?? "";
    const lower = name.toLowerCase();
    count++;
    bytes += name.length + value.length;
    if (!TOKEN.test(name)) wrong(name, "Expected the name of a header");
    else if (CONNECTION.has(lower) || lower.startsWith("proxy-")) {
      wrong(name, "This header belongs to the connection: remove it");
    } else if (Object.hasOwn(kept, lower)) {
      wrong(name, "Expected each header once: names are the same in any case");
    }
    if (!VALUE.test(value)) {
      wrong(name, "Expected one line of Latin-1, without control characters");
    }
    kept[lower] = value.trim();
  }
  if (count > MAX_HEADERS || bytes > MAX_BYTES) {
    issues.push({
      pointer: "/headers",
      detail: `Expected at most ${MAX_HEADERS} headers and ${MAX_BYTES} bytes in all`,
    });
  }
  return kept;
}

/** Headers with the spelling that the caller gave their names, by the name in lower case. */
export function spelledHeaders(
  headers: Readonly<Record<string, string>>,
  spellings: Readonly<Record<string, string>>,
): Record<string, string> {
  const byName = new Map(Object.entries(spellings));
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [byName.get(name) ?? name, value]),
  );
}
