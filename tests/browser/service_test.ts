import assert from "node:assert/strict";
import { accessFaults } from "./browser.ts";
import { browserTest } from "./world.ts";

browserTest("a channel is tried, and tested by a real message", async (world) => {
  const { page, assertClean } = await world.open();
  await page.goto("/");
  await page.getByRole("link", { name: "Settings", exact: true }).click();
  await page.getByRole("link", { name: "Channels", exact: true }).click();
  await page.getByRole("link", { name: "Test slack" }).click();
  assert.equal(await page.getByLabel("Target").inputValue(), "slack://tokenA/tokenB/tokenC");
  await page.getByLabel("Target").fill("slack://nothing");
  await page.getByRole("button", { name: "Dry run" }).click();
  await page.locator("[data-fault=to]", { hasText: "Expected slack://" }).waitFor();
  await page.getByRole("link", { name: "Test email" }).click();
  await page.getByRole("button", { name: "Dry run" }).click();
  await page.locator("#test-preview", { hasText: "ada@example.org" }).waitFor();
  assert.equal(Object.values(await world.api.counts()).reduce((a, b) => a + b), 0);
  assert.deepEqual(await accessFaults(page), []);
  await page.getByRole("button", { name: "Send a test" }).click();
  await page.waitForURL(/\/ui\/tasks\/tsk_/);
  await page.locator("#state .badge", { hasText: "succeeded" }).waitFor();
  assertClean();
});

browserTest(
  "the settings in force are shown without secrets, and where they came from",
  async (world) => {
    const { page, assertClean } = await world.open();
    await page.goto("/ui/settings");
    await page.getByLabel("API key").fill("a-long-secret");
    await page.getByRole("button", { name: "Sign in" }).click();
    const row = (name: string) => page.getByRole("row").filter({ hasText: name });
    await row("POSTRIDER_DRAIN").getByText("7s").waitFor();
    await row("POSTRIDER_DRAIN").getByText("environment").waitFor();
    await row("POSTRIDER_PORT").getByText("environment").waitFor();
    await row("POSTRIDER_THREADS").getByText("default").waitFor();
    await row("POSTRIDER_API_KEYS").getByText("set, not shown").waitFor();
    await row("POSTRIDER_API_KEYS").getByText("at a reload").waitFor();
    await row("POSTRIDER_MAIL ").first().waitFor();
    const text = await page.content();
    for (const secret of ["a-long-secret", "only-to-look", "relay-password"]) {
      assert.ok(!text.includes(secret), secret);
    }
    assert.deepEqual(await accessFaults(page), []);
    await page.getByRole("link", { name: "API keys" }).click();
    await row("ada").getByText("now").or(row("ada").getByText(/ago/)).first().waitFor();
    await row("eye").getByText("not since the start").waitFor();
    assert.ok(!(await page.content()).includes("a-long-secret"));
    assert.deepEqual(await accessFaults(page), []);
    assertClean();
  },
  {
    POSTRIDER_API_KEYS: "ada:a-long-secret,eye:only-to-look:read",
    POSTRIDER_DRAIN: "7s",
    POSTRIDER_MAIL: "smtp://postrider:relay-password@127.0.0.1:9",
  },
);

browserTest("a key without the scope operate sees neither settings nor keys", async (world) => {
  const { page } = await world.open();
  await page.goto("/");
  await page.getByLabel("API key").fill("only-to-look");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  assert.equal(await page.getByRole("link", { name: "Settings", exact: true }).count(), 0);
  for (const path of ["/ui/settings", "/ui/keys", "/ui/channels"]) {
    assert.equal((await page.goto(path))?.status(), 403);
  }
}, { POSTRIDER_API_KEYS: "ada:a-long-secret,eye:only-to-look:read" });

browserTest("shortcuts search, move, select and go; not while typing", async (world) => {
  for (const subject of ["Second", "First"]) {
    await world.send("/notify", { to: "ada@example.org", subject, text: "t", delay: "1h" });
  }
  const { page, assertClean } = await world.open();
  await page.goto("/ui/tasks");
  const focused = () => page.evaluate("document.activeElement.textContent.trim()");
  await page.keyboard.press("j");
  assert.match(String(await focused()), /^First/);
  await page.keyboard.press("j");
  assert.match(String(await focused()), /^Second/);
  await page.keyboard.press("x");
  await page.getByText("1 selected").waitFor();
  await page.keyboard.press("k");
  await page.keyboard.press("x");
  await page.getByText("2 selected").waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type("jxk?g");
  assert.equal(await page.locator("input[name=q]").inputValue(), "jxk?g");
  await page.getByText("2 selected").waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("?");
  const dialog = page.getByRole("dialog", { name: "Keyboard" });
  await dialog.getByText("next and previous task").waitFor();
  assert.deepEqual(await accessFaults(page), []);
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/ui\/tasks\/tsk_/);
  await page.keyboard.press("g");
  await page.keyboard.press("s");
  await page.waitForURL(/\/ui\/schedules$/);
  assertClean();
});

/** A browser without a screen shows no notifications: this notes them. */
const FAKE_NOTIFICATIONS = `globalThis.shown = [];
  globalThis.Notification = class {
    static permission = "default";
    static async requestPermission() { return this.permission = "granted"; }
    constructor(title, { body }) {
      shown.push(title + ": " + body);
      document.documentElement.dataset.shown = shown.length;
    }
  };`;

browserTest("the browser notifies of failures, if asked for", async (world) => {
  const before = await world.send("/fetch", { url: `${world.upstream.url}/missing/before` });
  await world.api.final(before);
  const { page } = await world.open();
  await page.addInitScript(FAKE_NOTIFICATIONS);
  await page.goto("/");
  await page.locator("#connection.on").waitFor();
  await page.getByRole("button", { name: "Notify me of failures" }).click();
  await page.getByRole("button", { name: "Notifies of failures", pressed: true }).waitFor();
  const id = await world.send("/fetch", { url: `${world.upstream.url}/missing/now` });
  await world.api.final(id);
  await page.locator("html[data-shown]").waitFor({ state: "attached" });
  const shown = await page.evaluate("shown") as string[];
  assert.match(shown[0] ?? "", /^A task failed: GET .*\/missing\/now\nhttp_404/);
  assert.equal(shown.length, 1);
});

browserTest("every page works below a base path", async (world) => {
  const url = `${world.api.url}/rider`;
  const { page, assertClean } = await world.open();
  for (
    const path of ["", "/ui/tasks", "/ui/schedules/new", "/ui/channels", "/ui/settings", "/ui/keys"]
  ) {
    const response = await page.goto(`${url}${path || "/"}`);
    assert.equal(response?.status(), 200, path);
  }
  await page.goto(`${url}/ui/tasks`);
  await page.locator("#connection.on").waitFor();
  const sent = await fetch(`${url}/notify`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      to: "ada@example.org",
      subject: "Below",
      text: "t",
      delay: "1h",
      tags: ["x"],
    }),
  });
  const { id } = await sent.json() as { id: string };
  await page.getByText("Below").click();
  await page.getByRole("button", { name: "Duplicate" }).click();
  await page.getByRole("button", { name: "Yes" }).click();
  await page.waitForURL((url) =>
    /\/rider\/ui\/tasks\/tsk_/.test(url.href) && !url.href.includes(id)
  );
  await page.keyboard.press("g");
  await page.keyboard.press("t");
  await page.waitForURL(/\/rider\/ui\/tasks$/);
  await page.getByRole("button", { name: "Columns" }).click();
  await page.getByLabel("Priority").check();
  await page.getByRole("button", { name: "Show" }).click();
  await page.getByRole("columnheader", { name: "Priority" }).waitFor();
  await page.goto(`${url}/ui/tasks?tag=x&state=queued`);
  await page.getByRole("button", { name: "Cancel the only task" }).click();
  await page.getByRole("button", { name: "Yes" }).click();
  await page.getByText("1 cancelled, 0 aborting").waitFor();
  await page.goto(`${url}/ui/channels?to=ada%40example.org`);
  await page.getByRole("button", { name: "Send a test" }).click();
  await page.waitForURL(/\/rider\/ui\/tasks\/tsk_/);
  assertClean();
}, { POSTRIDER_BASE_PATH: "/rider" });
