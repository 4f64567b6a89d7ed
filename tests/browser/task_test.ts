import assert from "node:assert/strict";
import { accessFaults } from "./browser.ts";
import { browserTest } from "./world.ts";

const MAIL = { to: "ada@example.org", text: "It rides.", delay: "1h" };
/** A red point. */
const PNG =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5E" +
  "rkJggg==";

browserTest(
  "a waiting task says why it waits, until when, and ends it by a button",
  async (world) => {
    await world.api.call("/pauses", { key: "deploys", reason: "Release freeze", until: "1h" });
    const id = await world.send("/notify", {
      ...MAIL,
      delay: "0s",
      subject: "Frozen",
      key: "deploys",
    });
    const { page, assertClean } = await world.open();
    await page.goto(`/ui/tasks/${id}`);
    const why = page.locator(".explain");
    await why.getByText(/Waits for the pause pau_.*: Release freeze/).waitFor();
    assert.match(await why.locator("time").getAttribute("datetime") ?? "", /^20/);
    assert.deepEqual(await accessFaults(page), []);
    await why.getByRole("button", { name: "End the pause" }).click();
    await page.getByRole("button", { name: "Yes" }).click();
    await page.locator("#state .badge", { hasText: "succeeded" }).waitFor();
    assertClean();
  },
);

browserTest(
  "the timeline shows rounds, waits and what the server said; JSON is a tree",
  async (world) => {
    const id = await world.send("/fetch", {
      url: `${world.upstream.url}/missing`,
      json: { build: { number: 42, tags: ["green"] } },
    });
    await world.api.final(id);
    await world.api.call(`/tasks/${id}/retry`, {});
    await world.api.final(id);
    const { page, assertClean } = await world.open();
    await page.goto(`/ui/tasks/${id}`);
    await page.getByText("Round 2: retried by hand").waitFor();
    assert.equal(await page.locator(".said", { hasText: "answered 404" }).count(), 2);
    await page.getByText('"green"', { exact: true }).waitFor();
    await page.locator("summary", { hasText: "build" }).click();
    await page.getByText('"green"', { exact: true }).waitFor({ state: "hidden" });
    assertClean();
  },
);

browserTest("a mail is shown as HTML, text, headers and source", async (world) => {
  const id = await world.send("/notify", {
    to: "ada@example.org",
    subject: "Build 42",
    text: "All green.",
    html: "<h1>All green</h1>",
    headers: { "X-Build": "42" },
    attachments: [{ filename: "log.txt", content: "aGk=" }],
  });
  await world.api.final(id);
  const { page, assertClean } = await world.open();
  await page.goto(`/ui/tasks/${id}`);
  await page.frameLocator("iframe.mail").getByRole("heading", { name: "All green" }).waitFor();
  await page.locator("summary", { hasText: "Headers" }).click();
  await page.getByText("X-Build", { exact: true }).waitFor();
  await page.getByText("log.txt").first().waitFor();
  await page.locator("summary", { hasText: "Source" }).click();
  await page.locator("#part-source", { hasText: "Subject: Build 42" }).waitFor();
  assert.deepEqual(await accessFaults(page), []);
  assertClean();
});

browserTest("a saved image is shown", async (world) => {
  const bytes = Uint8Array.fromBase64(PNG);
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    () => new Response(bytes, { headers: { "content-type": "image/png" } }),
  );
  const id = await world.send("/fetch", {
    url: `http://127.0.0.1:${server.addr.port}/point.png`,
    save: true,
  });
  await world.api.final(id);
  const { page, assertClean } = await world.open();
  await page.goto(`/ui/tasks/${id}`);
  const image = page.getByAltText("The saved image");
  await image.waitFor();
  const width = await image.evaluate(async (element) => {
    const image = element as unknown as { decode(): Promise<void>; naturalWidth: number };
    await image.decode();
    return image.naturalWidth;
  });
  assert.equal(width, 1);
  assertClean();
}, { POSTRIDER_FETCH_ALLOW: "127.0.0.1" });

browserTest(
  "a task is duplicated, and edited before it is sent again, with its secrets",
  async (world) => {
    const id = await world.send("/fetch", {
      url: `${world.upstream.url}/first?token=s3cret`,
      method: "POST",
      headers: { Authorization: "Bearer s3cret", "X-Old": "1" },
      body: "a text",
      key: "deploys",
      tags: ["core", "night"],
    });
    await world.api.final(id);
    const { page, assertClean } = await world.open();
    await page.goto(`/ui/tasks/${id}`);
    await page.getByRole("button", { name: "Duplicate" }).click();
    await page.getByRole("button", { name: "Yes" }).click();
    await page.waitForURL((url) => /\/ui\/tasks\/tsk_/.test(url.href) && !url.href.includes(id));
    await page.locator("#state .badge", { hasText: "succeeded" }).waitFor();
    assert.equal(world.upstream.asked.get("/first"), 2);

    await page.goto(`/ui/tasks/${id}`);
    await page.getByRole("link", { name: "Edit and send" }).click();
    assert.match(await page.getByLabel("URL").inputValue(), /token=\*\*\*/);
    assert.ok(!(await page.content()).includes("s3cret"));
    await page.getByLabel("URL").fill(`${world.upstream.url}/second?token=***`);
    await page.getByRole("button", { name: "Send the request" }).click();
    await page.locator("#fetch-url-fault", { hasText: "Expected the secret" }).waitFor();
    await page.getByLabel("URL").fill(`${world.upstream.url}/second`);
    const headers = await page.getByLabel("Headers").inputValue();
    await page.getByLabel("Headers").fill(headers.replace(/x-old: 1/i, "X-New: 2"));
    await page.getByRole("button", { name: "Dry run" }).click();
    await page.locator("#fetch-preview", { hasText: "/second" }).waitFor();
    await page.getByRole("button", { name: "Send the request" }).click();
    await page.waitForURL(/\/ui\/tasks\/tsk_/);
    await page.locator("#state .badge", { hasText: "succeeded" }).waitFor();
    const sent = await world.api.call<{ payload: { headers: Record<string, string> } }>(
      `/tasks/${page.url().split("/").at(-1)}`,
    );
    const { authorization, "x-new": added, "x-old": removed } = sent.body.payload.headers;
    assert.deepEqual([authorization, added, removed], ["Bearer ***", "2", undefined]);
    assertClean();
  },
);
