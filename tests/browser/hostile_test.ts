import assert from "node:assert/strict";
import { browserTest } from "./world.ts";

/** Ways into a page, each trying to say its number: as markup, attributes, URLs, styles, templates. */
const SHAPES: readonly ((call: string) => string)[] = [
  (call) => `<script>${call}</script>`,
  (call) => `"><script>${call}</script>`,
  (call) => `'><img src=x onerror=${call}>`,
  (call) => `"><svg onload=${call}>`,
  (call) => `</title><script>${call}</script>`,
  (call) => `</textarea><script>${call}</script>`,
  (call) => `</code></pre><img src=x onerror="${call}">`,
  (call) => `" autofocus onfocus="${call}" x="`,
  (call) => `' onmouseover='${call}' style='position:fixed;inset:0`,
  (call) => `javascript:${call}`,
  (call) => `data:text/html,<script>${call}</script>`,
  (call) => `<iframe srcdoc="<script>parent.${call}</script>"></iframe>`,
  (call) => `<a href="javascript:${call}">x</a>`,
  (call) => `<form action="javascript:${call}"><button>x</button></form>`,
  (call) => `<details open ontoggle=${call}>`,
  (call) => `<style>@import 'javascript:${call}'</style>`,
  (call) => `<link rel=stylesheet href="javascript:${call}">`,
  (call) => `<meta http-equiv=refresh content="0;url=javascript:${call}">`,
  (call) => `<base href="javascript:${call}//">`,
  (call) => `<math><mtext></p><img src onerror=${call}>`,
  (call) => `<template><script>${call}</script></template>`,
  (call) => `<!--><img src=x onerror=${call}>-->`,
  (call) => `{{constructor.constructor('${call}')()}}`,
  (call) => `\${${call}}`,
  (call) => `&lt;img src=x onerror=${call}&gt;`,
];

const COUNT = 500;
const hostile = Array.from(
  { length: COUNT },
  (_, i) => (SHAPES[i % SHAPES.length] ?? assert.fail())(`broken(${i})`),
);

/** Becomes true when any of them is run, in any frame. */
const TRAP = `globalThis.broken = (number) => {
  (globalThis.top.wasBroken ??= []).push(number);
  console.error("executed " + number);
};`;

browserTest(`${COUNT} hostile strings are shown in every field, and none is run`, async (world) => {
  const { api } = world;
  const ids: string[] = [];
  for (const [i, text] of hostile.entries()) {
    const small = text.slice(0, 60).replace(/[\r\n]/g, " ");
    const answer = await api.call<{ id: string }>(
      i % 4 === 0 ? "/fetch" : "/notify",
      i % 4 === 0
        ? {
          url: `${world.upstream.url}/missing?${encodeURIComponent(text)}`,
          method: "POST",
          headers: { "x-shown": text },
          body: text,
          key: small,
          tags: [small],
        }
        : {
          to: `"${text.replace(/["\\]/g, "\\$&")}" <ada@example.org>`,
          subject: text,
          text,
          html: text,
          headers: { "X-Shown": text },
          attachments: [{ filename: "a.txt", content: "" }],
          key: small,
          tags: [small],
        },
    );
    assert.equal(answer.status, 202, `${text} ${JSON.stringify(answer.body)}`);
    ids.push(answer.body.id);
  }
  for (const id of ids) await api.final(id);

  const { page } = await world.open();
  const errors: string[] = [];
  page.on("console", (message) => {
    if (message.text().startsWith("executed")) errors.push(message.text());
  });
  page.on("dialog", (dialog) => dialog.dismiss());
  await page.addInitScript(TRAP);

  // Every task as a row of a list, page by page, while its tags and keys are shown and linked.
  let next: string | null = "/ui/tasks";
  let shown = 0;
  while (next !== null) {
    await page.goto(next);
    shown += await page.locator("tbody tr").count();
    const older = page.locator('a[rel="next"]');
    next = await older.count() > 0 ? await older.getAttribute("href") : null;
  }
  assert.equal(shown, COUNT);

  // One of each shape with all that is kept of it, its mail in its frame.
  for (const id of ids.slice(0, SHAPES.length * 4).filter((_, i) => i % 4 < 2)) {
    await page.goto(`/ui/tasks/${id}`);
    for (const summary of await page.locator("summary").all()) await summary.click();
    assert.equal(await page.locator("main script, main img, main svg, main form").count(), 0, id);
  }

  // As a search, a cursor, and where to go next: what comes back in fields and messages.
  const names = ["q", "state", "tag", "key", "batch", "cursor"];
  for (const [i, text] of hostile.slice(0, SHAPES.length).entries()) {
    const name = names[i % names.length] ?? "q";
    await page.goto(`/ui/tasks?${new URLSearchParams({ [name]: text })}`);
    await page.goto(`/ui/signin?${new URLSearchParams({ next: text })}`);
    await page.goto(`/ui/tasks/${encodeURIComponent(text)}`);
  }

  // As a refusal that a script writes into the page.
  await page.goto("/ui/send");
  for (const text of hostile.slice(0, SHAPES.length)) {
    await page.getByLabel("To", { exact: true }).fill(text);
    await page.getByLabel("Subject").fill(text);
    await page.getByRole("button", { name: "Send the mail" }).click();
    await page.locator(".toast").last().waitFor();
  }

  assert.deepEqual(errors, []);
  assert.equal(await page.evaluate("globalThis.wasBroken"), undefined);
});

browserTest("what is run would be noticed", async (world) => {
  const { page } = await world.open();
  const errors: string[] = [];
  page.on("console", (message) => errors.push(message.text()));
  await page.addInitScript(TRAP);
  await page.goto("/ui/send");
  await page.evaluate("broken(7)");
  assert.deepEqual(await page.evaluate("globalThis.wasBroken"), [7]);
  assert.ok(errors.includes("executed 7"));
});
