/**
 * Runs the extraction from a complete body, and the comparison of its JSON,
 * where their cost delays no other attempt.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import type { Expectation } from "../../task/expect.ts";
import type { Extraction } from "../../task/extract.ts";
import { type Compute, TooCostlyError } from "../compute/compute.ts";
import { unmetJson } from "./expectations.ts";
import { type Extracted, extractFromText, type TextExtracted } from "./extract.ts";
import type { TextExtractor } from "./text_extractor.ts";

/** JSON of a longer text is parsed on another thread, in UTF-16 code units. */
const MAX_SHORT = 65_536;

/** Extracts all that the task asks for. */
export async function extractFrom(
  { lines, words, json, css }: Extraction,
  extractor: TextExtractor,
  compute: Compute,
  signal: AbortSignal,
): Promise<Extracted> {
  const wanted: Extraction = compact({ json, css });
  const parts = json || css
    ? await extractFromWhole(wanted, extractor, compute, signal)
    : undefined;
  const errors = {
    ...(extractor.isText ? {} : { text: "The body is not text" }),
    ...parts?.errors,
  };
  return {
    ...(lines === undefined ? {} : { lines: extractor.lines }),
    ...(words === undefined ? {} : { words: extractor.words }),
    ...compact({ json: parts?.json, css: parts?.css }),
    ...(Object.keys(errors).length === 0 ? {} : { errors }),
  };
}

async function extractFromWhole(
  wanted: Extraction,
  extractor: TextExtractor,
  compute: Compute,
  signal: AbortSignal,
): Promise<TextExtracted> {
  const text = extractor.text();
  const { contentType } = extractor;
  // Selectors may take long on a short page.
  if (!wanted.css && isShort(text)) return extractFromText(wanted, text, contentType);
  try {
    return await compute.run("extract", [wanted, text, contentType], signal);
  } catch (error) {
    if (!(error instanceof TooCostlyError) && !signal.aborted) throw error;
    const reason = error instanceof TooCostlyError ? error.message : "The attempt was aborted";
    const { json, css } = wanted;
    return {
      ...(json && { json: Object.fromEntries(Object.keys(json).map((name) => [name, null])) }),
      ...(css && { css: Object.fromEntries(Object.keys(css).map((name) => [name, []])) }),
      errors: { ...(json && { json: reason }), ...(css && { css: reason }) },
    };
  }
}

/** As `unmetJson`. Rejects with a `TooCostlyError`, or with the reason of an abort. */
export function unmetJsonOf(
  json: NonNullable<Expectation["json"]>,
  extractor: TextExtractor | undefined,
  compute: Compute,
  { secrets, signal }: { readonly secrets: readonly string[]; readonly signal: AbortSignal },
): string | undefined | Promise<string | undefined> {
  const text = extractor?.text();
  return isShort(text)
    ? unmetJson(json, text, secrets)
    : compute.run("unmetJson", [json, text, secrets], signal);
}

function isShort(text: string | undefined): boolean {
  return text === undefined || text.length <= MAX_SHORT;
}
