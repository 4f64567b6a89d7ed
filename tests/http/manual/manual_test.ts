import assert from "node:assert/strict";
import { parseApiKeys } from "../../../src/http/auth/auth.ts";
import { renderPage } from "../../../src/http/manual/markdown.ts";
import { MANUAL } from "../../../src/http/manual/pages.ts";
import { searchManual } from "../../../src/http/manual/search.ts";
import { Api } from "../../support/api.ts";
import { ROOT } from "../../support/process.ts";

const PAGES = MANUAL.flatMap(({ pages }) => pages)
  .map(({ name, markdown }) => renderPage(name, markdown, "/manual"));

async function html(api: Api, path: string): Promise<string> {
  const response = await api.raw(path);
  assert.equal(response.status, 200, path);
  return await response.text();
}

Deno.test("every file of src/manual/ is a page", async () => {
  const files = (await Array.fromAsync(Deno.readDir(`${ROOT}src/manual`))).map(({ name }) => name);
  const pages = PAGES.map(({ name }) => `${name}.md`).filter((name) => name !== "changelog.md");
  assert.deepEqual(pages.sort(), files.sort());
});

Deno.test("the index links to every page", async () => {
  await using api = await Api.open();
  const index = await html(api, "/manual");
  for (const { name, title } of PAGES) {
    assert.ok(index.includes(`<a href="/manual/${name}">${title}</a>`), name);
  }
});

Deno.test("the manual is open without a key", async () => {
  await using api = await Api.open({
    keys: parseApiKeys("ada:a-long-secret"),
    anonymous: "refused",
  });
  for (const path of ["/manual", "/manual/notify", "/manual?q=mail"]) {
    const text = await html(api, path);
    assert.match(text, /href="\/manual/);
    assert.doesNotMatch(text, /href="\/ui\/tasks"/, "no navigation without a key");
  }
});

Deno.test.each(PAGES)("every link of the page $name leads somewhere", ({ name, html }) => {
  for (const [, href = ""] of html.matchAll(/href="([^"]*)"/g)) {
    if (/^(?:https:\/\/|mailto:)/.test(href)) continue;
    const [path, anchor] = href.split("#");
    const target = path === "" ? name : path?.replace(/^\/manual\//, "");
    const page = PAGES.find((page) => page.name === target);
    assert.ok(page, `${href} is no page of the manual`);
    if (anchor === undefined) continue;
    const anchors = page.sections.map(({ anchor }) => anchor);
    assert.ok(anchors.includes(anchor), `${href}: expected one of ${anchors.join(", ")}`);
  }
});

Deno.test.each(PAGES)("the page $name has a title, and text below it", ({ sections }) => {
  assert.equal(sections[0]?.level, 1);
  assert.ok(sections[0].text.length > 30, "the index quotes the first sentence");
});

Deno.test("a page that does not exist is not found", async () => {
  await using api = await Api.open();
  const response = await api.raw("/manual/nothing");
  assert.equal(response.status, 404);
  assert.match(await response.text(), /no page \\"nothing\\": see \/manual/);
});

Deno.test("a search finds sections by their words, those in headings first", () => {
  const [first] = searchManual(PAGES, "exit CODES");
  assert.equal(first?.page.name, "operating");
  assert.equal(first?.section.heading, "Exit codes");
  const [byText] = searchManual(PAGES, "POSTRIDER_MAX_QUEUED");
  assert.ok(
    byText?.excerpt.some(({ text, isMatch }) => isMatch && text === "POSTRIDER_MAX_QUEUED"),
  );
  assert.deepEqual(searchManual(PAGES, "zeppelin mail"), []);
  assert.deepEqual(searchManual(PAGES, "  "), []);
});

Deno.test("what is searched for is shown as text", async () => {
  await using api = await Api.open();
  const text = await html(api, `/manual?q=${encodeURIComponent('"><script>alert(1)</script>')}`);
  assert.doesNotMatch(text, /<script>alert/);
  assert.match(text, /Nothing found/);
});
