/**
 * What `q` searches: labels; or, when it is an id, the task, the tasks of the
 * batch, or the tasks of the request with that id.
 *
 * @module
 */

import { isId, sequenceOf } from "../lib/ids.ts";

/** A search as engines run it. */
export type Search =
  | { readonly task: number }
  | { readonly batch: number }
  /** `text` in small letters; with `spec`, also tasks whose spec contains that. */
  | { readonly text: string; readonly spec?: string };

/** Reads `q`. */
export function searchOf(q: string): Search {
  if (isId("tsk", q)) return { task: sequenceOf(q) };
  if (isId("bat", q)) return { batch: sequenceOf(q) };
  const text = q.toLowerCase();
  return q.startsWith("req_") ? { text, spec: `"requestId":${JSON.stringify(q)}` } : { text };
}
