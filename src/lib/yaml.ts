/**
 * Parses YAML, with the line and column of each value.
 *
 * @module
 */

import { pointerPath } from "./json.ts";
import { isMap, isScalar, isSeq, LineCounter, parseDocument } from "yaml";

/** A position in a text. */
export interface TextPlace {
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
}

/** The result of parsing: the value, or what is wrong with the text. */
export type ReadYaml =
  | {
    /** As from `JSON.parse`; `undefined` for an empty text. */
    readonly value: unknown;
    /** The position of the value at an RFC 6901 pointer, or of the closest value around it. */
    placeOf(pointer: string): TextPlace;
  }
  | { readonly faults: readonly (TextPlace & { readonly detail: string })[] };

/** More aliases are refused: a few lines can expand to millions of values. */
const MAX_ALIASES = 1_000;

/** Reads one YAML 1.2 document. */
export function readYaml(text: string): ReadYaml {
  const lines = new LineCounter();
  const placeAt = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    return {
      faults: document.errors.map(({ message, pos: [at] }) => ({
        detail: message,
        ...placeAt(at),
      })),
    };
  }
  try {
    return {
      value: document.toJS({ maxAliasCount: MAX_ALIASES }) ?? undefined,
      placeOf: (pointer) => placeAt(offsetOf(document.contents, pointer)),
    };
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return { faults: [{ detail, line: 1, column: 1 }] };
  }
}

function offsetOf(root: unknown, pointer: string): number {
  let node = root;
  let at = startOf(node) ?? 0;
  for (const name of pointerPath(pointer)) {
    const next = step(node, name);
    if (!next) break;
    at = next.at;
    node = next.node;
  }
  return at;
}

/** A member is pointed at by its value when that is a scalar, else by its key. */
function step(node: unknown, name: string): { node: unknown; at: number } | undefined {
  if (isMap(node)) {
    const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === name);
    const at = pair && startOf(isScalar(pair.value) ? pair.value : pair.key);
    return pair && at !== undefined ? { node: pair.value, at } : undefined;
  }
  if (!isSeq(node)) return undefined;
  const item = node.items[Number(name)];
  const at = startOf(item);
  return at === undefined ? undefined : { node: item, at };
}

function startOf(node: unknown): number | undefined {
  return (node as { range?: readonly number[] } | null | undefined)?.range?.[0];
}
