/**
 * Cuts text with structure into pieces, without breaking the structure.
 *
 * @module
 */

import type { Block, Inline, ListItem } from "./rich_text.ts";

/** The most messages that one text becomes; what is beyond is cut off with a mark. */
const MAX_PIECES = 10;
const ELLIPSIS = "…";

/**
 * Cuts a text into pieces that each fit, between blocks where possible, and
 * within them at lines or words; the structure is closed and opened again.
 */
export function cutBlocks(
  blocks: readonly Block[],
  fits: (piece: readonly Block[]) => boolean,
  max: number = MAX_PIECES,
): (readonly Block[])[] {
  const pieces: (readonly Block[])[] = [];
  let rest = blocks;
  do {
    const [head, tail] = divideList(rest, fits, (block, fitsHead, isFirst) =>
      // A block that fits into a piece of its own is not cut.
      !isFirst && fits([block]) ? undefined : divideBlock(block, fitsHead));
    const isLast = tail.length > 0 && (pieces.length === max - 1 || head.length === 0);
    if (isLast) return [...pieces, truncateBlocks(rest, fits)];
    pieces.push(head);
    rest = tail;
  } while (rest.length > 0);
  return pieces;
}

/** As much as fits, with a mark where it was cut. */
function truncateBlocks(
  blocks: readonly Block[],
  fits: (piece: readonly Block[]) => boolean,
): readonly Block[] {
  const [head] = divideList(blocks, (piece) => fits(withEllipsis(piece)), divideBlock);
  return withEllipsis(head);
}

function withEllipsis(blocks: readonly Block[]): readonly Block[] {
  const last = blocks.at(-1);
  const mark: Inline = { kind: "text", text: ELLIPSIS };
  return last?.kind === "paragraph"
    ? [...blocks.slice(0, -1), { ...last, inlines: [...last.inlines, mark] }]
    : [...blocks, { kind: "paragraph", inlines: [mark] }];
}

type Divided<T> = readonly [head: T, tail: T] | undefined;
type Divide<T> = (whole: T, fits: (head: T) => boolean, isFirst: boolean) => Divided<T>;

/** The longest beginning of a list that fits, the last element of it divided if need be. */
function divideList<T>(
  list: readonly T[],
  fits: (head: readonly T[]) => boolean,
  divide: Divide<T>,
): readonly [readonly T[], readonly T[]] {
  const whole = longest(list.length, (count) => fits(list.slice(0, count)));
  const before = list.slice(0, whole);
  const next = list[whole];
  if (next === undefined) return [list, []];
  const parts = divide(next, (head) => fits([...before, head]), whole === 0);
  return parts
    ? [[...before, parts[0]], [parts[1], ...list.slice(whole + 1)]]
    : [before, list.slice(whole)];
}

function divideBlock(block: Block, fits: (head: Block) => boolean): Divided<Block> {
  switch (block.kind) {
    case "paragraph":
    case "heading": {
      const of = (inlines: readonly Inline[]): Block => ({ ...block, inlines });
      const fitsHead = (head: readonly Inline[]) => fits(of(head));
      return divided(atLine(divideList(block.inlines, fitsHead, divideInline), block.inlines), of);
    }
    case "pre": {
      const of = (text: string): Block => ({ ...block, text });
      const parts = divideText(block.text, (text) => fits(of(text)), ["\n"]);
      return parts && [of(parts[0]), of(parts[1].replace(/^\n/, ""))];
    }
    case "quote": {
      const of = (blocks: readonly Block[]): Block => ({ ...block, blocks });
      return divided(divideList(block.blocks, (head) => fits(of(head)), divideBlock), of);
    }
    case "list": {
      const of = (items: readonly ListItem[]): Block => ({ ...block, items });
      const parts = divided(divideList(block.items, (head) => fits(of(head)), divideItem), of);
      if (!parts || block.start === undefined) return parts;
      const [head, tail] = parts as [typeof block, typeof block];
      const begun = head.items.filter(({ isContinued }) => !isContinued).length;
      return [head, { ...tail, start: block.start + begun }];
    }
    case "table": {
      const of = (rows: typeof block.rows): Block => ({ ...block, rows });
      return divided(divideList(block.rows, (head) => fits(of(head)), () => undefined), of);
    }
    case "rule":
      return undefined;
  }
}

/** Moves the cut to the last line break, when that is in the last third. */
function atLine(
  parts: readonly [readonly Inline[], readonly Inline[]],
  inlines: readonly Inline[],
): readonly [readonly Inline[], readonly Inline[]] {
  const [head] = parts;
  const at = head.findLastIndex((one) => one.kind === "text" && one.text === "\n");
  if (at < 1 || lengthOf(head.slice(0, at)) < lengthOf(head) * 2 / 3) return parts;
  return [inlines.slice(0, at), inlines.slice(at + 1)];
}

function lengthOf(inlines: readonly Inline[]): number {
  return inlines.reduce(
    (sum, one) => sum + ("text" in one ? one.text.length : lengthOf(one.inlines)),
    0,
  );
}

function divideItem(item: ListItem, fits: (head: ListItem) => boolean): Divided<ListItem> {
  const [head, tail] = divideList(
    item.blocks,
    (blocks) => fits({ ...item, blocks }),
    divideBlock,
  );
  if (head.length === 0) return undefined;
  return [{ ...item, blocks: head }, { blocks: tail, isContinued: true }];
}

function divideInline(inline: Inline, fits: (head: Inline) => boolean): Divided<Inline> {
  if ("text" in inline) {
    const parts = divideText(inline.text, (text) => fits({ ...inline, text }), ["\n", " "]);
    return parts && [{ ...inline, text: parts[0].trimEnd() }, {
      ...inline,
      text: withoutBreak(parts[1]),
    }];
  }
  const of = (inlines: readonly Inline[]): Inline => ({ ...inline, inlines });
  return divided(divideList(inline.inlines, (head) => fits(of(head)), divideInline), of);
}

function divided<T, U>(
  [head, tail]: readonly [readonly T[], readonly T[]],
  of: (list: readonly T[]) => U,
): Divided<U> {
  return head.length === 0 ? undefined : [of(head), of(tail)];
}

/** A text after a cut: without the blanks or line breaks at the cut, but for an indent. */
export function withoutBreak(text: string): string {
  return text.replace(/^(?:\s*\n|[^\S\n]+)/, "");
}

/** Cuts a text where it fits, in the last third at one of the given separators. */
function divideText(
  text: string,
  fits: (head: string) => boolean,
  separators: readonly string[],
): Divided<string> {
  let end = longest(text.length, (count) => fits(text.slice(0, count)));
  if (end === 0) return undefined;
  // Not between the halves of a character.
  if (/[\ud800-\udbff]/.test(text.charAt(end - 1))) end--;
  for (const separator of separators) {
    const at = text.lastIndexOf(separator, end);
    if (at >= end * 2 / 3) {
      end = at;
      break;
    }
  }
  return end === 0 ? undefined : [text.slice(0, end), text.slice(end)];
}

/**
 * The greatest count for which it fits; zero when not even one does. It starts small,
 * since writing all of a long text costs more than all of its pieces.
 */
function longest(count: number, fits: (count: number) => boolean): number {
  let low = 0;
  let high = Math.min(1, count);
  while (high < count && fits(high)) {
    low = high;
    high = Math.min(count, high * 2);
  }
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (fits(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}
