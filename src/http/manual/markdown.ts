/**
 * Turns a page of the manual into HTML and into sections to search in.
 *
 * @module
 */

import MarkdownIt from "markdown-it";

const parser: InstanceType<typeof MarkdownIt> = new MarkdownIt({ html: false });
type Token = ReturnType<typeof parser.parse>[number];

/** The content below one heading. */
export interface Section {
  /** The heading, as plain text. */
  readonly heading: string;
  /** 1 for the title of the page. */
  readonly level: number;
  /** The `id` of the heading, spelled as GitHub spells it. */
  readonly anchor: string;
  /** The content up to the next heading, as plain text. */
  readonly text: string;
}

/** A page, ready to be shown. */
export interface ManualPage {
  /** The last part of its path. */
  readonly name: string;
  /** The title, as plain text. */
  readonly title: string;
  /** The content below the title, as HTML. */
  readonly html: string;
  /** The title and its sections, in their order. */
  readonly sections: readonly Section[];
}

/** Renders a page; `root` begins the links to other pages: `/manual`. */
export function renderPage(name: string, markdown: string, root: string): ManualPage {
  const tokens = parser.parse(markdown, {});
  const sections = readSections(tokens);
  nameCells(tokens);
  rewriteLinks(tokens, root);
  // The title is shown by the frame of the page.
  const html = parser.renderer.render(tokens.slice(3), parser.options, {});
  return { name, title: sections[0]?.heading ?? name, html, sections };
}

/** Gives each heading an `id`, and collects the text below it. */
function readSections(tokens: readonly Token[]): Section[] {
  const sections: (Section & { text: string })[] = [];
  const used = new Map<string, number>();
  tokens.forEach((token, at) => {
    if (token.type === "heading_open") {
      const heading = plainText(tokens[at + 1]);
      const slug = slugOf(heading);
      const count = used.get(slug) ?? 0;
      used.set(slug, count + 1);
      const anchor = count === 0 ? slug : `${slug}-${count}`;
      token.attrSet("id", anchor);
      addPermalink(tokens[at + 1], anchor);
      sections.push({ heading, level: Number(token.tag.slice(1)), anchor, text: "" });
      return;
    }
    if (tokens[at - 1]?.type === "heading_open") return;
    const section = sections.at(-1);
    if (section) section.text += `${plainText(token)} `;
  });
  return sections.map((section) => ({
    ...section,
    text: section.text.replace(/\s+/g, " ").trim(),
  }));
}

function plainText(token: Token | undefined): string {
  if (!token) return "";
  if (token.type === "fence") return token.content;
  return (token.children ?? []).map(({ type, content }) => type === "softbreak" ? " " : content)
    .join("");
}

/** As GitHub does it, so that a link works in both places. */
function slugOf(heading: string): string {
  return heading.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "").trim().replace(/\s/g, "-");
}

function addPermalink(inline: Token | undefined, anchor: string): void {
  const link = new parser.core.State("", parser, {}).Token;
  const open = new link("link_open", "a", 1);
  open.attrs = [["class", "permalink"], ["href", `#${anchor}`]];
  inline?.children?.unshift(open);
  inline?.children?.push(new link("link_close", "a", -1));
}

/** On a phone each row is a card, and each cell says which column it is from. */
function nameCells(tokens: readonly Token[]): void {
  let names: string[] = [];
  let column = 0;
  tokens.forEach((token, at) => {
    if (token.type === "table_open") names = [];
    else if (token.type === "tr_open") column = 0;
    else if (token.type === "th_open") names.push(plainText(tokens[at + 1]));
    else if (token.type === "td_open") token.attrSet("data-name", names[column++] ?? "");
    // The style is the stylesheet's: the policy allows none within a page.
    if (token.type === "th_open" || token.type === "td_open") {
      const style = String(token.attrGet("style") ?? "");
      token.attrs = (token.attrs ?? []).filter(([attribute]) => attribute !== "style");
      if (style.includes("right")) token.attrSet("class", "number");
    }
  });
}

/** `notify.md#fields` becomes `/manual/notify#fields`. */
function rewriteLinks(tokens: readonly Token[], root: string): void {
  for (const { children } of tokens) {
    for (const token of children ?? []) {
      if (token.type !== "link_open") continue;
      const href = String(token.attrGet("href"));
      const [, name, anchor = ""] = /^(?:\.\.\/|manual\/)?([\w-]+)\.md(#.*)?$/.exec(href) ?? [];
      if (name !== undefined) token.attrSet("href", `${root}/${name.toLowerCase()}${anchor}`);
    }
  }
}
