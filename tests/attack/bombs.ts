/**
 * Sixty pieces of work that cost far more than their size, beside neighbours
 * whose latency and attempts are measured.
 *
 * @module
 */

import { type Finding, must } from "./report.ts";
import type { World } from "./world.ts";

/** One bomb: where it is posted and what. */
export interface Bomb {
  readonly kind: string;
  readonly path: "/notify" | "/fetch";
  readonly body: unknown;
}

const html = (kind: string, html: string): Bomb => ({
  kind: `mail: ${kind}`,
  path: "/notify",
  body: { to: `bomb@example.org`, subject: kind, html, retry: 0 },
});
const markdown = (kind: string, markdown: string): Bomb => ({
  kind: `markdown: ${kind}`,
  path: "/notify",
  body: { to: `bomb@example.org`, subject: kind, markdown, retry: 0 },
});

/** All of them, against a hostile upstream. */
export function bombsOf({ hostile, friendly }: World): Bomb[] {
  const get = (path: string, more: object = {}): Bomb => ({
    kind: `fetch: ${path} ${Object.keys(more).join()}`,
    path: "/fetch",
    body: { url: hostile + path, retry: 0, timeout: "20s", ...more },
  });
  const note = (kind: string, more: object): Bomb => ({
    kind: `chat: ${kind}`,
    path: "/notify",
    body: {
      to: `json://127.0.0.1:${new URL(friendly.url).port}/note`,
      title: kind,
      retry: 0,
      ...more,
    },
  });
  const file = crypto.getRandomValues(new Uint8Array(65_535));
  const content = btoa(String.fromCharCode(...file)).repeat(80);
  const css = (selector: string) => ({ extract: { css: { t: selector } } });
  return [
    html("wide cell", "<table><tr><td colspan=1000000000>a"),
    html("high cell", "<table><tr><td rowspan=1000000000>a"),
    html("many cells", "<table>" + "<tr><td>a".repeat(44_000)),
    html("loose cells", "<tr><td>a".repeat(44_000)),
    html("nested blocks", "<div>".repeat(160_000)),
    html("nested tables", "<table><tr><td>".repeat(50_000)),
    html("nested lists", "<ul><li>".repeat(90_000)),
    html("quotations", "<blockquote>".repeat(60_000)),
    html("entities", "&amp;".repeat(150_000)),
    html("angle brackets", "<".repeat(800_000)),
    html("attributes", `<a ${"x=y ".repeat(200_000)}>`),
    html("links", "<a href=http://x>".repeat(45_000)),
    html("closing tags", "<b>".repeat(50_000) + "</i>".repeat(100_000)),
    markdown("brackets", "[".repeat(50_000)),
    markdown("images", "![".repeat(32_000)),
    markdown("stars", "*a **a ".repeat(9_000)),
    markdown("quotations", ">".repeat(20_000) + "a"),
    markdown(
      "nested lists",
      Array.from({ length: 300 }, (_, n) => `${" ".repeat(n)}- a`).join("\n"),
    ),
    markdown("backticks", Array.from({ length: 340 }, (_, n) => "`".repeat(n)).join("a")),
    markdown("links", "[a](".repeat(16_000)),
    markdown("references", Array.from({ length: 5_000 }, (_, n) => `[a${n}]: /b`).join("\n")),
    markdown(
      "tables",
      "|a".repeat(300) + "\n" + "|-".repeat(300) + "\n" + ("|a".repeat(300) + "\n").repeat(100),
    ),
    markdown("entities", "&#x".repeat(21_000)),
    markdown("underscores", "_a__".repeat(16_000)),
    get("/br"),
    get("/gzip"),
    get("/deflate"),
    get("/zstd"),
    get("/chain"),
    get("/br", { maxBytes: 1_000_000_000 }),
    get("/gzip", { save: true }),
    get("/br", { extract: { words: true, lines: 100 } }),
    get("/endless"),
    get("/endless", { extract: { words: true } }),
    get("/interim"),
    get("/interim", { method: "POST" }),
    get("/chunks"),
    get("/headers"),
    get("/deep.json", { extract: { json: { a: "/0/0" } } }),
    get("/deep.json", { expect: { json: { "/0/0": 1 } } }),
    get("/wide.json", {
      extract: { json: Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`p${n}`, ""])) },
    }),
    get("/wide.json", { expect: { json: { "/0": 2 } } }),
    get("/deep.html", css("div")),
    get("/close.html", css("p")),
    get("/nested.html", css("div")),
    get("/nested.html", css("div div div div div div p")),
    get("/nested.html", css("p ~ p ~ p ~ p")),
    get("/wide.html", css("b ~ b ~ b ~ b")),
    get("/wide.html", css("b:nth-last-child(2n)")),
    get("/wide.html", css("b:not(b ~ b):not(:empty)")),
    get("/attributes.html", css("[a*=b]")),
    get("/charset", { extract: { words: true, css: { t: "p" } } }),
    get("/iso2022", { extract: { words: true, lines: 10 } }),
    get("/line", { extract: { words: true, lines: 10 } }),
    get("/blank", { extract: { words: true, lines: 10 } }),
    note("html", { html: "<table><tr><td colspan=1000000000>a" }),
    note("long html", { html: "<ul><li>a".repeat(80_000) }),
    note("markdown", { markdown: "[".repeat(50_000) }),
    {
      kind: "mail: 7 MiB attached",
      path: "/notify",
      body: {
        to: "bomb@example.org",
        subject: "files",
        text: "x",
        retry: 0,
        attachments: [{ filename: "a.bin", content }],
      },
    },
    {
      kind: "batch: 3,000 requests",
      path: "/fetch",
      body: { urls: Array.from({ length: 3_000 }, (_, n) => `${hostile}/ok?${n}`) },
    },
  ];
}

/** What was measured beside the bombs. */
export interface Beside {
  readonly livez: number[];
  readonly fetches: number[];
  readonly mails: number[];
  readonly lost: string[];
  readonly twice: string[];
  readonly maxRss: number;
}

/** Lets all bombs arrive within `forMs`, in an order that `random` decides, and measures neighbours beside them. */
export async function bombs(
  world: World,
  { forMs, random, say }: { forMs: number; random: () => number; say: (text: string) => void },
): Promise<Finding[]> {
  const all = bombsOf(world).map((bomb) => ({ bomb, at: random() * forMs }))
    .sort((a, b) => a.at - b.at);
  const beside = { livez: [], fetches: [], mails: [], lost: [], twice: [], maxRss: 0 } as Beside & {
    maxRss: number;
  };
  const ended = new AbortController();
  // Module loading and compilation are not what is measured.
  await neighbour(world, "warm-up", beside);
  beside.fetches.length = beside.mails.length = 0;
  const measured = [
    everyMs(20, ended.signal, async () => {
      beside.maxRss = Math.max(beside.maxRss, world.rss());
      const from = performance.now();
      await (await fetch(`${world.api.url}/livez`)).body?.cancel();
      beside.livez.push(performance.now() - from);
    }),
    everyMs(200, ended.signal, (n) => neighbour(world, `n${n}`, beside)),
  ];
  const from = performance.now();
  const verdicts = await Promise.all(all.map(async ({ bomb, at }) => {
    await new Promise((resolve) => setTimeout(resolve, at - (performance.now() - from)));
    return `${bomb.kind.padEnd(42)} ${await explode(world, bomb)}`;
  }));
  const tookMs = performance.now() - from;
  ended.abort();
  await Promise.all(measured);
  for (const verdict of verdicts.sort()) say(`  ${verdict}`);
  const { threads } = (await world.api.call<{ threads: { lost: unknown[] } }>("/status")).body as {
    threads: { lost?: unknown[] };
  };
  const lost =
    ((await world.api.call<{ lost?: unknown[] }>("/livez")).body.lost ?? threads.lost ?? []).length;
  const unnamed = verdicts.filter((verdict) => /thread_lost|internal|unanswered/.test(verdict));
  return [
    row("/livez p99", at(beside.livez, 0.99), "ms", 100),
    row("/livez worst", at(beside.livez, 1), "ms", 250),
    row("a neighbour's fetch p50", at(beside.fetches, 0.5), "ms", 200),
    row("a neighbour's fetch p99", at(beside.fetches, 0.99), "ms", 500),
    row("a neighbour's mail p99", at(beside.mails, 0.99), "ms", 1_000),
    row("resident memory at most", beside.maxRss, "MiB", 500),
    must("attempts of neighbours lost", beside.lost),
    must("sent twice", [...beside.twice, ...repeated(world)]),
    must("channel threads lost", Array.from({ length: lost }, String)),
    must("bombs that fail without a name", unnamed),
    {
      name: `${all.length} bombs took`,
      value: `${Math.round(tookMs)} ms`,
      holds: true,
      isMeasure: true,
    },
  ];
}

function row(name: string, value: number, unit: string, most: number): Finding {
  return {
    name,
    value: `${Math.round(value)} ${unit} (goal: below ${most})`,
    holds: value < most,
    isMeasure: true,
  };
}

function repeated({ friendly, mails }: World): string[] {
  return [...friendly.counts, ...mails].filter(([name, count]) =>
    count > 1 && !name.startsWith("/note") && !name.startsWith("bomb@")
  ).map(([name, count]) => `${name} ${count} times`);
}

/** A POST that may be tried once, and a mail that may be tried once. */
async function neighbour({ api, friendly }: World, name: string, beside: Beside): Promise<void> {
  const submit = async (path: string, body: object, into: number[]) => {
    const from = performance.now();
    const { status, body: task } = await api.call<{ id: string }>(path, { ...body, retry: 0 });
    if (status !== 202) return void beside.lost.push(`${name}: ${status}`);
    const final = await api.final(task.id);
    into.push(performance.now() - from);
    if (final.state !== "succeeded") {
      beside.lost.push(`${name}: ${final.state} ${final.error?.code}`);
    } else if (final.attempt !== 1) beside.twice.push(`${name}: attempt ${final.attempt}`);
  };
  await Promise.all([
    submit("/fetch", { url: `${friendly.url}/${name}`, method: "POST" }, beside.fetches),
    submit("/notify", { to: `${name}@example.org`, subject: name, text: "hello" }, beside.mails),
  ]);
}

export async function explode({ api }: World, { path, body }: Bomb): Promise<string> {
  const { status, body: answer } = await api.call<
    { id?: string; code?: string; detail?: string; error?: { code?: string } }
  >(path, body);
  if (status !== 202 || !answer.id) return `${status} ${answer.code ?? "unanswered"}`;
  if (!answer.id.startsWith("tsk_")) {
    for (;;) {
      const { body: batch } = await api.call<{ done: boolean }>(`/batches/${answer.id}?wait=10s`);
      if (batch.done) return "done";
    }
  }
  const final = await api.final(answer.id);
  return `${final.state} ${final.error?.code ?? ""}`;
}

async function everyMs(ms: number, signal: AbortSignal, run: (n: number) => Promise<void>) {
  const running = new Set<Promise<void>>();
  for (let n = 0; !signal.aborted; n++) {
    const one: Promise<void> = run(n).finally(() => running.delete(one));
    running.add(one);
    await new Promise((resolve) => setTimeout(resolve, ms));
  }
  await Promise.all(running);
}

function at(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}
