/**
 * Reading a section of limits: names, each with a few fields.
 *
 * @module
 */

import { isPlainObject, pointerTo } from "../lib/json.ts";
import { parseRate, type Rate } from "../lib/rate_text.ts";
import { type Issue, type Parsed, UNKNOWN_FIELD } from "./issues.ts";

/** A field: how it is read (`undefined` when it cannot be), and what is expected of it. */
export interface LimitField<Value> {
  /** Reads its value. */
  readonly read: (given: unknown) => Value | undefined;
  /** A sentence that begins with "Expected". */
  readonly expected: string;
}

/** The fields of a section. */
export type LimitFields<Limits> = {
  readonly [Name in keyof Limits]-?: LimitField<NonNullable<Limits[Name]>>;
};

/** Parses `{"name": {"field": value}}`; `expected` is said of what has another shape. */
export function parseLimits<Limits extends object>(
  value: unknown,
  expected: string,
  fields: LimitFields<Limits>,
): Parsed<ReadonlyMap<string, Limits>> {
  if (!isPlainObject(value)) return { issues: [{ pointer: "", detail: expected }] };
  const issues: Issue[] = [];
  const found = new Map<string, Limits>();
  for (const [name, given] of Object.entries(value)) {
    if (!isPlainObject(given)) {
      issues.push({ pointer: pointerTo([name]), detail: expected });
      continue;
    }
    const limits: Record<string, unknown> = {};
    for (const [field, content] of Object.entries(given)) {
      const known = Object.hasOwn(fields, field) ? fields[field as keyof Limits] : undefined;
      const read = known?.read(content);
      if (read !== undefined) limits[field] = read;
      else if (!known || content !== undefined) {
        const detail = known?.expected ?? UNKNOWN_FIELD;
        issues.push({ pointer: pointerTo([name, field]), detail });
      }
    }
    found.set(name, limits as Limits);
  }
  return issues.length > 0 ? { issues } : { value: found };
}

/** A whole number from 1 to `most`. */
export function countUpTo(most: number): (given: unknown) => number | undefined {
  return (given) =>
    typeof given === "number" && Number.isInteger(given) && given >= 1 && given <= most
      ? given
      : undefined;
}

/** A rate such as `10/1s`. */
export function readRate(given: unknown): Rate | undefined {
  try {
    return parseRate(String(given));
  } catch {
    return undefined;
  }
}
