/**
 * The body of a submit as it may be shown to those who edit it.
 *
 * @module
 */

import { isPlainObject } from "../lib/json.ts";
import type { Issue } from "./issues.ts";
import { pointerTo } from "../lib/json.ts";
import { looksSecret, MASK, maskHeaders, maskUrl } from "./secrets.ts";
import type { Json } from "./task.ts";

/** Masks secret members and headers, and what is secret in URLs. */
export function maskSubmit(body: Json): Json {
  if (typeof body === "string") return maskText(body);
  if (Array.isArray(body)) return body.map(maskSubmit);
  if (body === null || typeof body !== "object") return body;
  return Object.fromEntries(
    Object.entries(body).map(([name, member]) => [name, maskMember(name, member)]),
  );
}

function maskMember(name: string, member: Json): Json {
  if (name === "headers" && isPlainObject(member)) return maskHeaders(textsOf(member));
  // The option `key` is no secret.
  return name !== "key" && member !== null && looksSecret(name) ? MASK : maskSubmit(member);
}

function textsOf(headers: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, String(value)]),
  );
}

/** The URL of a chat service is a secret as a whole; one of the web may hold some. */
function maskText(text: string): string {
  const [, scheme] = /^([a-z][\w+.-]*):\/\/\S+$/i.exec(text) ?? [];
  if (scheme === undefined) return text;
  return /^https?$/i.test(scheme) ? maskUrl(text) : `${scheme}://${MASK}`;
}

/** An issue for each text of a patch that still has the mask of a secret. */
export function maskIssues(patch: unknown, path: readonly string[] = []): Issue[] {
  if (typeof patch === "string" && patch.includes(MASK) && /:\/\/|^(?:\w+ )?\*\*\*$/.test(patch)) {
    return [{
      pointer: pointerTo(path),
      detail: `Expected the secret instead of ${MASK}, or leave the field as it was`,
    }];
  }
  if (typeof patch !== "object" || patch === null) return [];
  return Object.entries(patch).flatMap(([name, member]) => maskIssues(member, [...path, name]));
}
