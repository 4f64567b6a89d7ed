/**
 * Takes the README's pictures: `deno task pictures`, by hand, after the pages have changed.
 *
 * A minute of traffic comes first, so that there is something to see.
 *
 * @module
 */

import { aFolder, ROOT, startPostrider } from "../support/process.ts";
import { startUpstream } from "../support/upstream.ts";
import { sleep, systemClock } from "../../src/lib/clock.ts";
import { Chromium } from "./browser.ts";

const SECONDS = 60;
const folder = `${ROOT}.pictures`;

await using data = await aFolder();
await using upstream = startUpstream();
await using postrider = startPostrider({ data: data.path, env: upstream.env });
const api = await postrider.listening;
const send = async (path: string, body: unknown) =>
  (await api.call<{ id: string }>(path, body)).body.id;

await send("/fetch", { url: "https://example.org/reports/2026", delay: "2h", tags: ["reports"] });
await send("/fetch", { url: `${upstream.url}/hold/slow`, timeout: "10m", tags: ["reports"] });
for (let second = 0; second < SECONDS; second++) {
  const count = Math.round(6 + 4 * Math.sin(second / 6));
  for (let n = 0; n < count; n++) {
    const path = n === 0 && second % 7 === 0 ? "missing" : "articles";
    await send("/fetch", { url: `${upstream.url}/${path}/${second}${n}`, tags: ["news"] });
  }
  await sleep(systemClock, 1_000);
}
const mail = await send("/notify", {
  to: "Ada Lovelace <ada@example.org>",
  subject: "Build 42 is green",
  text: "All 1,204 tests passed.",
  html: "<h1>Build 42 is green</h1><p>All <b>1,204</b> tests passed.</p>",
  tags: ["build"],
});
await send("/fetch", { url: `${upstream.url}/missing/42`, tags: ["news"], key: "engine" });
await api.final(mail);

await Deno.mkdir(folder, { recursive: true });
await using chromium = await Chromium.start();
const wide = await chromium.open(api.url);
const phone = await chromium.open(api.url, { width: 390, dark: true });
for (
  const [page, path, name] of [
    [wide.page, "/", "overview"],
    [wide.page, `/ui/tasks/${mail}`, "task"],
    [phone.page, "/ui/tasks", "phone"],
  ] as const
) {
  await page.goto(path);
  await page.locator("#connection.on").waitFor();
  await sleep(systemClock, 500); // The dot has turned green.
  await page.screenshot({ path: `${folder}/${name}.png` });
}
