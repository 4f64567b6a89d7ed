/**
 * JSON merge patches (RFC 7396).
 *
 * @module
 */

import { isPlainObject, type PlainObject } from "../json.ts";

/** Members that are null are removed, objects are merged, all else is replaced. */
export function mergePatch(target: PlainObject, patch: PlainObject): PlainObject {
  const result: Record<string, unknown> = { ...target };
  for (const [name, part] of Object.entries(patch)) {
    const before = result[name];
    if (part === null) delete result[name];
    else if (isPlainObject(part)) {
      result[name] = mergePatch(isPlainObject(before) ? before : {}, part);
    } else result[name] = part;
  }
  return result;
}
