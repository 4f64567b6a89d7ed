/**
 * Text with structure, and how it is written in the markup of a service.
 *
 * Text is parsed once and written once. To change the source would turn a link
 * or a line of code into something else. `cut_blocks.ts` cuts it.
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
  /** The mark before a heading; without it, a heading is bold. */
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
