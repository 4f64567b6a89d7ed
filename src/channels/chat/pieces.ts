/**
 * Cuts plain text for services with a limit; `cut_blocks.ts` cuts text with structure.
 *
 * @module
 */

import { withoutBreak } from "../cut_blocks.ts";

/** The most messages that one note becomes; the rest is cut off with a mark. */
const MAX_PIECES = 10;
const MARK = "…";

/**
 * Cuts a text into pieces that each fit, where paragraphs, lines or words end.
 */
export function cut(
  text: string,
  fits: (piece: string) => boolean,
  most: number = MAX_PIECES,
): string[] {
  const pieces: string[] = [];
  let rest = text.trimEnd();
  while (!fits(rest)) {
    if (pieces.length === most - 1) {
      pieces.push(truncate(rest, fits));
      return pieces;
    }
    const end = goodEnd(rest, longestFit(rest, fits));
    pieces.push(rest.slice(0, end).trimEnd());
    rest = withoutBreak(rest.slice(end));
  }
  if (rest !== "" || pieces.length === 0) pieces.push(rest);
  return pieces;
}

/** As much of a text as fits, with a mark where it was cut. */
export function truncate(text: string, fits: (piece: string) => boolean): string {
  if (fits(text)) return text;
  const marked = (piece: string) => fits(`${piece}${MARK}`);
  return `${text.slice(0, longestFit(text, marked))}${MARK}`;
}

/** For limits in characters, as JavaScript counts them. */
export function characters(limit: number): (piece: string) => boolean {
  return (piece) => piece.length <= limit;
}

/** For limits in bytes. */
export function bytes(limit: number): (piece: string) => boolean {
  return (piece) => piece.length <= limit && encoder.encode(piece).length <= limit;
}

/** For limits in bytes of the JSON that is sent, in which quotes and line breaks take two. */
export function jsonBytes(limit: number): (piece: string) => boolean {
  return (piece) =>
    piece.length <= limit && encoder.encode(JSON.stringify(piece)).length - 2 <= limit;
}

const encoder = new TextEncoder();

/** The longest beginning that fits; at least one character, so that cutting ends. */
function longestFit(text: string, fits: (piece: string) => boolean): number {
  let low = 1;
  let high = text.length;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (fits(text.slice(0, middle))) low = middle;
    else high = middle - 1;
  }
  // Not between the halves of a character.
  return low > 1 && /[\ud800-\udbff]/.test(text.charAt(low - 1)) ? low - 1 : low;
}

/** The best place to cut in the last third; within a word only if there is no other. */
function goodEnd(text: string, longest: number): number {
  const least = longest * 2 / 3;
  for (const between of ["\n\n", "\n", " "]) {
    const at = text.lastIndexOf(between, longest);
    if (at >= least) return at;
  }
  return longest;
}
