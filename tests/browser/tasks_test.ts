import assert from "node:assert/strict";
import { accessFaults } from "./browser.ts";
import { browserTest, type World } from "./world.ts";

const MAIL = { to: "ada@example.org", text: "It rides.", delay: "1h" };
const mail = (world: World, subject: string, more: Record<string, unknown> = {}) =>
  world.send("/notify", { ...MAIL, subject, ...more });

browserTest(
  "the list holds still once it is used, and shows what is new when asked",
  async (world) => {
    await mail(world, "First");
    const { page, assertClean } = await world.open();
    await page.goto("/ui/tasks");
    await page.locator("#connection.on").waitFor();
    await mail(world, "Second");
    await page.getByRole("link", { name: "Second" }).waitFor();
    await page.getByRole("link", { name: "First ada" }).hover();
    await page.mouse.move(0, 0);
    await mail(world, "Third");
    await page.getByRole("button", { name: "1 new" }).waitFor();
    assert.equal(await page.getByRole("link", { name: "Third" }).count(), 0);
    await page.getByRole("button", { name: "1 new" }).click();
    await page.getByRole("link", { name: "Third" }).waitFor();
    assertClean();
  },
);

for (const scripts of [true, false]) {
  browserTest(
    `rows that the first paint left out appear ${scripts ? "with" : "without"} scripts`,
    async (world) => {
      const urls = Array.from({ length: 30 }, (_, n) => `https://example.org/${n}`);
      await world.send("/fetch", { urls, delay: "1h" });
      const { page, assertClean } = await world.open({ scripts });
      await page.goto("/ui/tasks");
      const last = page.getByRole("link", { name: "GET https://example.org/0", exact: true });
      assert.equal(await page.locator("tbody.rest").locator(last).count(), 1);
      await last.scrollIntoViewIfNeeded();
      assert.equal(await page.locator("tbody tr").count(), 30);
      await last.click();
      await page.waitForURL(/\/ui\/tasks\/tsk_/);
      assertClean();
    },
  );
}

browserTest("columns and density are chosen, and kept by the browser", async (world) => {
  await mail(world, "First", { priority: 2 });
  const { page, assertClean } = await world.open();
  await page.goto("/ui/tasks");
  await page.getByRole("button", { name: "Columns" }).click();
  await page.getByLabel("Priority").check();
  await page.getByLabel("Attempt").uncheck();
  await page.getByLabel("Compact rows").check();
  await page.getByRole("button", { name: "Show" }).click();
  await page.getByRole("columnheader", { name: "Priority" }).waitFor();
  assert.equal(await page.getByRole("columnheader", { name: "Attempt" }).count(), 0);
  assert.ok(await page.locator("table.compact").isVisible());
  assert.deepEqual(await accessFaults(page), []);
  await page.goto("/ui/tasks?q=first");
  assert.ok(await page.getByRole("columnheader", { name: "Priority" }).isVisible());
  assertClean();
});

browserTest(
  "tasks are found by several tags and by age, counted, and sorted by due time",
  async (world) => {
    await mail(world, "Later", { tags: ["night", "report"], delay: "3h" });
    await mail(world, "Sooner", { tags: ["night"], delay: "2h" });
    await mail(world, "Soonest", { tags: ["night", "report"], delay: "1h" });
    const { page, assertClean } = await world.open();
    await page.goto("/ui/tasks");
    await page.getByText("3 tasks", { exact: true }).waitFor();
    await page.getByLabel("Tag").fill("night, report");
    await page.locator("select[name=since]").selectOption("last hour");
    await page.getByRole("button", { name: "Search" }).click();
    await page.getByText("2 tasks match").waitFor();
    await page.getByRole("link", { name: "Next due" }).click();
    await page.waitForURL(/sort=due/);
    const labels = await page.locator("a.label").allTextContents();
    assert.deepEqual(labels.map((label) => label.split(" ")[0]), ["Soonest", "Later"]);
    const csv = page.waitForEvent("download");
    await page.getByRole("link", { name: "CSV" }).click();
    const lines = (await Deno.readTextFile(await (await csv).path())).trim().split("\r\n");
    assert.equal(lines.length, 3);
    assertClean();
  },
);

browserTest("who leaves the list does not wait for its count", async (world) => {
  const urls = Array.from({ length: 300 }, (_, n) => `https://example.org/${n}`);
  await world.send("/fetch", { urls, delay: "5h" });
  const { page, assertClean } = await world.open();
  const [asked, given] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  // It is never answered.
  await page.route("**/tasks/count*", () => asked.resolve());
  page.on("requestfailed", (request) => request.url().includes("/tasks/count") && given.resolve());
  await page.route("**/ui/lanes", async (route) => {
    await given.promise;
    await route.continue();
  });
  await page.goto("/ui/tasks?q=example");
  await asked.promise;
  await page.goto("/ui/lanes");
  assertClean();
});

browserTest(
  "a hundred thousand tasks are cancelled with progress, and taken back",
  async (world) => {
    for (let batch = 0; batch < 10; batch++) {
      const urls = Array.from({ length: 10_000 }, (_, n) => `https://example.org/${batch}/${n}`);
      await world.send("/fetch", { urls, delay: "5h", tags: ["bulk"] });
    }
    const other = await mail(world, "Cancelled before", { tags: ["bulk"] });
    const cancelled = await fetch(`${world.api.url}/tasks/${other}`, { method: "DELETE" });
    await cancelled.body?.cancel();
    const { page, assertClean } = await world.open();
    page.setDefaultTimeout(120_000);
    await page.goto("/ui/tasks?tag=bulk&state=queued");
    await page.getByText("100\u202f000 tasks match").waitFor();
    await page.getByRole("button", { name: "Cancel all" }).click();
    await page.getByText("Cancel all 100\u202f000 tasks").waitFor();
    await page.getByRole("button", { name: "Yes" }).click();
    await page.getByText(/^Cancelling: [1-9][\d\u202f]* of 100\u202f000$/).waitFor();
    await page.getByText("100\u202f000 cancelled, 0 aborting").waitFor();
    assert.equal((await world.api.counts()).cancelled, 100_001);
    await page.getByRole("button", { name: "Undo" }).click();
    await page.getByText("100\u202f000 retried").waitFor();
    const counts = await world.api.counts();
    assert.deepEqual([counts.queued, counts.cancelled], [100_000, 1]);
    assertClean();
  },
);

browserTest("each figure of the overview lists the tasks that it counts", async (world) => {
  const { api, upstream } = world;
  await world.send("/fetch", { url: `${upstream.url}/hold`, key: "k" });
  const paused = await api.call("/pauses", { key: "paused" });
  assert.equal(paused.status, 201);
  const ids: Record<string, string> = {
    due: await world.send("/fetch", { url: `${upstream.url}/a`, key: "k" }),
    scheduled: await world.send("/fetch", { url: `${upstream.url}/b`, delay: "1h" }),
    retrying: await world.send("/notify", {
      to: "ada@example.org",
      subject: "s",
      text: "t",
      retry: "1h",
    }),
    paused: await world.send("/fetch", { url: `${upstream.url}/c`, key: "paused" }),
  };
  const { page, assertClean } = await world.open();
  for (const [kind, id] of Object.entries(ids)) {
    await page.goto("/");
    const figure = page.locator("#now .now a", { hasText: new RegExp(`^${kind}`) });
    await figure.locator("strong", { hasText: /^1$/ }).waitFor();
    await figure.click();
    await page.waitForURL(new RegExp(`queued=${kind}`));
    await page.locator("#matches", { hasText: "1 task matches" }).waitFor();
    const rows = page.locator("table.tasks tbody tr");
    assert.deepEqual([await rows.count(), await rows.getAttribute("data-id")], [1, id], kind);
  }
  assertClean();
}, { POSTRIDER_MAIL: "smtp://127.0.0.1:9" });
