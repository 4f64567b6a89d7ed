/**
 * Markdown, as callers write it, in what a reader's program shows.
 *
 * @module
 */

import MarkdownIt from "markdown-it";

/** Raw HTML is shown, not obeyed; links lead to the web or to a mail, and nowhere else. */
const parser: InstanceType<typeof MarkdownIt> = new MarkdownIt({ html: false, linkify: true });

/** How one place writes what markdown can say: what stands before, and what behind. */
export interface Dialect {
  /** Bold. */
  readonly strong: readonly [string, string];
  /** Italics. */
  readonly em: readonly [string, string];
  /** Struck through. */
  readonly s: readonly [string, string];
  /** A word of code. */
  readonly code: readonly [string, string];
  /** Lines of code. */
  readonly pre: readonly [string, string];
  /** Before each line of what is quoted. */
  readonly quote: string;
  /** A link. */
  readonly link: (href: string) => readonly [string, string];
  /** Text that must not be taken for any of these. */
  readonly escape: (text: string) => string;
}

/** Writes markdown as the body of an HTML page. */
export function markdownToHtml(markdown: string): string {
  return parser.render(markdown);
}

/** Writes markdown in another dialect, tables and headings as well as it can. */
export function markdownTo(dialect: Dialect, markdown: string): string {
  const nodes = tree(parser.parse(markdown, {}));
  return blocks(nodes, dialect).replace(/\n{3,}/g, "\n\n").trim();
}

type Token = ReturnType<typeof parser.parse>[number];

interface Node {
  readonly token: Token;
  readonly children: Node[];
}

function tree(tokens: readonly Token[]): Node[] {
  const root: Node[] = [];
  const open = [root];
  for (const token of tokens) {
    if (token.nesting < 0) open.pop();
    else {
      const node = { token, children: [] };
      open.at(-1)?.push(node);
      if (token.nesting > 0) open.push(node.children);
    }
  }
  return root;
}

function blocks(nodes: readonly Node[], dialect: Dialect): string {
  return nodes.map((node) => block(node, dialect)).join("");
}

function block({ token, children }: Node, dialect: Dialect): string {
  const inside = () => blocks(children, dialect);
  switch (token.type) {
    case "inline":
      return inline(token.children ?? [], dialect);
    case "paragraph_open":
      return `${inside()}${token.hidden ? "\n" : "\n\n"}`;
    case "heading_open":
      return `${dialect.strong[0]}${inside()}${dialect.strong[1]}\n\n`;
    case "fence":
    case "code_block":
      return `${dialect.pre[0]}${dialect.escape(token.content)}${dialect.pre[1]}\n\n`;
    case "blockquote_open":
      return `${inside().trim().replace(/^/gm, dialect.quote)}\n\n`;
    case "bullet_list_open":
      return `${children.map((item) => listItem(item, "• ", dialect)).join("")}\n`;
    case "ordered_list_open": {
      const first = Number(token.attrGet("start") ?? 1);
      return `${children.map((item, i) => listItem(item, `${first + i}. `, dialect)).join("")}\n`;
    }
    case "tr_open":
      return `${children.map((cell) => blocks(cell.children, dialect)).join(" | ")}\n`;
    case "table_open":
      return `${inside()}\n`;
    case "hr":
      return "———\n\n";
    default:
      return inside();
  }
}

function listItem({ children }: Node, mark: string, dialect: Dialect): string {
  return `${mark}${blocks(children, dialect).trim().replaceAll("\n", "\n   ")}\n`;
}

function inline(tokens: readonly Token[], dialect: Dialect): string {
  const links: string[] = [];
  return tokens.map((token) => {
    switch (token.type) {
      case "strong_open":
      case "em_open":
      case "s_open":
        return dialect[token.tag as "strong" | "em" | "s"][0];
      case "strong_close":
      case "em_close":
      case "s_close":
        return dialect[token.tag as "strong" | "em" | "s"][1];
      case "code_inline":
        return `${dialect.code[0]}${dialect.escape(token.content)}${dialect.code[1]}`;
      case "link_open": {
        const [before, behind] = dialect.link(String(token.attrGet("href") ?? ""));
        links.push(behind);
        return before;
      }
      case "link_close":
        return links.pop() ?? "";
      case "image": {
        const [before, behind] = dialect.link(String(token.attrGet("src") ?? ""));
        return `${before}${dialect.escape(token.content || "image")}${behind}`;
      }
      case "softbreak":
      case "hardbreak":
        return "\n";
      default:
        return dialect.escape(token.content);
    }
  }).join("");
}
