/**
 * Long texts, cut for services that take only so much at once.
 *
 * @module
 */

/** The most messages that one note becomes; what is beyond is cut off with a mark. */
const MAX_PIECES = 10;
const MARK = "…";

/**
 * Cuts a text where paragraphs, lines or words end, into pieces that each fit.
 * What `fits` is asked about may be longer than the text once it is rendered.
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
    rest = rest.slice(end).replace(/^\s+/, "");
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

/** For limits in letters, as JavaScript counts them. */
export function letters(limit: number): (piece: string) => boolean {
  return (piece) => piece.length <= limit;
}

/** For limits in bytes. */
export function bytes(limit: number): (piece: string) => boolean {
  return (piece) => piece.length <= limit && encoder.encode(piece).length <= limit;
}

const encoder = new TextEncoder();

/** At least one character, so that whoever cuts gets on. */
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

/** In the last third, the best place to stop; a word cut in two is the last resort. */
function goodEnd(text: string, longest: number): number {
  const least = longest * 2 / 3;
  for (const between of ["\n\n", "\n", " "]) {
    const at = text.lastIndexOf(between, longest);
    if (at >= least) return at;
  }
  return longest;
}
