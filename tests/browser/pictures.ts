/**
 * Takes the README's pictures: `deno task pictures`, by hand, after the pages have changed.
 *
 * A day of counts and a minute of traffic come first, so that there is something to see.
 *
 * @module
 */

import { aFolder, ROOT, startPostrider } from "../support/process.ts";
import { startUpstream } from "../support/upstream.ts";
import { sleep, systemClock } from "../../src/lib/clock.ts";
import { openHistory } from "../../src/http/stats/history.ts";
import { openQueue } from "../../src/queue/open.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { Chromium } from "./browser.ts";

const SECONDS = 60;
const DAY_MS = 86_400_000;
const NAMES = ["Grace Hopper", "Alan Turing", "Katherine Johnson", "Edsger Dijkstra"];
const folder = `${ROOT}.pictures`;

await using data = await aFolder();
await fillHistory(`${data.path}/postrider.db`);
await using upstream = startUpstream();
await using postrider = startPostrider({ data: data.path, env: upstream.env });
const api = await postrider.listening;
const send = async (path: string, body: unknown) =>
  (await api.call<{ id: string }>(path, body)).body.id;

await send("/fetch", { url: `${upstream.url}/hold/slow`, timeout: "10m", tags: ["reports"] });
for (let second = 0; second < SECONDS; second++) {
  const count = Math.round(4 + 2 * Math.sin(second / 6));
  for (let n = 0; n < count; n++) {
    const order = 20_000 + second * 10 + n;
    await send("/notify", {
      to: `${NAMES[order % NAMES.length]} <c${order}@example.org>`,
      subject: `Your order ${order} is on its way`,
      text: "It is on its way.",
      tags: ["order", order % 3 === 0 ? "eu" : "us"],
    });
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
await api.final(mail);
const host = "https://hooks.example.net";
await api.final(await send("/fetch", { url: `${host}/orders/20597`, method: "POST", retry: 0 }));
await send("/notify", {
  to: "team@example.org",
  subject: "The week in numbers",
  text: "Attached.",
  delay: "2h",
  tags: ["reports"],
});

await Deno.mkdir(folder, { recursive: true });
await using chromium = await Chromium.start();
const wide = await chromium.open(api.url);
const phone = await chromium.open(api.url, { width: 390, dark: true });
for (
  const [page, path, name] of [
    [wide.page, "/?since=24h", "overview"],
    [wide.page, `/ui/tasks/${mail}`, "task"],
    [phone.page, "/ui/tasks", "phone"],
  ] as const
) {
  if (page === wide.page) {
    await page.setViewportSize({ width: 1280, height: name === "overview" ? 1230 : 900 });
  }
  await page.goto(path);
  await page.locator("#connection.on").waitFor();
  await sleep(systemClock, 500); // The dot has turned green.
  await page.screenshot({ path: `${folder}/${name}.png` });
}

/** A day of a shop: mails through a relay, and requests to three hosts, one of which has a bad hour. */
async function fillHistory(path: string): Promise<void> {
  const clock = new FakeClock(systemClock.now() - DAY_MS);
  await using engine = await openQueue(`sqlite:${path}`, { clock });
  const history = openHistory({ engine, clock, run: "pictures" });
  const targets = [
    ["fetch", "https://api.example.org:443", 9],
    ["notify", "mail:relay.example.org:587", 5],
    ["fetch", "https://hooks.example.net:443", 4],
    ["fetch", "https://search.example.com:443", 2],
  ] as const;
  for (let quarter = 1; quarter < 96; quarter++) {
    const load = 1.4 + Math.sin((quarter - 30) / 96 * 2 * Math.PI);
    const isBad = quarter > 70 && quarter < 75;
    const waiting = Math.round(isBad ? 40 * (quarter - 70) : Math.max(0, load * 12 - 14));
    if (waiting > 0) history.waiting(waiting);
    for (const [type, lane, share] of targets) {
      for (let n = 0; n < share * load * 8; n++) {
        const fails = lane.includes("hooks") ? isBad || n < 3 && quarter % 9 === 0 : false;
        const ms = (40 + (n * 37 + quarter * 11) % 260) * (isBad ? 4 : 1);
        history.accepted(type, 1, 1 + n % 3);
        history.submitted(type === "notify" ? "key shop" : "key crawler", 1);
        history.attempted({
          lane,
          outcome: fails ? "deferred" : "delivered",
          ms,
          ...(fails ? { failure: { reason: "exhausted", code: "http_503" } } : {}),
        });
        history.finished(type, fails ? "failed" : "succeeded", ms + 20);
      }
    }
    await clock.advance(15 * 60_000);
  }
  await history.close();
}
