import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { accessFaults } from "./browser.ts";
import { browserTest } from "./world.ts";

browserTest("each format of a mail is tried without sending, and then sent", async (world) => {
  const { page, assertClean } = await world.open();
  await page.goto("/ui/send");
  const mail = page.locator("#mail");
  const preview = page.locator("#mail-preview");
  await mail.getByLabel("To").fill('"Lovelace, Ada" <ada@example.org>, bob@example.org');
  await mail.getByLabel("Subject").fill("Formats");
  await mail.getByLabel("Text").fill("**It** rides.");
  for (
    const [format, member] of [["Plain text", "text"], ["Markdown", "markdown"], ["HTML", "html"]]
  ) {
    await mail.getByLabel("Format").selectOption(format!);
    await mail.getByRole("button", { name: "Dry run" }).click();
    await page.locator("#mail-preview", { hasText: `"${member}": "**It** rides."` }).waitFor();
  }
  assert.match(await preview.textContent() ?? "", /"Lovelace, Ada\\" <ada@example.org>/);
  await mail.getByLabel("Format").selectOption("Template");
  await mail.getByLabel("Data").fill("{name");
  await mail.getByRole("button", { name: "Dry run" }).click();
  await page.locator("#mail-data-fault", { hasText: "Expected JSON" }).waitFor();
  await mail.getByLabel("Template").last().selectOption("alert");
  await mail.getByLabel("Data").fill('{"nothing": 1}');
  await mail.getByRole("button", { name: "Dry run" }).click();
  await page.locator(".toast").first().waitFor();
  assert.equal((await world.api.counts()).queued, 0);
  await mail.getByLabel("Format").selectOption("Markdown");
  await mail.getByText("Addresses and files").click();
  await page.locator("#mail-attachments").setInputFiles({
    name: "log.txt",
    mimeType: "text/plain",
    buffer: Buffer.from("hi"),
  });
  await mail.getByText("Options", { exact: true }).click();
  await mail.getByLabel("Priority").fill("2");
  assert.deepEqual(await accessFaults(page), []);
  await mail.getByRole("button", { name: "Send the mail" }).click();
  await page.waitForURL(/\/ui\/tasks\/tsk_/);
  await page.getByText("log.txt").first().waitFor();
  assertClean();
});

browserTest(
  "JSON that is not a form's is sent as it is, and its faults are named",
  async (world) => {
    const { page, assertClean } = await world.open();
    await page.goto("/ui/send");
    await page.getByText("As JSON").click();
    const json = page.locator("#json");
    await json.getByLabel("Path").selectOption("/fetch");
    await json.getByLabel("JSON").fill('{"urls": [1]}');
    await json.getByRole("button", { name: "Send the JSON" }).click();
    await json.locator("[data-fault=document]", { hasText: "/urls/0" }).waitFor();
    await json.getByLabel("JSON").fill(
      JSON.stringify({ urls: [`${world.upstream.url}/a`], key: "k" }),
    );
    await json.getByRole("button", { name: "Dry run" }).click();
    await page.locator("#json-preview", { hasText: "dryRun" }).waitFor();
    await json.getByRole("button", { name: "Send the JSON" }).click();
    await page.waitForURL(/\/ui\/batches\/bat_/);
    assertClean();
  },
);

browserTest("times are those of the reader, with the zone", async (world) => {
  const id = await world.send("/notify", {
    to: "ada@example.org",
    subject: "s",
    text: "t",
    delay: "1h",
  });
  const { page } = await world.open();
  await page.goto(`/ui/tasks/${id}`);
  const time = page.locator("time.ago").first();
  await time.hover();
  await page.locator('time.ago:not([title^="20"])').first().waitFor();
  const [title, exact] = [await time.getAttribute("title"), await time.getAttribute("datetime")];
  const local = await page.evaluate(
    `new Date("${exact}").toLocaleString([], { dateStyle: "medium", timeStyle: "long" })`,
  );
  assert.equal(title, local);
  assert.match(title ?? "", /UTC|GMT|[A-Z]{3}/);
});

browserTest("a task is edited and sent again with its callback and follow-ups", async (world) => {
  const { upstream } = world;
  const id = await world.send("/fetch", {
    url: `${upstream.url}/a`,
    delay: "1h",
    callback: `${upstream.url}/done?token=s3cret`,
    onFailure: { notify: { to: "ada@example.org", subject: "It failed", text: "t" } },
  });
  const { page, assertClean } = await world.open();
  await page.goto(`/ui/tasks/${id}`);
  await page.getByText("follow-ups and fallbacks, due at once").waitFor();
  await page.getByRole("link", { name: "Edit and send" }).click();
  await page.getByText("Options", { exact: true }).click();
  assert.equal(await page.getByLabel("Callback").inputValue(), `${upstream.url}/done?token=***`);
  await page.getByLabel("URL").fill(`${upstream.url}/missing`);
  await page.getByRole("button", { name: "Send the request" }).click();
  await page.waitForURL((url) => /\/ui\/tasks\/tsk_/.test(url.href) && !url.href.includes(id));
  const again = page.url().split("/").at(-1)!;
  await world.api.final(again);
  const { body } = await world.api.call<{ data: { label: string }[] }>(`/tasks?parent=${again}`);
  const labels = body.data.map(({ label }) => label).sort();
  assert.deepEqual(labels, [
    "It failed ada@example.org",
    `POST ${upstream.url}/done?token=***`,
  ]);
  assertClean();
});
