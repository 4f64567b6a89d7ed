import assert from "node:assert/strict";
import { browserTest } from "./world.ts";

browserTest("a host is paused and resumed by its buttons, and everything is", async (world) => {
  const { api, upstream, send } = world;
  await api.final(await send("/fetch", { url: `${upstream.url}/a` }));
  const { page, assertClean } = await world.open();
  await page.goto("/ui/lanes");
  await page.locator("#connection.on").waitFor();
  const row = page.locator("#hosts tbody tr").first();
  await row.getByRole("button", { name: "Pause" }).click();
  await page.getByText("Tasks are accepted, but none begins").waitFor();
  await page.getByRole("button", { name: "Yes" }).click();
  await row.locator(".badge.paused").waitFor();
  const id = await send("/fetch", { url: `${upstream.url}/b` });
  assert.equal((await api.call<{ state: string }>(`/tasks/${id}`)).body.state, "queued");
  await row.getByRole("button", { name: "Resume" }).click();
  await api.final(id);
  await row.locator(".badge.idle").waitFor();
  await page.getByRole("button", { name: "Pause everything" }).click();
  await page.getByRole("button", { name: "Yes" }).click();
  await page.locator("#pauses tbody tr", { hasText: "everything" }).waitFor();
  assertClean();
});

browserTest(
  "the overview counts a failure while one looks at it, and names its bars",
  async (world) => {
    const { page, assertClean } = await world.open();
    await page.goto("/");
    await page.getByText("All is well.").waitFor();
    await page.locator("#connection.on").waitFor();
    await world.api.final(await world.send("/fetch", { url: `${world.upstream.url}/missing` }));
    await page.locator("#health", { hasText: "1 task failed in the last hour" }).waitFor();
    await page.locator("#failures a", { hasText: "http_404" }).waitFor();
    const chart = page.getByRole("img", { name: /^Finished tasks/ });
    const bar = chart.locator("title");
    await chart.locator("g").last().hover();
    // The script has put the reader's day and time before it.
    await page.waitForFunction(
      `document.querySelector("#throughput svg title")?.dataset.at === undefined`,
    );
    assert.match(await bar.last().textContent() ?? "", /^\w+.* \d\d:\d\d: 0 succeeded, 1 failed$/);
    await page.getByRole("link", { name: "24 h" }).click();
    await page.waitForURL(/since=24h/);
    await page.locator("#failures a", { hasText: "http_404" }).waitFor();
    assertClean();
  },
);

browserTest("a clock time on the page of hosts is the reader's", async (world) => {
  await world.api.final(await world.send("/fetch", { url: `${world.upstream.url}/missing` }));
  const { page, assertClean } = await world.open();
  await page.goto("/ui/lanes");
  await page.getByLabel("Since").fill("00:00");
  await page.getByRole("button", { name: "Show" }).click();
  await page.waitForURL(/since=20\d\d-/);
  const since = new Date(new URL(page.url()).searchParams.get("since") ?? "");
  const midnight = await page.evaluate("new Date().setHours(0, 0, 0, 0)");
  assert.equal(since.getTime(), midnight);
  const failed = page.locator('#hosts tbody tr [data-name="Failed tasks"]').first();
  assert.equal(await failed.textContent(), "1");
  assertClean();
});
