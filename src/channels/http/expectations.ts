/**
 * Checks a response against what the caller expects.
 *
 * @module
 */

import { maskSecrets } from "../../task/echoed_secrets.ts";
import type { Expectation } from "../../task/expect.ts";
import { isSameJson, valueAt } from "../../lib/json.ts";
import type { ResponseHead } from "./exchange.ts";
import { parseJson } from "./extract.ts";

/** As much of a value is searched for secrets before it is shown. */
const MAX_MASKED = 20_000;

/** What of a response is checked. */
export interface CheckedResponse {
  /** Status and headers. */
  readonly head: ResponseHead;
  /** Duration of the whole attempt, in milliseconds. */
  readonly tookMs: number;
  /** Texts that are masked where a description repeats them. */
  readonly secrets?: readonly string[];
}

/** Describes the first expectation of headers or time that does not hold; `undefined` when all hold. */
export function unmetExpectation(
  { headers = {}, withinMs }: Expectation,
  { head, tookMs, secrets = [] }: CheckedResponse,
): string | undefined {
  for (const [name, wanted] of Object.entries(headers)) {
    const got = Object.hasOwn(head.headers, name) ? head.headers[name] : undefined;
    if (got === undefined) return `Expected a header ${name}, got none`;
    if (!holds(got, wanted)) return `Expected the header ${name} to be ${show(wanted, secrets)}`;
  }
  if (withinMs !== undefined && tookMs > withinMs) {
    return `Expected the response within ${withinMs} ms, it took ${Math.round(tookMs)} ms`;
  }
  return undefined;
}

/**
 * Describes the first value of a JSON text that is not as expected, with `secrets` masked;
 * `undefined` when all are.
 */
export function unmetJson(
  json: NonNullable<Expectation["json"]>,
  text: string | undefined,
  secrets: readonly string[] = [],
): string | undefined {
  const pointers = Object.entries(json);
  if (pointers.length === 0) return undefined;
  if (text === undefined) return "Expected JSON, got a body that is too long to parse";
  const parsed = parseJson(text);
  if ("fault" in parsed) return `Expected JSON: ${parsed.fault}`;
  for (const [pointer, wanted] of pointers) {
    const got = valueAt(parsed.value, pointer);
    if (isSameJson(got, wanted)) continue;
    return `Expected ${pointer || "the body"} to be ${show(wanted, secrets)}, got ${
      show(got, secrets)
    }`;
  }
  return undefined;
}

/** RFC 9110 §5.6: parameters follow a semicolon, list members are separated by commas. */
function holds(got: string, wanted: string): boolean {
  const values = [got, got.split(";", 1)[0] ?? "", ...got.split(",")];
  return values.some((value) => value.trim().toLowerCase() === wanted.trim().toLowerCase());
}

/** Masked before it is cut, since a part of a secret would not be found. */
function show(value: unknown, secrets: readonly string[]): string {
  const text = (JSON.stringify(value) ?? "nothing").slice(0, MAX_MASKED);
  return String(maskSecrets(text, secrets)).slice(0, 100).toWellFormed();
}
