/**
 * Text in columns of a terminal, where a letter may take two or none.
 *
 * @module
 */

import stringWidth from "string-width";

const GRAPHEMES = new Intl.Segmenter(undefined, { granularity: "grapheme" });
const ELLIPSIS = "…";

/** Columns that a text takes. */
export function widthOf(text: string): number {
  return /^[\x20-\x7e]*$/.test(text) ? text.length : stringWidth(text);
}

/** The beginning of a text, at most `columns` wide. */
export function cutEnd(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  let cut = "";
  let width = 0;
  for (const { segment } of GRAPHEMES.segment(text)) {
    width += widthOf(segment);
    if (width > columns) break;
    cut += segment;
  }
  return cut;
}

/** The end of a text, at most `columns` wide, with an ellipsis in place of what is missing. */
export function cutStart(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  const letters = [...GRAPHEMES.segment(text)].map(({ segment }) => segment);
  let cut = "";
  let width = widthOf(ELLIPSIS);
  for (let at = letters.length - 1; at >= 0; at--) {
    const letter = letters[at] ?? "";
    width += widthOf(letter);
    if (width > columns) break;
    cut = letter + cut;
  }
  return columns < 1 ? "" : ELLIPSIS + cut;
}

/** Beginning and end of a text, at most `columns` wide. */
export function cutMiddle(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  const start = cutEnd(text, Math.floor(columns / 2));
  return start + cutStart(text, columns - widthOf(start));
}

/** A text followed by spaces up to `columns`. */
export function padEnd(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - widthOf(text)));
}
