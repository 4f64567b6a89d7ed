import assert from "node:assert/strict";
import { createApp } from "../../src/http/app.ts";
import { EngineError } from "../../src/queue/engine.ts";
import { withHeldLists } from "../support/api.ts";
import { needs } from "../support/needs.ts";
import { Chromium } from "./browser.ts";

// The pipes and timers of the browser live a little longer than the test.
const options = { ...needs("chromium"), sanitizeOps: false, sanitizeResources: false };

/** A browser at the list of tasks, whose rows are held. */
async function setup() {
  const stack = new AsyncDisposableStack();
  const { api, held } = await withHeldLists();
  stack.use(api);
  const app = createApp(api.parts);
  const server = stack.use(Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request, info) => app.fetch(request, info),
  ));
  const chromium = stack.use(await Chromium.start());
  const { page, assertClean } = await chromium.open(`http://127.0.0.1:${server.addr.port}`);
  return { api, held, page, assertClean, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

Deno.test("a list is painted with its form before its rows are read", options, async () => {
  await using world = await setup();
  const { api, held, page } = world;
  await api.accept({ url: "https://example.org/one" });
  await page.goto("/ui/tasks?q=one", { waitUntil: "commit" });
  await page.getByRole("searchbox").waitFor();
  assert.equal(await page.getByRole("searchbox").inputValue(), "one");
  await page.waitForFunction(
    'performance.getEntriesByName("first-contentful-paint").length === 1',
  );
  assert.equal(await page.getByRole("row").count(), 0);
  held.resolve();
  await page.getByRole("link", { name: "GET https://example.org/one" }).waitFor();
  await page.locator("#connection.on").waitFor();
  world.assertClean();
});

Deno.test("a search that fails after its form is an alert with a way back", options, async () => {
  await using world = await setup();
  const { held, page } = world;
  await page.goto("/ui/tasks", { waitUntil: "commit" });
  await page.getByRole("searchbox").waitFor();
  held.reject(new EngineError("away"));
  await page.getByRole("alert").getByText("Queue unavailable").waitFor();
  const back = page.getByRole("link", { name: "Go to the overview" });
  assert.equal(await back.getAttribute("href"), "/");
});
