/**
 * Compares what the documents list with the code: settings, error codes,
 * metrics, waits and links.
 *
 * @module
 */

import assert from "node:assert/strict";
import config from "../deno.json" with { type: "json" };
import { parseConfigFile } from "../src/config/config_file.ts";
import { SETTINGS } from "../src/config/settings.ts";
import { renderPage } from "../src/http/manual/markdown.ts";
import { MANUAL } from "../src/http/manual/pages.ts";
import { PROBLEMS } from "../src/http/problems.ts";
import { DEFAULT_RETRIES, parseRetry } from "../src/task/retry.ts";
import { Api } from "./support/api.ts";
import { ROOT } from "./support/process.ts";

const DOCUMENTS = [
  "README.md",
  "src/README.md",
  "src/DECISIONS.md",
  "src/CHANGELOG.md",
  "tests/README.md",
  ...[...Deno.readDirSync(`${ROOT}src/manual`)].map(({ name }) => `src/manual/${name}`),
];

Deno.test("the settings page has a row for every setting, with its default", async () => {
  const page = await Deno.readTextFile(`${ROOT}src/manual/settings.md`);
  const rows = page.matchAll(/^\| `(POSTRIDER_\w+)` +\| (.+?) +\|/gm);
  const documented = Object.fromEntries([...rows].map(([, name, value]) => [name, value]));
  const expected = Object.values(SETTINGS).map(({ name, fallback }) => [
    name,
    fallback === undefined ? "none" : `\`${fallback}\``,
  ]);
  assert.deepEqual(documented, Object.fromEntries(expected));
});

Deno.test("the settings page has a row for every section of the settings file", async () => {
  const page = await Deno.readTextFile(`${ROOT}src/manual/settings.md`);
  const parsed = parseConfigFile("unknown: 1", () => "");
  assert.ok("wrong" in parsed);
  const [, known = ""] = /known are (.*)$/.exec(parsed.wrong[0]?.detail ?? "") ?? [];
  assert.ok(known.includes("hooks"), JSON.stringify(parsed.wrong));
  const missing = known.split(", ").filter((name) => !page.includes(`\n| \`${name}\` `));
  assert.deepEqual(missing, []);
});

Deno.test("the README names every setting", async () => {
  const [, section = ""] = (await Deno.readTextFile(`${ROOT}README.md`)).split("\n## Settings\n");
  const rows = section.split("\n## ")[0]?.matchAll(/`(POSTRIDER_\w+)`/g) ?? [];
  const documented = new Set([...rows].map(([, name]) => name));
  assert.deepEqual(documented, new Set(Object.values(SETTINGS).map(({ name }) => name)));
});

Deno.test("the errors page has a row for every code, with its status", async () => {
  const page = await Deno.readTextFile(`${ROOT}src/manual/errors.md`);
  const rows = page.matchAll(/^\| `(\w+)` +\| +(\d+) \|/gm);
  const documented = Object.fromEntries(
    [...rows].map(([, code, status]) => [code, Number(status)]),
  );
  const expected = Object.entries(PROBLEMS).map(([code, [status]]) => [code, status]);
  assert.deepEqual(documented, Object.fromEntries(expected));
});

Deno.test("the tasks page shows the default waits between attempts", async () => {
  const page = await Deno.readTextFile(`${ROOT}src/manual/tasks.md`);
  const waits = (name: string) => {
    const [, steps = ""] = new RegExp(`^\\| ${name} +\\| \`([^\`]+)\` +\\|$`, "m").exec(page) ??
      assert.fail(`no row for ${name}`);
    return parseRetry(steps, []);
  };
  assert.deepEqual(waits("`/fetch`"), DEFAULT_RETRIES.fetch);
  assert.deepEqual(waits("`/notify`"), DEFAULT_RETRIES.mail);
  assert.deepEqual(waits("a callback"), DEFAULT_RETRIES.callback);
});

Deno.test("the operating page names every metric", async () => {
  await using api = await Api.open();
  const page = await Deno.readTextFile(`${ROOT}src/manual/operating.md`);
  const metrics = await (await api.raw("/metrics")).text();
  const names = [...metrics.matchAll(/^# TYPE (\w+)/gm)].map(([, name = ""]) => name);
  assert.ok(names.length > 10, `found only ${names.length} metrics`);
  assert.deepEqual(names.filter((name) => !page.includes(`\`${name}\``)), []);
});

Deno.test("the README links to every page of the manual, and has at most 250 lines", async () => {
  const readme = await Deno.readTextFile(`${ROOT}README.md`);
  const pages = MANUAL.flatMap(({ pages }) => pages).map(({ name }) => name);
  const missing = pages.filter((name) => !readme.includes(`(src/manual/${name}.md)`));
  assert.deepEqual(missing, ["changelog"]);
  assert.ok(readme.split("\n").length <= 251);
});

Deno.test.each(DOCUMENTS)("every link of %s leads to a file and a heading", async (path) => {
  const markdown = await Deno.readTextFile(`${ROOT}${path}`);
  const text = markdown.replace(/^```[^]*?^```$/gm, "");
  for (const [, href = ""] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^(?:https?|mailto):/.test(href)) continue;
    const { pathname, hash } = new URL(href, `file://${ROOT}${path}`);
    const target = await Deno.stat(pathname).catch(() => assert.fail(`${href} is no file`));
    if (hash === "" || !target.isFile) continue;
    const { sections } = renderPage("", await Deno.readTextFile(pathname), "");
    const anchors = sections.map(({ anchor }) => `#${anchor}`);
    assert.ok(anchors.includes(hash), `${href}: expected one of ${anchors.join(" ")}`);
  }
});

Deno.test("every task of deno.json is described on a page", async () => {
  const pages = await Promise.all(DOCUMENTS.map((path) => Deno.readTextFile(`${ROOT}${path}`)));
  const text = pages.join("\n");
  const missing = Object.keys(config.tasks)
    .filter((name) => !new RegExp(`task ${name}(?![\\w:-])`).test(text));
  assert.deepEqual(missing, []);
});
