/** Questions of an operator, each answered by the dashboard within three clicks. */

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
  "ops:ops-secret-of-ada:read+notify+fetch+operate+admin,shop:shop-secret-of-bob:fetch+notify," +
  "old:old-secret-of-eve:read";
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
      await page.locator("#throughput dl").getByText("Due tasks").waitFor();
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
  {
    question: "Why was this sent twice?",
    clicks: ["Tasks", "Search, with a part of its address", "the task"],
    async ask(click, page) {
      await click(menu(page, "Tasks"));
      await page.locator("input[name=q]").fill("/cut-off");
      await click(page.getByRole("button", { name: "Search" }));
      await page.getByText("possible duplicate").waitFor();
      await click(page.locator("a.label"));
      await page.getByText("attempt 1 was cut off after bytes had left").waitFor();
    },
  },
  {
    question: "Who paused this host, and why?",
    clicks: ["1 pause in force"],
    async ask(click, page) {
      await click(page.locator("#health").getByRole("link", { name: "pause in force" }));
      const row = page.locator("#pauses tr", { hasText: "paused.example.org" });
      await row.getByText("ops", { exact: true }).waitFor();
      await row.getByText("Maintenance").waitFor();
    },
  },
  {
    question: "Is the backlog shrinking?",
    clicks: [],
    async ask(_click, page) {
      await page.locator("#throughput dt", { hasText: "Due tasks" }).waitFor();
      await page.getByRole("img", { name: /were due and waited/ }).waitFor();
    },
  },
  {
    question: "Did last night's schedule run, and did it work?",
    clicks: ["Schedules"],
    async ask(click, page) {
      await click(menu(page, "Schedules"));
      const last = page.locator("tr", { hasText: "cleanup" }).locator('[data-name="Last"]');
      await last.getByText("succeeded").waitFor();
      await last.locator("time").waitFor();
    },
  },
  {
    question: "Which host is slow?",
    clicks: ["Hosts and relays"],
    async ask(click, page) {
      await click(menu(page, "Hosts and relays"));
      const p95 = page.locator("#hosts tbody tr").first().locator('[data-name="p95"]');
      assert.match(await p95.textContent() ?? "", /\d m?s/);
    },
  },
  {
    question: "Is it slower than yesterday?",
    clicks: ["24 h"],
    async ask(click, page) {
      await click(page.getByRole("link", { name: "24 h" }));
      await page.getByRole("img", { name: /^Latency from end to end, last 24 hours: p50/ })
        .waitFor();
    },
  },
  {
    question: "What runs now, and since when?",
    clicks: ["running"],
    async ask(click, page) {
      await click(page.locator("#now").getByRole("link", { name: "running" }).first());
      const row = page.locator("tr", { hasText: "/hold/b" });
      await row.getByText("began").locator("time").waitFor();
    },
  },
  {
    question: "Who cancelled this task?",
    clicks: ["Tasks", "Search, with its subject", "the task"],
    async ask(click, page) {
      await click(menu(page, "Tasks"));
      await page.locator("input[name=q]").fill("Not any more");
      await click(page.getByRole("button", { name: "Search" }));
      await click(page.locator("a.label"));
      await page.locator("#attempts").getByText("by ops").waitFor();
    },
  },
  {
    question: "What became of the request with this id from our logs?",
    clicks: ["Tasks", "Search, with the id"],
    async ask(click, page) {
      await click(menu(page, "Tasks"));
      await page.locator("input[name=q]").fill("req_from-our-logs");
      await click(page.getByRole("button", { name: "Search" }));
      await page.waitForURL(/\/ui\/tasks\/tsk_/);
      await page.locator("#state .badge", { hasText: "cancelled" }).waitFor();
    },
  },
  {
    question: "Why did this delivery of a hook create nothing?",
    clicks: ["Hooks", "the hook"],
    async ask(click, page) {
      await click(menu(page, "Hooks"));
      await click(page.getByRole("link", { name: "builds", exact: true }));
      const row = page.locator("#deliveries tbody tr").first();
      await row.locator(".badge.failed").waitFor();
      assert.match(await row.locator("small.error").textContent() ?? "", /\w/);
    },
  },
  {
    question: "How do I retry everything that failed at one host?",
    clicks: ["the host under “Failures”", "Retry all 3", "Yes"],
    async ask(click, page) {
      await click(page.locator("#failures a", { hasText: "127.0.0.1:" }).first());
      await click(page.getByRole("button", { name: "Retry all 3" }));
      await click(page.getByRole("button", { name: "Yes" }));
      await page.getByText("3 retried").waitFor();
    },
  },
  {
    question: "Which settings differ from the defaults?",
    clicks: ["Settings"],
    async ask(click, page) {
      await click(menu(page, "Settings"));
      const row = page.getByRole("row").filter({ hasText: "POSTRIDER_FETCH_ALLOW" });
      await row.getByText("environment").waitFor();
    },
  },
  {
    question: "Which API key is not used any more?",
    clicks: ["Settings", "API keys"],
    async ask(click, page) {
      await click(menu(page, "Settings"));
      await click(page.getByRole("link", { name: "API keys" }));
      await page.getByRole("row").filter({ hasText: "old" }).getByText("not since the start")
        .waitFor();
    },
  },
];

Deno.test(
  "questions of an operator are answered within three clicks, as the manual lists them",
  { ...needs("chromium"), sanitizeOps: false, sanitizeResources: false },
  async (t) => {
    await using folder = await aFolder();
    await using upstream = startUpstream();
    const file = `${folder.path}/postrider.yaml`;
    const configure = (config: object) => Deno.writeTextFile(file, JSON.stringify(config));
    await configure(CONFIG);
    const { host } = new URL(upstream.url);
    await using rude = startRude();
    await using postrider = startPostrider({
      data: folder.path,
      env: {
        POSTRIDER_FETCH_ALLOW: `${host},${DEAD},${rude.host}`,
        POSTRIDER_CONFIG: file,
        POSTRIDER_API_KEYS: KEYS,
      },
    });
    const api = await postrider.listening;
    const call = async (
      secret: string,
      path: string,
      body?: object,
      method = "POST",
      headers: Readonly<Record<string, string>> = {},
    ) => {
      const response = await fetch(api.url + path, {
        method: body ? method : "GET",
        headers: {
          authorization: `Bearer ${secret}`,
          "content-type": "application/json",
          ...headers,
        },
        ...(body ? { body: JSON.stringify(body) } : {}),
      });
      assert.ok(response.ok, `${path}: ${response.status} ${await response.clone().text()}`);
      return await response.json();
    };
    const ops = (
      ...given: [path: string, body?: object, method?: string, headers?: Record<string, string>]
    ) => call("ops-secret-of-ada", ...given);
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
    await ops("/schedules/cleanup", {
      cron: "0 2 * * *",
      fetch: { url: `${upstream.url}/cleanup` },
    }, "PUT");
    const run = await ops("/schedules/cleanup/run", {});
    await final(run.lastRuns[0].id);
    await final(
      (await ops("/fetch", {
        url: `http://${rude.host}/cut-off`,
        method: "POST",
        body: "{}",
        retry: "1s",
      })).id,
    );
    await ops("/pauses", { host: "paused.example.org", reason: "Maintenance" });
    const unwanted = await ops(
      "/notify",
      {
        to: "ada@example.org",
        subject: "Not any more",
        text: "t",
        delay: "3h",
      },
      "POST",
      { "x-request-id": "req_from-our-logs" },
    );
    await ops(`/tasks/${unwanted.id}`, {}, "DELETE");
    const nothing = JSON.stringify({ noRef: true });
    const unmapped = await fetch(`${api.url}/hooks/builds`, {
      method: "POST",
      body: nothing,
      headers: { "content-type": "application/json", ...SENDERS.github?.headers(nothing) },
    });
    await unmapped.body?.cancel();
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

/** A server that cuts the first connection off once the request has arrived. */
function startRude(): AsyncDisposable & { readonly host: string } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let asked = 0;
  const served = (async () => {
    for await (const connection of listener) {
      await connection.read(new Uint8Array(4_096));
      if (asked++ > 0) {
        await connection.write(
          new TextEncoder().encode("HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n"),
        );
      }
      connection.close();
    }
  })();
  return {
    host: `127.0.0.1:${listener.addr.port}`,
    async [Symbol.asyncDispose]() {
      listener.close();
      await served;
    },
  };
}
