/**
 * What a caller expects of a response.
 *
 * @module
 */

import { compact } from "../lib/compact.ts";
import { z } from "zod";
import { parseDuration } from "../lib/duration.ts";
import type { Issue } from "./issues.ts";
import { pointerTo } from "../lib/json.ts";
import type { Json } from "./task.ts";

/** The response must meet all that is given. */
export interface Expectation {
  /** One of these; such a response counts as delivered, whatever its status means otherwise. */
  readonly status?: readonly number[];
  /** Names in lower case: the value itself, its part before a `;`, or one member of its list. */
  readonly headers?: Readonly<Record<string, string>>;
  /** RFC 6901 pointers into the body, and the value of each. */
  readonly json?: Readonly<Record<string, Json>>;
  /** The longest the attempt may have taken, in milliseconds. */
  readonly withinMs?: number;
}

const MOST = 50;
const POINTER = /^(?:\/(?:[^~/]|~[01])*)*$/;
const POINTER_LETTERS = 512;

const EXPECTED = {
  expect: "Expected an object with status, headers, json or within",
  status: "Expected a list of 1 to 50 status codes from 200 to 599",
  headers: `Expected an object of at most ${MOST} headers, each value a text`,
  json: `Expected an object of at most ${MOST} JSON pointers such as "/status", each with a value`,
  pointer: `Expected an RFC 6901 pointer such as "/status" of at most ${POINTER_LETTERS} letters`,
  within: `Expected a duration such as "500ms"`,
};

/** The field `expect`, for the schema of a request. */
export const expectField = {
  expect: z.strictObject({
    status: z.array(
      z.int({ error: EXPECTED.status }).min(200, { error: EXPECTED.status })
        .max(599, { error: EXPECTED.status }),
      { error: EXPECTED.status },
    )
      .min(1, { error: EXPECTED.status }).max(MOST, { error: EXPECTED.status }).optional()
      .meta({ description: "Any of these is delivered, and no other.", examples: [[200, 404]] }),
    headers: z.record(z.string(), z.string({ error: EXPECTED.headers }), {
      error: EXPECTED.headers,
    })
      .optional().meta({
        description: "The value, its part before a semicolon, or one member of its list.",
        examples: [{ "content-type": "application/json" }],
      }),
    json: z.record(z.string(), z.unknown(), { error: EXPECTED.json }).optional().meta({
      description: "JSON pointers into the body, and the value of each.",
      examples: [{ "/status": "ready" }],
    }),
    within: z.string({ error: EXPECTED.within }).optional().meta({
      description: "The longest that the whole response may take; a duration.",
      examples: ["2s"],
    }),
  }, { error: (issue) => issue.code === "unrecognized_keys" ? undefined : EXPECTED.expect })
    .optional().meta({
      description:
        "What the response must be. After another response a safe request is tried again, " +
        "and any other has failed.",
    }),
};

/** The field as its schema leaves it. */
export type RawExpectation = NonNullable<(typeof expectField)["expect"]["_output"]>;

/** Parses the field, and adds what is wrong with it to `issues`. */
export function readExpectation(
  raw: RawExpectation | undefined,
  issues: Issue[],
): Expectation | undefined {
  if (!raw) return undefined;
  const wrong = (detail: string, ...path: string[]) => {
    issues.push({ pointer: pointerTo(["expect", ...path]), detail });
  };
  const { status, headers, json, within } = raw;
  const names = Object.keys(headers ?? {});
  const pointers = Object.keys(json ?? {});
  if (names.length > MOST) wrong(EXPECTED.headers, "headers");
  if (pointers.length > MOST) wrong(EXPECTED.json, "json");
  for (const pointer of pointers) {
    if (!isPointer(pointer)) wrong(EXPECTED.pointer, "json", pointer);
  }
  const withinMs = within === undefined ? undefined : parseDuration(within);
  if (within !== undefined && withinMs === undefined) wrong(EXPECTED.within, "within");
  return {
    ...compact({ status }),
    ...(headers === undefined ? {} : {
      headers: Object.fromEntries(names.map((name) => [name.toLowerCase(), headers[name] ?? ""])),
    }),
    ...compact({ json: json as Record<string, Json> | undefined, withinMs }),
  };
}

/** Whether a text is an RFC 6901 pointer that is not too long. */
export function isPointer(text: string): boolean {
  return text.length <= POINTER_LETTERS && POINTER.test(text);
}
