/** Twelve questions of an operator, each answered by the dashboard within three clicks. */

import assert from "node:assert/strict";
import type { Locator, Page } from "playwright-core";
import { say } from "../bench/table.ts";
import { SECRET, SENDERS } from "../hooks/support.ts";
import { needs } from "../support/needs.ts";
import { aFolder, ROOT, startPostrider } from "../support/process.ts";
import { startUpstream } from "../support/upstream.ts";
import { Chromium } from "./browser.ts";

const CONFIG = {
  aliases: { oncall: ["ada@example.org"] },
  hooks: {
    builds: {
      preset: "github",
      secret: SECRET,
      notify: { to: "ada@example.org", subject: "{{ payload.ref }}" },
    },
  },
  schedules: { nightly: { cron: "0 3 * * *", fetch: { url: "https://example.org/nightly" } } },
};
const KEYS =
  "ops:ops-secret-of-ada:read+notify+fetch+operate+admin,shop:shop-secret-of-bob:fetch+notify";
/** A host that refuses every connection. */
const DEAD = "127.0.0.1:1";

/** One question, and the way to its answer. */
interface Question {
  readonly question: string;
  /** As the manual lists them. */
  readonly clicks: readonly string[];
  /** Clicks from the overview; its first argument counts them. */
  readonly ask: (click: Click, page: Page) => Promise<void>;
}

type Click = (target: Locator) => Promise<void>;

const menu = (page: Page, name: string) =>
  page.getByRole("navigation", { name: "Main" }).getByRole("link", { name, exact: true });

const QUESTIONS: readonly Question[] = [
  {
    question: "Which host fails most since noon?",
    clicks: ["Hosts and relays", "Show, with 12:00"],
    async ask(click, page) {
      await click(menu(page, "Hosts and relays"));
      await page.getByLabel("Since").fill("12:00");
      await click(page.getByRole("button", { name: "Show" }));
      const first = page.locator("#hosts tbody tr").first();
      await first.getByText("127.0.0.1:").waitFor();
      assert.equal(await first.locator('[data-name="Failed tasks"]').textContent(), "3");
    },
  },
  {
    question: "Why does this task wait?",
    clicks: ["due or scheduled", "the task"],
    async ask(click, page) {
      await click(page.locator("#now").getByRole("link", { name: "scheduled" }));
      await click(page.getByRole("link", { name: "Waits for its time" }));
      await page.locator("#state").getByText(/(?:its time|delay|scheduled|due)/i).first().waitFor();
    },
  },
  {
    question: "What will run tonight?",
    clicks: ["Schedules"],
    async ask(click, page) {
      await click(menu(page, "Schedules"));
      const next = page.locator("main time[datetime]").first();
      await next.waitFor();
      assert.match(await next.getAttribute("datetime") ?? "", /^\d{4}-\d\d-\d\dT/);
    },
  },
  {
    question: "What did this customer get?",
    clicks: ["Tasks", "Search, with the address", "the task"],
    async ask(click, page) {
      await click(menu(page, "Tasks"));
      await page.locator("input[name=q]").fill("grace@example.org");
      await click(page.getByRole("button", { name: "Search" }));
      await click(page.getByRole("link", { name: "Your order" }));
      await page.locator("#state .badge", { hasText: "succeeded" }).waitFor();
      await page.getByText("It is on its way").first().waitFor({ state: "attached" });
    },
  },
  {
    question: "Is a host or relay down?",
    clicks: ["1 host or relay held back"],
    async ask(click, page) {
      await click(page.locator("#health").getByRole("link", { name: "held back" }));
      const row = page.locator("#hosts tr", { hasText: DEAD });
      await row.getByText("breaker open").waitFor();
      await row.getByRole("button", { name: "Release" }).waitFor();
    },
  },
  {
    question: "How far is this batch?",
    clicks: ["Batches", "the batch"],
    async ask(click, page) {
      await click(menu(page, "Batches"));
      await click(page.locator("main tbody a").first());
      await page.getByText("50 %").first().waitFor();
    },
  },
  {
    question: "Who submitted this flood?",
    clicks: ["the key under “Submitted by”"],
    async ask(click, page) {
      const first = page.locator("#rollups tbody tr", { hasText: "key" }).first();
      assert.match(await first.textContent() ?? "", /shop/);
      await click(first.getByRole("link", { name: "shop" }));
      await page.waitForURL(/owner=shop/);
    },
  },
  {
    question: "Which hook rejects deliveries?",
    clicks: ["Hooks"],
    async ask(click, page) {
      await click(menu(page, "Hooks"));
      await page.locator("tr", { hasText: "builds" }).getByText("1 rejected").waitFor();
    },
  },
  {
    question: "What does this failure say, and what can I do?",
    clicks: ["the task under “Recent failures”"],
    async ask(click, page) {
      await click(page.locator("#failed a.label").first());
      await page.getByText("http_404").first().waitFor();
      await page.getByRole("button", { name: "Retry" }).first().waitFor();
    },
  },
  {
    question: "How late is the queue, and when will it be empty?",
    clicks: [],
    async ask(_click, page) {
      await page.locator("#now").getByText(/oldest waits|nothing waits/).waitFor();
      await page.locator("#system").getByText("Due tasks, at this rate").waitFor();
    },
  },
  {
    question: "Is the disk filling?",
    clicks: [],
    async ask(_click, page) {
      await page.locator("#system").getByText("Free disk").waitFor();
      await page.locator("#system").getByText("Queue file").waitFor();
    },
  },
  {
    question: "Which schedule did not run?",
    clicks: ["The last run of the schedule … created no task"],
    async ask(click, page) {
      await click(page.locator("#health").getByRole("link", { name: "schedule report" }));
      await page.getByText("@oncall").first().waitFor();
    },
  },
];

Deno.test(
  "twelve questions of an operator are answered within three clicks, as the manual lists them",
  { ...needs("chromium"), sanitizeOps: false, sanitizeResources: false },
  async (t) => {
    await using folder = await aFolder();
    await using upstream = startUpstream();
    const file = `${folder.path}/postrider.yaml`;
    const configure = (config: object) => Deno.writeTextFile(file, JSON.stringify(config));
    await configure(CONFIG);
    const { host } = new URL(upstream.url);
    await using postrider = startPostrider({
      data: folder.path,
      env: {
        POSTRIDER_FETCH_ALLOW: `${host},${DEAD}`,
        POSTRIDER_CONFIG: file,
        POSTRIDER_API_KEYS: KEYS,
      },
    });
    const api = await postrider.listening;
    const call = async (secret: string, path: string, body?: object, method = "POST") => {
      const response = await fetch(api.url + path, {
        method: body ? method : "GET",
        headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" },
        ...(body ? { body: JSON.stringify(body) } : {}),
      });
      assert.ok(response.ok, `${path}: ${response.status} ${await response.clone().text()}`);
      return await response.json();
    };
    const ops = (path: string, body?: object, method?: string) =>
      call("ops-secret-of-ada", path, body, method);
    const shop = (path: string, body: object) => call("shop-secret-of-bob", path, body);
    const final = (id: string) => ops(`/tasks/${id}?wait=20s`);

    await ops("/schedules/report", {
      every: "1s",
      notify: { to: "@oncall", subject: "Report" },
    }, "PUT");
    const { aliases: _, ...withoutAliases } = CONFIG;
    await configure(withoutAliases);
    await ops("/admin/reload", {});
    while ((await ops("/schedules/report")).error === undefined);
    await ops("/schedules/report/pause", {});

    for (let n = 0; n < 12; n++) await shop("/fetch", { url: `http://${DEAD}/${n}`, retry: 100 });
    await ops("/fetch", {
      urls: [`${upstream.url}/a`, `${upstream.url}/hold/b`],
    });
    await upstream.held(1);
    const mail = await ops("/notify", {
      to: "Grace <grace@example.org>",
      subject: "Your order",
      text: "It is on its way",
    });
    await ops("/notify", {
      to: "ada@example.org",
      subject: "Waits for its time",
      text: "t",
      delay: "2h",
    });
    await final(mail.id);
    for (let n = 0; n < 3; n++) {
      await final((await ops("/fetch", { url: `${upstream.url}/missing/${n}` })).id);
    }
    const body = JSON.stringify({ ref: "main" });
    const forged = await fetch(`${api.url}/hooks/builds`, {
      method: "POST",
      body,
      headers: {
        "content-type": "application/json",
        ...SENDERS.github?.headers(body),
        "x-hub-signature-256": "sha256=00",
      },
    });
    assert.equal(forged.status, 401);
    await forged.body?.cancel();

    await using chromium = await Chromium.start();
    const { page, assertClean } = await chromium.open(api.url);
    await page.goto("/");
    await page.getByLabel("API key").fill("ops-secret-of-ada");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.locator("#connection.on").waitFor();

    const manual = await Deno.readTextFile(`${ROOT}src/manual/dashboard.md`);
    const rows = ["| question | clicks |", "| --- | --- |"];
    for (const { question, clicks, ask } of QUESTIONS) {
      await t.step({
        name: question,
        sanitizeOps: false,
        sanitizeResources: false,
        async fn() {
          let made = 0;
          const click: Click = async (target) => {
            await target.click();
            made++;
          };
          await page.goto("/");
          await ask(click, page);
          assert.equal(made, clicks.length);
          assert.ok(made <= 3);
          const way = clicks.join(" › ") || "none: the overview shows it";
          rows.push(`| ${question} | ${way} |`);
          const listed = manual.replace(/ +\|/g, " |").replace(/\s*\n/g, "\n");
          assert.ok(listed.includes(`| ${question} | ${way} |`), `the manual lists ${rows.at(-1)}`);
        },
      });
    }
    assertClean();
    say(...rows);
  },
);
