/**
 * HTML as plain text, for readers of mail or chat without HTML.
 *
 * The HTML is other people's, so the cost is bounded by its length: one pass
 * over its tokens, no tree, nesting counted up to a depth, spans of table cells
 * ignored, and a limit on what is written.
 *
 * @module
 */

import { Tokenizer } from "htmlparser2";

/** Longer HTML is cut, in characters. */
const MAX_INPUT = 1_048_576;
/** The text is cut beyond this, in characters: indents can make it longer than the HTML. */
const MAX_OUTPUT = 1_048_576;
/** Deeper lists, quotations and tables are not indented any further. */
const MAX_DEPTH = 10;
/** A table with a longer cell lays out a page: its cells are written one below the other. */
const MAX_CELL = 200;
/** More rows or columns are not aligned. */
const MAX_ROWS = 500;
const MAX_COLUMNS = 20;
/** Lines are wrapped here, as plain text mails are. */
const WRAP = 78;

/** How the text is written. */
export interface PlainTextOptions {
  /** Where lines are wrapped, in characters; `Infinity` for text that is wrapped where it is shown. */
  readonly wrap?: number;
}

/** Writes HTML as text. Links keep their address, images their alternative text. */
export function htmlToPlain(html: string, { wrap = WRAP }: PlainTextOptions = {}): string {
  const input = html.length > MAX_INPUT ? html.slice(0, MAX_INPUT) : html;
  const page = new PlainPage(input, wrap);
  const tokenizer = new Tokenizer({ decodeEntities: true }, page);
  page.stop = () => tokenizer.pause();
  tokenizer.write(input);
  tokenizer.end();
  return page.text(input.length < html.length);
}

/** Elements whose content is not shown. */
const HIDDEN = new Set(["script", "style", "title", "template", "noscript", "svg", "object"]);
/** Elements that begin and end a line. */
const LINES = new Set([
  "address",
  "article",
  "aside",
  "center",
  "dd",
  "div",
  "dl",
  "dt",
  "fieldset",
  "figcaption",
  "figure",
  "footer",
  "form",
  "header",
  "legend",
  "main",
  "nav",
  "option",
  "section",
]);
/** Elements with an empty line before and after. */
const PARAGRAPHS = new Set(["p", "h1", "h2", "h3", "h4", "h5", "h6", "hgroup", "details"]);

/** Elements that no cell of aligned text can hold. */
const CONTAINERS = new Set(["blockquote", "hr", "menu", "ol", "pre", "table", "ul"]);

interface List {
  /** The number of the next item; `undefined` in a list without numbers. */
  next: number | undefined;
}

interface Table {
  rows: string[][];
  cells: string[] | undefined;
  inCell: boolean;
  /** Its cells are blocks of their own. */
  isLayout: boolean;
}

/** Takes the tokens of a page and writes them as text. */
class PlainPage {
  /** Ends the tokens. */
  stop = () => {};
  readonly #html: string;
  readonly #wrap: number;
  readonly #lines: string[] = [];
  #length = 0;
  #isCut = false;
  /** Text of the line or paragraph that has not been written. */
  readonly #inline = new Inline();
  #pendingBlank = false;
  #tag = "";
  #attribute = "";
  #value = "";
  #attributes = new Map<string, string>();
  #hidden: string | undefined;
  #preformatted = 0;
  #quotes = 0;
  #lastQuotes = 0;
  #isAfterBlank = false;
  readonly #lists = new Bounded<List>();
  readonly #tables = new Bounded<Table>();
  /** Written before the next line, instead of its indent. */
  #bullet: string | undefined;
  #link: { readonly href: string; words: string } | undefined;

  constructor(html: string, wrap: number) {
    this.#html = html;
    this.#wrap = wrap;
  }

  /** All that was written; `isCut` when the HTML was longer. */
  text(isCut: boolean): string {
    while (this.#tables.last) this.#endTable();
    this.#flush();
    if (isCut || this.#isCut) this.#lines.push("…");
    return this.#lines.join("\n").trimEnd().replace(/^\n+/, "");
  }

  ontext(start: number, end: number): void {
    this.#addText(this.#html.slice(start, end));
  }

  ontextentity(codepoint: number): void {
    this.#addText(String.fromCodePoint(codepoint));
  }

  onopentagname(start: number, end: number): void {
    this.#tag = this.#html.slice(start, Math.min(end, start + 20)).toLowerCase();
    this.#attributes.clear();
  }

  onattribname(start: number, end: number): void {
    this.#attribute = this.#html.slice(start, Math.min(end, start + 20)).toLowerCase();
    this.#value = "";
  }

  onattribdata(start: number, end: number): void {
    this.#value += this.#html.slice(start, end);
  }

  onattribentity(codepoint: number): void {
    this.#value += String.fromCodePoint(codepoint);
  }

  onattribend(): void {
    const wanted = this.#attribute === "href" || this.#attribute === "alt" ||
      this.#attribute === "start";
    if (wanted && !this.#attributes.has(this.#attribute)) {
      this.#attributes.set(this.#attribute, this.#value);
    }
  }

  onopentagend(): void {
    this.#open(this.#tag);
  }

  onselfclosingtag(): void {
    this.#open(this.#tag);
  }

  onclosetag(start: number, end: number): void {
    this.#close(this.#html.slice(start, Math.min(end, start + 20)).toLowerCase());
  }

  isInForeignContext(): boolean {
    return false;
  }

  oncomment(): void {}
  oncdata(): void {}
  ondeclaration(): void {}
  onprocessinginstruction(): void {}
  onend(): void {}

  #open(tag: string): void {
    if (this.#hidden !== undefined) return;
    if (HIDDEN.has(tag)) return void (this.#hidden = tag);
    if (LINES.has(tag)) return this.#startLine();
    if (PARAGRAPHS.has(tag)) return this.#startBlock();
    if (CONTAINERS.has(tag)) this.#makeLayout();
    switch (tag) {
      case "br":
        return this.#inDataCell() ? this.#addText(" ") : this.#endLine();
      case "hr":
        this.#startBlock();
        this.#addText("-".repeat(Math.min(40, this.#wrap)));
        return this.#startBlock();
      case "img":
        return this.#addText(` ${this.#attributes.get("alt") ?? ""} `);
      case "a":
        this.#endLink();
        this.#link = { href: this.#attributes.get("href")?.trim() ?? "", words: "" };
        return;
      case "pre":
        this.#startBlock();
        this.#preformatted++;
        return;
      case "blockquote":
        this.#startBlock();
        this.#quotes++;
        return;
      case "ul":
      case "menu":
      case "ol": {
        if (this.#lists.size === 0) this.#startBlock();
        else this.#startLine();
        const start = parseInt(this.#attributes.get("start") ?? "1", 10);
        const next = Number.isSafeInteger(start) ? start : 1;
        return this.#lists.push({ next: tag === "ol" ? next : undefined });
      }
      case "li":
        return this.#startItem();
      case "table":
        return this.#startTable();
      case "tr":
        return this.#startRow();
      case "td":
      case "th":
        return this.#startCell();
    }
  }

  #close(tag: string): void {
    if (this.#hidden !== undefined) {
      if (this.#hidden === tag) this.#hidden = undefined;
      return;
    }
    if (LINES.has(tag)) return this.#startLine();
    if (PARAGRAPHS.has(tag)) return this.#startBlock();
    switch (tag) {
      case "a":
        return this.#endLink();
      case "pre":
        this.#startBlock();
        this.#preformatted = Math.max(0, this.#preformatted - 1);
        return;
      case "blockquote":
        this.#startBlock();
        this.#quotes = Math.max(0, this.#quotes - 1);
        return;
      case "ul":
      case "menu":
      case "ol":
        this.#startLine();
        this.#bullet = undefined;
        this.#lists.pop();
        if (this.#lists.size === 0) this.#startBlock();
        return;
      case "li":
        return this.#startLine();
      case "table":
        return this.#endTable();
      case "tr":
        return this.#endRow();
      case "td":
      case "th":
        return this.#endCell();
    }
  }

  #addText(text: string): void {
    if (this.#hidden !== undefined) return;
    if (this.#preformatted > 0 && !this.#inDataCell()) {
      const lines = text.split("\n");
      for (const [number, line] of lines.entries()) {
        if (number > 0) this.#endLine();
        this.#inline.add(line);
      }
      return;
    }
    const spaced = text.replace(/[ \t\n\r\f]+/g, " ");
    const table = this.#tables.last;
    // White space between rows and cells.
    if (spaced === " " && table && !table.inCell && !table.isLayout) return;
    this.#inline.add(this.#inline.endsInSpace ? spaced.trimStart() : spaced);
    const link = this.#link;
    if (link && link.words.length <= link.href.length) link.words += spaced;
  }

  #startLine(): void {
    if (this.#inDataCell()) this.#addText(" ");
    else this.#flush();
  }

  #startBlock(): void {
    if (this.#inDataCell()) return this.#addText(" ");
    this.#flush();
    this.#pendingBlank = true;
  }

  #startItem(): void {
    this.#startLine();
    const list = this.#lists.last;
    const mark = list?.next === undefined ? "*" : `${list.next++}.`;
    this.#bullet = `${this.#indent(this.#lists.size - 1)} ${mark} `;
  }

  #endLink(): void {
    const link = this.#link;
    this.#link = undefined;
    if (!link || !/^(?:https?|mailto|tel|ftp):/i.test(link.href)) return;
    const href = link.href.replace(/[\s\p{Cc}]/gu, "").replace(/^(?:mailto|tel):/i, "");
    const words = link.words.trim();
    if (words === href || words === href.replace(/\/$/, "")) return;
    this.#addText(words === "" ? ` ${href}` : ` [${href}]`);
  }

  #startTable(): void {
    this.#startBlock();
    this.#tables.push({ rows: [], cells: undefined, inCell: false, isLayout: false });
  }

  #startRow(): void {
    this.#endRow();
    const table = this.#tables.last;
    if (table?.isLayout) this.#startLine();
    else if (table) table.cells = [];
  }

  #startCell(): void {
    this.#endCell();
    const table = this.#tables.last;
    if (!table || table.isLayout) return this.#startLine();
    table.cells ??= [];
    // What is written between a table's cells comes before the table.
    this.#flush();
    table.inCell = true;
  }

  #endCell(): void {
    const table = this.#tables.last;
    if (!table || table.isLayout) return this.#startLine();
    if (!table.inCell) return;
    if (this.#inline.length > MAX_CELL) return this.#makeLayout();
    table.inCell = false;
    table.cells?.push(this.#inline.take().trim());
    if ((table.cells?.length ?? 0) > MAX_COLUMNS) this.#endRow();
  }

  #endRow(): void {
    this.#endCell();
    const table = this.#tables.last;
    if (!table?.cells) return;
    if (table.cells.some((cell) => cell !== "")) table.rows.push(table.cells);
    table.cells = undefined;
    if (table.rows.length >= MAX_ROWS) this.#writeRows(table);
  }

  #endTable(): void {
    this.#endRow();
    const table = this.#tables.last;
    if (table) this.#writeRows(table);
    this.#tables.pop();
    this.#startBlock();
  }

  /** The table around here holds blocks: what it has so far is written, the rest as it comes. */
  #makeLayout(): void {
    const table = this.#tables.last;
    if (!table?.inCell || table.isLayout) return;
    table.isLayout = true;
    const inline = this.#inline.take();
    if (table.cells?.some((cell) => cell !== "")) table.rows.push(table.cells);
    table.cells = undefined;
    this.#writeRows(table);
    this.#inline.add(inline);
    table.inCell = false;
  }

  #inDataCell(): boolean {
    const table = this.#tables.last;
    if (!table?.inCell || table.isLayout) return false;
    if (this.#inline.length > MAX_CELL) this.#makeLayout();
    return table.inCell;
  }

  #writeRows(table: Table): void {
    const { rows } = table;
    table.rows = [];
    const columns = rows.reduce((most, { length }) => Math.max(most, length), 0);
    const widths = Array.from({ length: columns }, (_, column) =>
      rows.reduce((most, row) =>
        // One cell in a row is a heading over all columns.
        row.length === 1 && columns > 1 ? most : Math.max(most, row[column]?.length ?? 0), 0));
    const width = widths.reduce((sum, one) => sum + one + 3, -3);
    for (const row of rows) {
      const cells = width <= this.#wrap
        ? row.map((cell, column) => cell.padEnd(widths[column] ?? 0))
        : row;
      this.#writeLine(cells.join("   ").trimEnd());
    }
  }

  #endLine(): void {
    if (this.#inline.isBlank && !this.#pendingBlank) this.#writeLine("");
    this.#flush();
  }

  #flush(): void {
    if (this.#inline.length === 0) return;
    const inline = this.#inline.take();
    if (this.#preformatted > 0) {
      if (inline.trim() !== "") this.#writeLine(inline.trimEnd());
      return;
    }
    const text = inline.trim();
    if (text === "") return;
    const width = Math.max(20, this.#wrap - 2 * this.#quotesShown - 3 * this.#lists.size);
    for (const line of wrapped(text, width)) this.#writeLine(line);
  }

  #writeLine(line: string): void {
    const quote = "> ".repeat(this.#quotesShown);
    if (this.#pendingBlank && this.#lines.length > 0 && !this.#isAfterBlank) {
      this.#add("> ".repeat(Math.min(this.#quotesShown, this.#lastQuotes)).trimEnd());
    }
    this.#pendingBlank = false;
    this.#lastQuotes = this.#quotesShown;
    const indent = this.#bullet ?? this.#indent(this.#lists.size);
    this.#bullet = undefined;
    this.#add(`${quote}${line === "" ? "" : indent}${line}`.trimEnd());
  }

  #add(line: string): void {
    if (this.#isCut) return;
    this.#length += line.length + 1;
    this.#isAfterBlank = /^[> ]*$/.test(line);
    if (this.#length <= MAX_OUTPUT) return void this.#lines.push(line);
    this.#isCut = true;
    this.stop();
  }

  #indent(depth: number): string {
    return "   ".repeat(Math.max(0, depth));
  }

  get #quotesShown(): number {
    return Math.min(this.#quotes, MAX_DEPTH);
  }
}

/** Text that is added to often: a long string that grows is copied whenever it is looked at. */
class Inline {
  #parts: string[] = [];
  length = 0;
  endsInSpace = true;
  isBlank = true;

  add(text: string): void {
    if (text === "") return;
    this.#parts.push(text);
    this.length += text.length;
    this.endsInSpace = text.endsWith(" ");
    this.isBlank &&= text.trim() === "";
  }

  take(): string {
    const text = this.#parts.join("");
    this.#parts = [];
    this.length = 0;
    this.endsInSpace = this.isBlank = true;
    return text;
  }
}

/** A stack that counts what is pushed beyond its depth, and keeps none of it. */
class Bounded<T> {
  readonly #items: T[] = [];
  #beyond = 0;

  get size(): number {
    return this.#items.length;
  }

  get last(): T | undefined {
    return this.#items.at(-1);
  }

  push(item: T): void {
    if (this.#items.length < MAX_DEPTH) this.#items.push(item);
    else this.#beyond++;
  }

  pop(): void {
    if (this.#beyond > 0) this.#beyond--;
    else this.#items.pop();
  }
}

/** Lines of at most `width` characters; a longer word is a line of its own. */
function wrapped(text: string, width: number): string[] {
  if (text.length <= width) return [text];
  const lines: string[] = [];
  let from = 0;
  while (text.length - from > width) {
    const space = text.lastIndexOf(" ", from + width);
    const end = space > from ? space : text.indexOf(" ", from + width);
    if (end < 0) break;
    lines.push(text.slice(from, end));
    from = end + 1;
  }
  lines.push(text.slice(from));
  return lines;
}
