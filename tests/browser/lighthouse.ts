/**
 * Lighthouse against the dashboard: `deno task lighthouse [--rounds N]`.
 *
 * Runs the npm package by `npx` in Debian's Chromium, as a phone on a slow network,
 * and prints the median of each score. Exits with 1 when one is below its goal.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { aFolder, startPostrider } from "../support/process.ts";
import { say } from "../bench/table.ts";
import { startUpstream } from "../support/upstream.ts";

const LIGHTHOUSE = "lighthouse@13.5.0";
const GOALS = { accessibility: 100, "best-practices": 100, performance: 95 } as const;
type Category = keyof typeof GOALS;
const CATEGORIES = Object.keys(GOALS) as Category[];

interface Report {
  readonly categories: Record<Category, { readonly score: number }>;
  readonly audits: Record<
    string,
    { readonly id: string; readonly title: string; readonly score: number | null }
  >;
}

const { values } = parseArgs({
  args: Deno.args,
  options: { rounds: { type: "string", default: "5" } },
});
await using data = await aFolder();
await using upstream = startUpstream();
await using postrider = startPostrider({ data: data.path, env: upstream.env });
const api = await postrider.listening;
const send = async (path: string, body: unknown) =>
  (await api.call<{ id: string }>(path, body)).body.id;
for (let n = 0; n < 30; n++) {
  await send("/fetch", { url: `${upstream.url}/${n % 7 === 0 ? "missing" : "articles"}/${n}` });
}
const mail = await send("/notify", { to: "ada@example.org", subject: "Build 42", text: "Green" });
await api.final(mail);

let isGood = true;
say(`| page | ${CATEGORIES.join(" | ")} |`, `|---|${"---:|".repeat(CATEGORIES.length)}`);
for (
  const path of ["/", "/ui/tasks", `/ui/tasks/${mail}`, "/ui/lanes", "/docs", "/manual/tasks"]
) {
  const reports: Report[] = [];
  for (let round = 0; round < Number(values.rounds); round++) {
    reports.push(await measure(`${api.url}${path}`));
  }
  const medians = CATEGORIES.map((category) => {
    const scores = reports.map(({ categories }) => Math.round(categories[category].score * 100));
    return scores.sort((a, b) => a - b)[Math.floor(scores.length / 2)] ?? 0;
  });
  say(`| ${path.replace(mail, "{id}")} | ${medians.join(" | ")} |`);
  for (const [index, category] of CATEGORIES.entries()) {
    if ((medians[index] ?? 0) >= GOALS[category]) continue;
    isGood = false;
    const bad = Object.values(reports[0]?.audits ?? {}).filter(({ score }) => score === 0);
    say(bad.map(({ id, title }) => `  ${id}: ${title}`).join("\n"));
  }
}
if (!isGood) Deno.exit(1);

/** At times Chromium records no trace, and Lighthouse asks to be run again. */
const MAX_TRIES = 3;

async function measure(url: string, tries = 1): Promise<Report> {
  const { success, stdout, stderr } = await new Deno.Command("npx", {
    args: [
      "--yes",
      LIGHTHOUSE,
      url,
      "--quiet",
      "--output=json",
      `--only-categories=${CATEGORIES.join(",")}`,
      "--chrome-flags=--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage",
    ],
    env: { CHROME_PATH: "/usr/bin/chromium" },
  }).output();
  const said = new TextDecoder().decode(stderr);
  if (!success && said.includes("run Lighthouse again") && tries < MAX_TRIES) {
    return await measure(url, tries + 1);
  }
  if (!success) throw new Error(said);
  return JSON.parse(new TextDecoder().decode(stdout));
}
