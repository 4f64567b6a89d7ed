import assert from "node:assert/strict";
import { accessFaults, htmlFaults } from "./browser.ts";
import { browserTest, everyPage } from "./world.ts";

const DRAFT = { subject: "Build 42 is green", text: "All tests passed.", tags: ["build"] };

browserTest("the form sends a mail, and its page follows the task to its end", async (world) => {
  const { page, assertClean } = await world.open();
  await page.goto("/ui/send");
  await page.getByLabel("To").fill("Ada <ada@example.org>, bob@example.org");
  await page.getByLabel("Subject").fill("From the form");
  await page.getByLabel("Text").fill("It rides.");
  await page.getByRole("button", { name: "Send the mail" }).click();
  await page.waitForURL(/\/ui\/tasks\/tsk_/);
  await page.locator("#state .badge", { hasText: "succeeded" }).waitFor();
  await page.getByText("Attempt 1").waitFor();
  assertClean();
});

browserTest(
  "what is wrong with a form is said beside its field, which is focused",
  async (world) => {
    const { page } = await world.open();
    await page.goto("/ui/send");
    await page.getByLabel("URL").fill("ftp://example.org/");
    await page.getByRole("button", { name: "Send the request" }).click();
    await page.locator("#fetch-url-fault", { hasText: "http:" }).waitFor();
    assert.equal(await page.locator("#fetch-url").getAttribute("aria-invalid"), "true");
    assert.equal(await page.evaluate("document.activeElement.id"), "fetch-url");
  },
);

browserTest(
  "the overview and a list follow what happens elsewhere, without a reload",
  async (world) => {
    const { page, assertClean } = await world.open();
    await page.goto("/");
    await page.locator("#connection.on").waitFor();
    await page.evaluate("globalThis.notReloaded = true");
    await world.send("/fetch", { url: `${world.upstream.url}/hold/1`, tags: ["seen"] });
    await page.locator(".counts li", { hasText: "running" }).locator("strong", { hasText: /^1$/ })
      .waitFor();
    world.upstream.release();
    await page.locator(".counts li", { hasText: "succeeded" }).locator("strong", { hasText: /^1$/ })
      .waitFor();
    assert.equal(await page.evaluate("globalThis.notReloaded"), true);
    assertClean();
  },
);

browserTest(
  "a task is cancelled after a question, taken back by undo, and run at once",
  async (world) => {
    const id = await world.send("/notify", { ...DRAFT, to: "ada@example.org", delay: "1h" });
    const { page, assertClean } = await world.open();
    await page.goto(`/ui/tasks/${id}`);
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.getByRole("button", { name: "No", exact: true }).click();
    assert.equal((await world.api.call<{ state: string }>(`/tasks/${id}`)).body.state, "queued");
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.getByRole("button", { name: "Yes" }).click();
    await page.locator("#state .badge", { hasText: "cancelled" }).waitFor();
    await page.getByRole("button", { name: "Undo" }).click();
    await page.locator("#state .badge", { hasText: "queued" }).waitFor();
    await page.getByRole("button", { name: "Run now" }).click();
    await page.locator("#state .badge", { hasText: "succeeded" }).waitFor();
    assertClean();
  },
);

browserTest("a failed task is retried from its page", async (world) => {
  const id = await world.send("/fetch", { url: `${world.upstream.url}/missing` });
  await world.api.final(id);
  const { page, assertClean } = await world.open();
  await page.goto(`/ui/tasks/${id}`);
  await page.getByRole("button", { name: "Retry" }).click();
  await page.locator(".timeline .badge", { hasText: /deferred|rejected/ }).nth(1).waitFor();
  assertClean();
});

browserTest(
  "tasks are found by search, and many are cancelled and taken back at once",
  async (world) => {
    for (const word of ["apple", "pear", "plum"]) {
      await world.send("/notify", {
        ...DRAFT,
        subject: `About the ${word}`,
        to: "ada@example.org",
        delay: "1h",
        tags: [word === "plum" ? "stone" : "core"],
      });
    }
    const { page, assertClean } = await world.open();
    await page.goto("/ui/tasks");
    await page.getByLabel("Tag").fill("core");
    await page.getByRole("button", { name: "Search" }).click();
    await page.waitForURL(/tag=core/);
    assert.equal(await page.getByRole("row").count(), 3);
    assert.ok(await page.getByText("About the pear").isVisible());
    assert.equal(await page.getByText("About the plum").count(), 0);
    await page.getByLabel("Select all tasks shown").check();
    await page.getByText("2 selected").waitFor();
    await page.getByRole("button", { name: "Cancel 2 selected" }).click();
    await page.getByRole("button", { name: "Yes" }).click();
    await page.locator("tbody .badge.cancelled").nth(1).waitFor();
    await page.getByRole("button", { name: "Undo" }).click();
    await page.locator("tbody .badge.queued").nth(1).waitFor();
    await page.getByRole("button", { name: "Cancel all 2" }).click();
    await page.getByRole("button", { name: "Yes" }).click();
    await page.getByText("2 cancelled, 0 aborting").waitFor();
    assertClean();
  },
);

browserTest(
  "a page reconnects by itself and is current again after the service was down",
  async (world) => {
    const { page } = await world.open();
    await page.goto("/ui/tasks");
    await page.locator("#connection.on").waitFor();
    await world.restart(async () => {
      await page.getByText("reconnecting").waitFor();
    });
    await world.send("/notify", { ...DRAFT, subject: "Meanwhile", to: "ada@example.org" });
    await page.getByText("Meanwhile").waitFor();
    await page.locator("#connection.on").waitFor();
  },
);

browserTest("every control works by keyboard alone", async (world) => {
  const id = await world.send("/notify", { ...DRAFT, to: "ada@example.org", delay: "1h" });
  const { page, assertClean } = await world.open();
  await page.goto(`/ui/tasks/${id}`);
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate("document.activeElement.textContent"), "Skip to the content");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate("document.activeElement.textContent"), "Cancel");
  await page.keyboard.press("Enter");
  await page.locator("dialog[open]").waitFor();
  await page.keyboard.press("Enter");
  await page.locator("#state .badge", { hasText: "cancelled" }).waitFor();
  assertClean();
});

const KEYS = { POSTRIDER_API_KEYS: "ada:a-long-secret,eye:only-to-look:read" };

browserTest("a user with a key signs in, sends a mail, and signs out", async (world) => {
  const { page, assertClean } = await world.open();
  await page.goto("/ui/send");
  await page.waitForURL(/\/ui\/signin\?next=/);
  await page.getByLabel("API key").fill("wrong");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("Unknown API key").waitFor();
  await page.getByLabel("API key").fill("a-long-secret");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(/\/ui\/send$/);
  await page.getByLabel("To").fill("ada@example.org");
  await page.getByLabel("Subject").fill("Signed in");
  await page.getByLabel("Text").fill("It rides.");
  await page.getByRole("button", { name: "Send the mail" }).click();
  await page.locator("#state .badge", { hasText: "succeeded" }).waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL(/\/ui\/signin$/);
  await page.goto("/");
  await page.waitForURL(/\/ui\/signin\?next=/);
  assertClean();
}, KEYS);

browserTest("a key that may only read sees no button that changes anything", async (world) => {
  const { page, assertClean } = await world.open();
  await page.goto("/");
  await page.getByLabel("API key").fill("only-to-look");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.locator("#connection.on").waitFor();
  assert.equal(await page.getByRole("link", { name: "Send", exact: true }).count(), 0);
  await page.goto("/ui/tasks?state=queued");
  assert.equal(await page.getByRole("checkbox").count(), 0);
  assert.equal(await page.locator("[data-call], [data-bulk]").count(), 0);
  assertClean();
}, KEYS);

for (
  const [look, options] of Object.entries({
    "a wide screen, light": {},
    "a wide screen, dark": { dark: true },
    "a tablet, light": { width: 768 },
    "a tablet, dark": { width: 768, dark: true },
    "a phone, light": { width: 390 },
    "a phone, dark": { width: 390, dark: true },
  })
) {
  browserTest(`on ${look}, no page is wider than it, and axe finds nothing`, async (world) => {
    const paths = await everyPage(world);
    const { page, assertClean } = await world.open(options);
    for (const path of paths) {
      await page.goto(path);
      assert.deepEqual(await accessFaults(page), [], path);
      const [wide, screen] = await page.evaluate(
        "[document.documentElement.scrollWidth, innerWidth]",
      ) as [number, number];
      assert.ok(wide <= screen, `${path} is ${wide} wide on ${screen}`);
      assertClean();
    }
  });
}

browserTest("every page is valid HTML", async (world) => {
  for (const path of [...await everyPage(world), "/docs"]) {
    const html = await (await fetch(world.api.url + path)).text();
    assert.deepEqual(await htmlFaults(html), [], path);
  }
});

browserTest("/docs works without other servers", async (world) => {
  const { page, assertClean } = await world.open();
  await page.goto("/docs");
  await page.getByText("Make an HTTP request, or a batch of them").click();
  await page.locator("#fetch").getByText("Parameters").waitFor();
  await page.locator("#fetch").getByRole("link", { name: "Request", exact: true }).first().click();
  await page.locator("#schema-Request").getByText("maxBytes").waitFor();
  await page.getByRole("link", { name: "DELETE /tasks/{id}", exact: true }).click();
  await page.locator("#cancelTask").getByText("Responses").waitFor();
  assertClean();
});

browserTest(
  "a search finds a section of the manual, which needs no other server",
  async (world) => {
    const { page, assertClean } = await world.open();
    await page.goto("/");
    await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Manual" })
      .click();
    await page.getByRole("searchbox").fill("exit codes");
    await page.keyboard.press("Enter");
    await page.getByRole("link", { name: "Operating › Exit codes" }).click();
    await page.waitForURL(/\/manual\/operating#exit-codes$/);
    assert.ok(await page.getByRole("cell", { name: "wrong settings" }).isVisible());
    assertClean();
  },
);

browserTest("eight tabs are live at once and their buttons work", async (world) => {
  const { page } = await world.open();
  const tabs = page.context();
  const all = [page, ...await Promise.all(Array.from({ length: 7 }, () => tabs.newPage()))];
  for (const page of all) {
    await page.goto("/ui/tasks");
    await page.locator("#connection.on").waitFor();
  }
  await world.send("/notify", { ...DRAFT, subject: "To all", to: "ada@example.org", delay: "1h" });
  for (const page of all) await page.getByText("To all").waitFor();
  const last = all.at(-1)!;
  await last.getByText("To all").click();
  await last.getByRole("button", { name: "Run now" }).click();
  await last.locator("#state .badge", { hasText: "succeeded" }).waitFor();
});

browserTest("a selection is kept while tasks arrive, and new rows are offered", async (world) => {
  await world.send("/notify", { ...DRAFT, subject: "First", to: "ada@example.org", delay: "1h" });
  const { page } = await world.open();
  await page.goto("/ui/tasks");
  await page.locator("#connection.on").waitFor();
  await page.getByLabel("Select First").check();
  for (const subject of ["Second", "Third", "Fourth"]) {
    await world.send("/notify", { ...DRAFT, subject, to: "ada@example.org", delay: "1h" });
  }
  const offer = page.getByRole("button", { name: "3 new" });
  await offer.waitFor();
  assert.equal(await page.getByText("Fourth").count(), 0);
  assert.ok(await page.getByText("1 selected").isVisible());
  await offer.click();
  await page.getByText("Fourth").waitFor();
  assert.ok(await page.getByLabel("Select First").isChecked());
  await page.getByRole("button", { name: "Pause live updates" }).click();
  await page.getByRole("button", { name: "Clear selection" }).click();
  await page.mouse.move(0, 0);
  await world.send("/notify", { ...DRAFT, subject: "Fifth", to: "ada@example.org", delay: "1h" });
  await page.getByRole("button", { name: "Resume live updates" }).click();
  await page.getByText("Fifth").waitFor();
});

browserTest("the search leads to the page of an id, and trims blanks", async (world) => {
  const id = await world.send("/notify", {
    ...DRAFT,
    subject: "Wanted",
    to: "ada@example.org",
    delay: "1h",
  });
  const { page } = await world.open();
  await page.goto("/ui/tasks");
  await page.locator("input[name=q]").fill(` ${id} `);
  await page.getByRole("button", { name: "Search" }).click();
  await page.waitForURL(`**/ui/tasks/${id}`);
  await page.goto("/ui/tasks");
  await page.locator("input[name=q]").fill("  wanted ");
  await page.getByRole("button", { name: "Search" }).click();
  await page.waitForURL(/q=/);
  await page.getByText("Wanted").waitFor();
});
