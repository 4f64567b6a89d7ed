/**
 * Text with structure: written in the markup of a service, and cut into pieces
 * without breaking the structure.
 *
 * Text is parsed once and written once. To change the source, or to cut it,
 * would turn a link or a line of code into something else.
 *
 * @module
 */

/** A part of a line. */
export type Inline =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "code"; readonly text: string }
  | { readonly kind: "strong" | "em" | "s"; readonly inlines: readonly Inline[] }
  | { readonly kind: "link"; readonly href: string; readonly inlines: readonly Inline[] };

/** A part of a text. */
export type Block =
  | { readonly kind: "paragraph"; readonly inlines: readonly Inline[] }
  | { readonly kind: "heading"; readonly level: number; readonly inlines: readonly Inline[] }
  | { readonly kind: "pre"; readonly text: string; readonly language?: string }
  | { readonly kind: "quote"; readonly blocks: readonly Block[] }
  | { readonly kind: "list"; readonly start?: number; readonly items: readonly ListItem[] }
  | { readonly kind: "table"; readonly rows: readonly (readonly (readonly Inline[])[])[] }
  | { readonly kind: "rule" };

/** One item of a list. */
export interface ListItem {
  /** Its content. */
  readonly blocks: readonly Block[];
  /** The item began in an earlier piece: it has no mark of its own. */
  readonly isContinued?: true;
}

/** The markup of a service: before and after each kind of text. */
export interface Dialect {
  /** Bold. */
  readonly strong: readonly [string, string];
  /** Italics. */
  readonly em: readonly [string, string];
  /** Struck through. */
  readonly s: readonly [string, string];
  /** Before a heading; it is bold when absent. */
  readonly heading?: (level: number) => string;
  /** Code within a line. */
  readonly code: (text: string) => string;
  /** Lines of code. */
  readonly pre: (text: string, language?: string) => string;
  /** Before each line of a quotation. */
  readonly quote: string;
  /** Whether lines of code may begin with the marks of a quotation or list: they are not shown as code. */
  readonly marksCode?: { readonly quotes?: boolean; readonly items?: boolean };
  /** A link; `words` is markup already. */
  readonly link: (href: string, words: string) => string;
  /** A link whose words are its address; like any other when absent. */
  readonly bareLink?: (href: string) => string;
  /** A bare link before text that would be read as a part of the URL. */
  readonly enclosedLink?: (href: string) => string;
  /** A line break within a paragraph. */
  readonly lineBreak?: string;
  /** Between a mark and a letter that would otherwise belong to one word. */
  readonly wordBreak?: string;
  /** Before an item of a list without numbers. */
  readonly bullet: string;
  /** Escapes text that is no markup. */
  readonly escape: (text: string) => string;
  /** Escapes what would be markup at the beginning of a line, in escaped text. */
  readonly escapeLine?: (text: string) => string;
}

/** Writes blocks in a dialect. */
export function write(dialect: Dialect, blocks: readonly Block[]): string {
  return writeBlocks(dialect, blocks).replace(/\n+$/, "");
}

function writeBlocks(dialect: Dialect, blocks: readonly Block[]): string {
  return blocks.map((block) => writeBlock(dialect, block)).filter((text) => text !== "")
    .join("\n\n");
}

function writeBlock(dialect: Dialect, block: Block): string {
  switch (block.kind) {
    case "paragraph":
      return writeInlines(dialect, block.inlines);
    case "heading": {
      if (dialect.heading) {
        return dialect.heading(block.level) + writeInlines(dialect, block.inlines);
      }
      const [before, after] = dialect.strong;
      return `${before}${writeInlines(dialect, block.inlines, new Set(["strong"]))}${after}`;
    }
    case "pre":
      return dialect.pre(block.text, block.language);
    case "quote":
      return writeQuote(dialect, block.blocks);
    case "list":
      return writeItems(dialect, block);
    case "table":
      return block.rows.map((row) => row.map((cell) => writeInlines(dialect, cell)).join(" | "))
        .join(dialect.lineBreak ?? "\n");
    case "rule":
      return "———";
  }
}

/** Where a quotation's mark before a line of code would be shown as code, the code gets no mark. */
function writeQuote(dialect: Dialect, blocks: readonly Block[]): string {
  const quoted = (text: string) => text.replace(/^/gm, dialect.quote);
  if (dialect.marksCode?.quotes) return quoted(writeBlocks(dialect, blocks));
  return blocks.map((block) => {
    const text = writeBlock(dialect, block);
    return block.kind === "pre" ? text : quoted(text);
  }).join("\n\n");
}

function writeItems(dialect: Dialect, { start, items }: Extract<Block, { kind: "list" }>): string {
  let number = start ?? 0;
  return items.map(({ blocks, isContinued }) => {
    const mark = isContinued ? "   " : start === undefined ? dialect.bullet : `${number}. `;
    if (!isContinued) number++;
    const indent = " ".repeat(Math.max(3, mark.length));
    return mark + blocks.map((block, i) => {
      const text = writeBlock(dialect, block);
      // Where an indent would be shown as a part of the code, the whole code block has none.
      if (block.kind === "pre" && !dialect.marksCode?.items) return `\n${text}`;
      const indented = text.replaceAll("\n", `\n${indent}`);
      return i === 0 ? indented : `\n${indent}${indented}`;
    }).join("");
  }).join("\n");
}

function writeInlines(
  dialect: Dialect,
  inlines: readonly Inline[],
  marks: ReadonlySet<string> = new Set(),
): string {
  let written = "";
  let last: Inline | undefined;
  for (const inline of inlines) {
    const startsLine = written === "" ? marks.size === 0 : written.endsWith("\n");
    const text = writeInline(dialect, inline, { marks, startsLine });
    const touches = isMark(inline) && /[\p{L}\p{N}]$/u.test(written.slice(-2)) ||
      last !== undefined && isMark(last) && /^[\p{L}\p{N}]/u.test(text);
    if (touches && dialect.wordBreak) written += dialect.wordBreak;
    if (last?.kind === "link" && isBare(last) && /^[\\*_~`|]/.test(text)) {
      const { href } = last;
      const enclosed = dialect.enclosedLink?.(href);
      if (enclosed) written = written.slice(0, -href.length) + enclosed;
    }
    written += text;
    last = inline;
  }
  return written;
}

function isMark({ kind }: Inline): boolean {
  return kind !== "text" && kind !== "link";
}

/** Whether the words of a link are its address, perhaps in a form that is easier to read. */
export function isBare(inline: Inline): boolean {
  if (inline.kind !== "link") return false;
  const { href, inlines } = inline;
  const words = inlines.map((one) => "text" in one ? one.text : "").join("");
  return words === href || words === readable(href);
}

function readable(href: string): string {
  try {
    return decodeURI(href);
  } catch {
    return href;
  }
}

function writeInline(
  dialect: Dialect,
  inline: Inline,
  { marks, startsLine }: { readonly marks: ReadonlySet<string>; readonly startsLine: boolean },
): string {
  switch (inline.kind) {
    case "text": {
      const { escapeLine = (line: string) => line } = dialect;
      const lines = inline.text.split("\n").map((line, i) => {
        const escaped = dialect.escape(line);
        return i > 0 || startsLine ? escapeLine(escaped) : escaped;
      });
      return lines.join(dialect.lineBreak ?? "\n");
    }
    case "code":
      return dialect.code(inline.text);
    case "link":
      if (dialect.bareLink && isBare(inline)) return dialect.bareLink(inline.href);
      return dialect.link(inline.href, writeInlines(dialect, inline.inlines, marks));
    default: {
      // A mark within the same mark would end it.
      if (marks.has(inline.kind)) return writeInlines(dialect, inline.inlines, marks);
      const [before, after] = dialect[inline.kind];
      const inner = writeInlines(dialect, inline.inlines, new Set([...marks, inline.kind]));
      return `${before}${inner}${after}`;
    }
  }
}

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
