/**
 * RFC 6901: what stands at a place in JSON.
 *
 * @module
 */

import type { Json } from "./task.ts";

/** The value at a pointer; `undefined` where there is none. */
export function valueAt(json: Json, pointer: string): Json | undefined {
  let at: Json | undefined = json;
  for (const part of pointer.split("/").slice(1)) {
    const name = part.replaceAll("~1", "/").replaceAll("~0", "~");
    if (Array.isArray(at)) at = /^(?:0|[1-9]\d*)$/.test(name) ? at[Number(name)] : undefined;
    else if (at !== null && typeof at === "object" && Object.hasOwn(at, name)) at = at[name];
    else return undefined;
  }
  return at;
}

/** Whether two values are the same JSON; the order of members has no say. */
export function isSameJson(one: Json | undefined, other: Json | undefined): boolean {
  if (one === other) return true;
  if (typeof one !== "object" || typeof other !== "object" || !one || !other) return false;
  if (Array.isArray(one) !== Array.isArray(other)) return false;
  const names = Object.keys(one);
  const members = one as Record<string, Json>;
  const others = other as Record<string, Json>;
  return names.length === Object.keys(other).length &&
    names.every((name) => Object.hasOwn(others, name) && isSameJson(members[name], others[name]));
}
