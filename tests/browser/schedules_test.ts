import assert from "node:assert/strict";
import { accessFaults } from "./browser.ts";
import { browserTest } from "./world.ts";

browserTest(
  "a schedule is tried, created, changed with its secrets kept, paused and run",
  async (world) => {
    const { page, assertClean } = await world.open();
    await page.goto("/ui/schedules");
    await page.getByRole("link", { name: "New schedule" }).click();
    await page.getByLabel("Name").fill("report");
    await page.getByLabel("Cron").fill("30 8 * * 9");
    await page.getByRole("button", { name: "When would it run?" }).click();
    await page.locator("[data-fault=cron]", { hasText: "Expected a cron" }).waitFor();
    await page.getByLabel("Cron").fill("30 8 * * 1-5");
    await page.getByLabel("Time zone").fill("America/New_York");
    await page.getByLabel("Submits").selectOption("fetch");
    await page.getByLabel("Body of the submit").fill(JSON.stringify({
      url: `${world.upstream.url}/report?token=s3cret`,
      tags: ["report"],
    }));
    await page.getByRole("button", { name: "When would it run?" }).click();
    await page.getByText("At 08:30, Monday through Friday. The next five times:").waitFor();
    assert.equal(await page.locator("#schedule-preview li").count(), 5);
    assert.match(
      await page.locator("#schedule-preview li").first().textContent() ?? "",
      /08:30.*for you/,
    );
    assert.deepEqual(await accessFaults(page), []);
    await page.getByRole("button", { name: "Create" }).click();
    await page.waitForURL(/\/ui\/schedules\/report$/);
    assert.equal(await page.locator("main time[datetime]").count() > 10, true);
    await page.getByRole("columnheader", { name: "In America/New_York" }).waitFor();
    assert.ok(!(await page.content()).includes("s3cret"));
    assert.deepEqual(await accessFaults(page), []);

    await page.getByLabel("Cron").fill("0 9 * * *");
    const body = await page.getByLabel("Body of the submit").inputValue();
    await page.getByLabel("Body of the submit").fill(body.replace('"report"', '"changed"'));
    await page.getByRole("button", { name: "Save" }).click();
    await page.locator("#schedule").getByText("At 09:00").waitFor();
    await page.getByRole("button", { name: "Run now" }).click();
    await page.locator("#schedule .badge", { hasText: "succeeded" }).waitFor();
    const [run] = (await world.api.call<{ data: { id: string; tags: string[] }[] }>(
      "/tasks?source=schedule:report",
    )).body.data;
    assert.deepEqual(run?.tags, ["changed"]);
    await page.getByRole("button", { name: "Pause", exact: true }).click();
    await page.getByText("Paused: no run starts").waitFor();
    await page.goto("/ui/schedules/new");
    await page.getByLabel("Name").fill("report");
    await page.getByRole("button", { name: "Create" }).click();
    await page.locator("[data-fault=name]", { hasText: "that no schedule has" }).waitFor();
    assertClean();
  },
);
