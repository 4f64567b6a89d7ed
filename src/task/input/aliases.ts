/**
 * Names that stand for mail addresses and channel URLs: `@oncall`.
 *
 * @module
 */

import { isPlainObject } from "./batch_input.ts";
import type { Issue, Parsed } from "../issues.ts";
import { pointerTo } from "../../lib/json.ts";
import { EXPECTED_NAME, isName } from "../../lib/names.ts";
import { isOneLine } from "../../lib/text.ts";

/** The targets of each alias, by its name without the `@`. */
export type Aliases = ReadonlyMap<string, readonly string[]>;

const EXPECTED = "Expected a mail address or a channel URL, or a list of them";

/** Reads `{"oncall": ["ada@example.org", "slack://…"]}`. Whether a target can be used is checked later. */
export function parseAliases(value: unknown): Parsed<Aliases> {
  if (!isPlainObject(value)) {
    return {
      issues: [{ pointer: "", detail: "Expected an object of aliases, each with its targets" }],
    };
  }
  const issues: Issue[] = [];
  const aliases = new Map<string, readonly string[]>();
  for (const [name, given] of Object.entries(value)) {
    const pointer = pointerTo([name]);
    const targets = typeof given === "string" ? [given] : given;
    if (!isName(name)) {
      issues.push({ pointer, detail: EXPECTED_NAME });
    } else if (!Array.isArray(targets) || targets.length === 0 || !targets.every(isTarget)) {
      issues.push({ pointer, detail: EXPECTED });
    } else aliases.set(name, targets);
  }
  return issues.length > 0 ? { issues } : { value: aliases };
}

function isTarget(value: unknown): value is string {
  return typeof value === "string" && value.trim() !== "" && isOneLine(value);
}
