/**
 * The page around a text that is sent as HTML.
 *
 * @module
 */

/** Mail programs ignore style sheets, so the styles are in the elements. */
const STYLE = "max-width:40em;font:16px/1.5 -apple-system,'Segoe UI',Roboto,Arial,sans-serif";

/** A page with this body, in a width and a font that are easy to read. */
export function mailPage(body: string): string {
  return `<!doctype html>\n<meta charset="utf-8">\n<div style="${STYLE}">\n${body}</div>\n`;
}
