/**
 * Text from elsewhere: how long it is, and whether it can be shown on one line.
 *
 * @module
 */

/**
 * Control characters, line separators, and what overrides the direction of all that follows, for
 * a class of characters.
 */
const CONTROLS = String.raw`\u0000-\u001f\u007f-\u009f\u2028-\u202e`;
/** Characters that change the direction in which text is shown, as some languages need. */
const DIRECTIONS = String.raw`\u061c\u200e\u200f\u2066-\u2069`;

const CONTROL = new RegExp(`[${CONTROLS}]`);
const CONTROL_RUNS = new RegExp(`[${CONTROLS}]+`, "g");
const UNSEEN = new RegExp(`[${CONTROLS}${DIRECTIONS}]`);
const EACH_UNSEEN = new RegExp(UNSEEN, "g");
const NOT_IN_URLS = new RegExp(String.raw`[ \\${CONTROLS}]`);

/** Whether a text is one line that any store, log or header can hold. */
export function isOneLine(text: string): boolean {
  return !CONTROL.test(text) && text.isWellFormed();
}

/** Makes one line of a text: each run of line breaks and other controls becomes a blank. */
export function oneLine(text: string): string {
  return text.replace(CONTROL_RUNS, " ").toWellFormed();
}

/** Whether a text is one line whose characters are shown in the order in which they are written. */
export function isPlainLine(text: string): boolean {
  return !UNSEEN.test(text) && text.isWellFormed();
}

/** Puts `by` in place of each control character and each change of direction. */
export function replaceUnseen(text: string, by: string): string {
  return text.replace(EACH_UNSEEN, by);
}

/** The words of a text on one line, with single blanks and none of those characters. */
export function wordsOnOneLine(text: string): string {
  return replaceUnseen(text, " ").replace(/\s+/g, " ").trim();
}

/** Whether a URL is written without what parsers disagree about: controls, blanks, backslashes. */
export function isCleanUrl(text: string): boolean {
  return !NOT_IN_URLS.test(text);
}

const encoder = new TextEncoder();

/** Length in UTF-8, as far as it is worth counting: exact up to `limit`, else merely more. */
export function isLongerThan(text: string, limit: number): boolean {
  if (text.length * 3 <= limit) return false;
  return text.length > limit || encoder.encode(text).length > limit;
}
