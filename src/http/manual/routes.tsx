/**
 * The manual, served by the service itself: an index, its pages and a search.
 *
 * @module
 */

import { raw } from "hono/html";
import type { Child } from "hono/jsx";
import type { Authenticate } from "../auth/auth.ts";
import { param, query, type RequestContext } from "../context.ts";
import { callerIfAny, refusePage, respondPage, wantsPage } from "../dashboard/respond.tsx";
import type { Dependencies } from "../dependencies.ts";
import { Refusal } from "../problems.ts";
import type { Route } from "../route.ts";
import { type ManualPage, renderPage } from "./markdown.ts";
import { MANUAL } from "./pages.ts";
import { type Found, searchManual } from "./search.ts";

const ROOT = "/manual";
const MAX_QUERY = 200;

interface Group {
  readonly title: string;
  readonly pages: readonly ManualPage[];
}

/** The routes of the manual; they need no key. */
export function manualRoutes(
  dependencies: Pick<Dependencies, "version" | "log" | "metrics">,
  authenticate: Authenticate,
): Route[] {
  const { version } = dependencies;
  let rendered: readonly Group[] | undefined;
  /** Rendered at the first request. */
  const groups = () =>
    rendered ??= MANUAL.map(({ title, pages }) => ({
      title,
      pages: pages.map(({ name, markdown }) => renderPage(name, markdown, ROOT)),
    }));
  const pages = () => groups().flatMap(({ pages }) => pages);

  function show(context: RequestContext, title: string, content: Child): Response {
    const frame = { title, place: "manual", version, styles: ["manual.css"] } as const;
    return respondPage(
      context,
      200,
      { ...frame, caller: callerIfAny(context, authenticate) },
      content,
    );
  }

  function index(context: RequestContext): Response {
    const { q = "" } = query(context, ["q"]);
    const words = q.slice(0, MAX_QUERY).trim();
    const content = (
      <div class="manual">
        <SearchForm words={words} />
        {words === ""
          ? <Contents groups={groups()} />
          : <Results words={words} found={searchManual(pages(), words)} />}
      </div>
    );
    return show(context, words === "" ? "Manual" : "Search the manual", content);
  }

  function page(context: RequestContext): Response | Promise<Response> {
    query(context, []);
    const name = param(context, "name");
    const page = pages().find((page) => page.name === name);
    if (!page) {
      const refusal = new Refusal("not_found", `The manual has no page "${name}": see ${ROOT}`);
      if (wantsPage(context.request)) return refusePage(context, refusal, dependencies);
      throw refusal;
    }
    const content = (
      <div class="manual with-list">
        <nav class="pages" aria-label="Manual">
          <SearchForm words="" />
          <p class="all">
            <a href={ROOT}>All pages</a>
          </p>
          {groups().map((group) => <GroupList group={group} current={page} />)}
        </nav>
        <article>
          <OnThisPage page={page} />
          {raw(page.html)}
        </article>
      </div>
    );
    return show(context, page.title, content);
  }

  return [
    { method: "GET", path: ROOT, open: true, answer: index },
    { method: "GET", path: `${ROOT}/{name}`, open: true, answer: page },
  ];
}

function SearchForm({ words }: { words: string }) {
  return (
    <form class="search" role="search" action={ROOT}>
      <input
        type="search"
        name="q"
        value={words}
        maxlength={MAX_QUERY}
        aria-label="Search the manual"
        placeholder="Search"
      />
      <button type="submit">Search</button>
    </form>
  );
}

function Contents({ groups }: { groups: readonly Group[] }) {
  return (
    <>
      {groups.map(({ title, pages }) => (
        <section>
          <h2>{title}</h2>
          <dl>
            {pages.map(({ name, title, sections }) => (
              <>
                <dt>
                  <a href={`${ROOT}/${name}`}>{title}</a>
                </dt>
                <dd>{firstSentence(sections[0]?.text ?? "")}</dd>
              </>
            ))}
          </dl>
        </section>
      ))}
      <p>
        The reference of the API is at <a href="/docs">/docs</a>.
      </p>
    </>
  );
}

function firstSentence(text: string): string {
  return /^.*?[.:](?= |$)/.exec(text)?.[0].replace(/:$/, ".") ?? text;
}

function GroupList({ group, current }: { group: Group; current: ManualPage }) {
  return (
    <>
      <p>{group.title}</p>
      <ul>
        {group.pages.map((page) => (
          <li>
            <a href={`${ROOT}/${page.name}`} aria-current={page === current ? "page" : undefined}>
              {page.title}
            </a>
          </li>
        ))}
      </ul>
    </>
  );
}

function OnThisPage({ page }: { page: ManualPage }) {
  const sections = page.sections.filter(({ level }) => level === 2);
  if (sections.length < 3) return null;
  const list = (
    <ul>
      {sections.map(({ anchor, heading }) => (
        <li>
          <a href={`#${anchor}`}>{heading}</a>
        </li>
      ))}
    </ul>
  );
  return (
    <>
      <nav class="on-this-page wide-only" aria-label="On this page">{list}</nav>
      <details class="on-this-page phone-only">
        <summary>On this page</summary>
        <nav aria-label="Sections">{list}</nav>
      </details>
    </>
  );
}

function Results({ words, found }: { words: string; found: readonly Found[] }) {
  return (
    <>
      <p role="status">
        {found.length === 0
          ? `Nothing found for “${words}”. Try fewer or other words.`
          : `${found.length} ${found.length === 1 ? "section" : "sections"} for “${words}”`}
      </p>
      <ol class="results">
        {found.map(({ page, section, excerpt }) => (
          <li>
            <a href={`${ROOT}/${page.name}${section.level === 1 ? "" : `#${section.anchor}`}`}>
              {section.level === 1 ? page.title : `${page.title} › ${section.heading}`}
            </a>
            <p>{excerpt.map(({ text, isMatch }) => isMatch ? <mark>{text}</mark> : text)}</p>
          </li>
        ))}
      </ol>
      <p>
        <a href={ROOT}>All pages</a>
      </p>
    </>
  );
}
