/**
 * Reads Markdown and plain text, and writes Markdown as HTML.
 *
 * @module
 */

import MarkdownIt from "markdown-it";
import type { Block, Inline, ListItem } from "./rich_text.ts";

/** Raw HTML is shown as text; links lead to the web or to a mail address only. */
const parser: InstanceType<typeof MarkdownIt> = new MarkdownIt({ html: false, linkify: true });

type Token = ReturnType<typeof parser.parse>[number];

/** Writes Markdown as the body of an HTML page. */
export function markdownToHtml(markdown: string): string {
  const env = {};
  const tokens = parser.parse(markdown, env);
  for (const token of tokens) {
    if (token.type !== "th_open" && token.type !== "td_open") continue;
    // Without a style sheet the columns touch.
    const style = [token.attrGet("style"), CELL_STYLE].filter(Boolean).join(";");
    token.attrSet("style", style);
  }
  return parser.renderer.render(tokens, parser.options, env);
}

const CELL_STYLE = "padding:.2em .8em .2em 0";

/** Reads Markdown. */
export function parseMarkdown(markdown: string): Block[] {
  return blocksOf(tree(parser.parse(markdown, {})));
}

/** Reads plain text: paragraphs and lines stay, URLs become links, nothing else is markup. */
export function parsePlain(text: string): Block[] {
  return text.replace(/\r\n?/g, "\n").trimEnd().replace(/^\s*\n/, "")
    .split(/\n(?:[ \t]*\n)+/).filter((part) => part !== "")
    .map((part) => ({ kind: "paragraph", inlines: inlinesOfText(part) }));
}

/** A URL in a text, wherever it is; RFC 3986 allows none of the characters that end it. */
const URL_IN_TEXT = /(?<![\p{L}\p{N}])(?:https?|ftp):\/\/[^\s<>"`{}|\\^\p{Cc}]+/giu;

/** The text with its URLs as links. */
function inlinesOfText(text: string): Inline[] {
  const inlines: Inline[] = [];
  let from = 0;
  for (const { 0: found, index } of text.matchAll(URL_IN_TEXT)) {
    const href = withoutTail(found, text.slice(Math.max(0, index - 3), index));
    if (/:\/*$/.test(href)) continue;
    if (index > from) inlines.push({ kind: "text", text: text.slice(from, index) });
    inlines.push({ kind: "link", href, inlines: [{ kind: "text", text: href }] });
    from = index + href.length;
  }
  if (from < text.length) inlines.push({ kind: "text", text: text.slice(from) });
  return inlines;
}

/** The URL without what belongs to the sentence or to a pair of marks around it. */
function withoutTail(url: string, before: string): string {
  const [marks = ""] = /[*_~]*$/.exec(before) ?? [];
  const unopened = new Map([[")", excess(url, "(", ")")], ["]", excess(url, "[", "]")]]);
  let end = url.length;
  for (; end > 0; end--) {
    const last = url.charAt(end - 1);
    const extra = unopened.get(last) ?? 0;
    if (extra > 0) unopened.set(last, extra - 1);
    else if (!/[.,:;!?'\u201d\u2019\u00bb\u2026]/.test(last) && !marks.includes(last)) break;
  }
  return url.slice(0, end);
}

function excess(text: string, open: string, close: string): number {
  return text.split(close).length - text.split(open).length;
}

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

function blocksOf(nodes: readonly Node[]): Block[] {
  return nodes.flatMap(({ token, children }): Block[] => {
    switch (token.type) {
      case "inline":
        return [{ kind: "paragraph", inlines: inlinesOf(tree(token.children ?? [])) }];
      case "heading_open":
        return [{
          kind: "heading",
          level: Number(token.tag.slice(1)),
          inlines: blocksOf(children).flatMap(inlinesIn),
        }];
      case "fence":
      case "code_block":
        return [{
          kind: "pre",
          text: token.content.replace(/\n$/, ""),
          ...languageOf(token.info),
        }];
      case "blockquote_open":
        return [{ kind: "quote", blocks: blocksOf(children) }];
      case "bullet_list_open":
        return [{ kind: "list", items: children.map(itemOf) }];
      case "ordered_list_open": {
        const start = Number(token.attrGet("start") ?? 1);
        return [{ kind: "list", start, items: children.map(itemOf) }];
      }
      case "table_open":
        return [{ kind: "table", rows: rowsOf(children) }];
      case "hr":
        return [{ kind: "rule" }];
      default:
        return blocksOf(children);
    }
  });
}

/** The first word behind a fence. */
function languageOf(info: string): { language?: string } {
  const [language] = /^[\w+#-]{1,30}/.exec(info.trim()) ?? [];
  return language === undefined ? {} : { language };
}

function itemOf({ children }: Node): ListItem {
  return { blocks: blocksOf(children) };
}

function rowsOf(nodes: readonly Node[]): Inline[][][] {
  return nodes.flatMap(({ token, children }) =>
    token.type === "tr_open"
      ? [children.map((cell) => blocksOf(cell.children).flatMap(inlinesIn))]
      : rowsOf(children)
  );
}

function inlinesIn(block: Block): readonly Inline[] {
  return "inlines" in block ? block.inlines : [];
}

/** A picture within a link is its words: no service takes a link within a link. */
function unlinked(inline: Inline): readonly Inline[] {
  return inline.kind === "link" ? inline.inlines : [inline];
}

function inlinesOf(nodes: readonly Node[]): Inline[] {
  return nodes.flatMap(({ token, children }): Inline[] => {
    switch (token.type) {
      case "strong_open":
      case "em_open":
      case "s_open":
        return [{ kind: token.tag as "strong" | "em" | "s", inlines: inlinesOf(children) }];
      case "code_inline":
        return [{ kind: "code", text: token.content }];
      case "link_open": {
        const href = String(token.attrGet("href") ?? "");
        return [{ kind: "link", href, inlines: inlinesOf(children).flatMap(unlinked) }];
      }
      case "image": {
        const href = String(token.attrGet("src") ?? "");
        return [{
          kind: "link",
          href,
          inlines: [{ kind: "text", text: token.content || "image" }],
        }];
      }
      case "softbreak":
      case "hardbreak":
        return [{ kind: "text", text: "\n" }];
      default:
        return token.content === "" ? [] : [{ kind: "text", text: token.content }];
    }
  });
}
