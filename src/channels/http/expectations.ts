/**
 * Whether an answer is what its caller expects.
 *
 * @module
 */

import type { Expectation } from "../../task/expect.ts";
import { isSameJson, valueAt } from "../../task/json_pointer.ts";
import type { ResponseHead } from "./exchange.ts";
import { parseJson } from "./extract.ts";
import type { TextExtractor } from "./text_extractor.ts";

/** What else of an answer is looked at. */
export interface Answer {
  /** Status and headers. */
  readonly head: ResponseHead;
  /** The body, read as text. */
  readonly reading: TextExtractor | undefined;
  /** How long all of it took, in milliseconds. */
  readonly tookMs: number;
}

/** The first expectation that does not hold, as a sentence; `undefined` when all do. */
export function unmetExpectation(
  { headers = {}, json = {}, withinMs }: Expectation,
  { head, reading, tookMs }: Answer,
): string | undefined {
  for (const [name, wanted] of Object.entries(headers)) {
    const got = Object.hasOwn(head.headers, name) ? head.headers[name] : undefined;
    if (got === undefined) return `Expected a header ${name}, got none`;
    if (!holds(got, wanted)) return `Expected the header ${name} to be ${show(wanted)}`;
  }
  if (withinMs !== undefined && tookMs > withinMs) {
    return `Expected the answer within ${withinMs} ms, it took ${Math.round(tookMs)} ms`;
  }
  const pointers = Object.entries(json);
  if (pointers.length === 0) return undefined;
  const text = reading?.text();
  if (text === undefined) return "Expected JSON, got a body too long to be read whole";
  const parsed = parseJson(text);
  if ("fault" in parsed) return `Expected JSON: ${parsed.fault}`;
  for (const [pointer, wanted] of pointers) {
    const got = valueAt(parsed.value, pointer);
    if (isSameJson(got, wanted)) continue;
    return `Expected ${pointer || "the body"} to be ${show(wanted)}, got ${show(got)}`;
  }
  return undefined;
}

/** RFC 9110 §5.6: a value has parameters behind a semicolon, a list its members between commas. */
function holds(got: string, wanted: string): boolean {
  const values = [got, got.split(";", 1)[0] ?? "", ...got.split(",")];
  return values.some((value) => value.trim().toLowerCase() === wanted.trim().toLowerCase());
}

function show(value: unknown): string {
  return (JSON.stringify(value) ?? "nothing").slice(0, 100).toWellFormed();
}
