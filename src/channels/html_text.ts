/**
 * HTML as plain text, for those who read mail or chat without HTML.
 *
 * @module
 */

import { convert } from "html-to-text";

/** What is longer is read so far: this runs on the thread that delivers. */
const MAX_LETTERS = 1_048_576;

/** Writes HTML as text; links keep their address, images only their words. */
export function htmlToPlain(html: string): string {
  return convert(html, {
    wordwrap: 78,
    limits: { maxInputLength: MAX_LETTERS, maxDepth: 200, ellipsis: "…" },
    selectors: [
      { selector: "a", options: { hideLinkHrefIfSameAsText: true } },
      { selector: "img", format: "skip" },
      { selector: "table", format: "dataTable", options: { uppercaseHeaderCells: false } },
      ...["h1", "h2", "h3", "h4"].map((selector) => ({ selector, options: { uppercase: false } })),
    ],
  });
}
