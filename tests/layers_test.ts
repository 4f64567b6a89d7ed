import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

import {
  breachesOf,
  importsOf,
  importTable,
  longFiles,
  type Sources,
} from "./support/import_rules.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));

Deno.test("every file of src/ follows the import table", async () => {
  const sources = await readSources("src");
  assert.ok(sources.size > 10, `found only ${sources.size} files in src/`);
  assert.deepEqual(breachesOf(sources), []);
  for (const long of longFiles(sources)) {
    // deno-lint-ignore no-console -- a warning, not a failure
    console.warn(`Long file: ${long}. Does it do two things?`);
  }
});

Deno.test("the import table of src/README.md is the one that is checked", async () => {
  const readme = await Deno.readTextFile(`${ROOT}src/README.md`);
  const [, section = ""] = readme.split("\n## Imports\n");
  const rows = section.split("\n## ")[0]?.matchAll(/^\| `(\S+)` +\| (.+?) +\|$/gm) ?? [];
  const table = Object.fromEntries([...rows].map(([, folder, rules]) => [folder, rules]));
  assert.deepEqual(table, Object.fromEntries(importTable()));
});

Deno.test.each([
  {
    rule: "http/ may import only",
    path: "src/http/app.ts",
    text: 'import { x } from "../worker/worker.ts";',
  },
  {
    rule: "http/ may import only",
    path: "src/http/app.ts",
    text: 'export { x } from "../queue/sqlite.ts";',
  },
  {
    rule: "worker/ may import only",
    path: "src/worker/thread.ts",
    text: 'new Worker(new URL("../channels/thread.ts", import.meta.url));',
  },
  {
    rule: "queue/ may import only",
    path: "src/queue/sqlite.ts",
    text: 'await import("../channels/email.ts");',
  },
  {
    rule: "lib/ may import only nothing of this project",
    path: "src/lib/ids.ts",
    text: 'import type { Task } from "../task/task.ts";',
  },
  {
    rule: "config/ may import only",
    path: "src/config.ts",
    text: 'import "./channels/email.ts";',
  },
  {
    rule: "main.ts may import only",
    path: "src/main.ts",
    text: 'import "./http/app.ts";',
  },
  {
    rule: "task/ is pure",
    path: "src/task/input/notify.ts",
    text: 'import { systemClock } from "../../lib/clock.ts";',
  },
  { rule: "task/ is pure", path: "src/task/input/notify.ts", text: 'import { Hono } from "hono";' },
  { rule: "task/ is pure", path: "src/task/input/notify.ts", text: 'import fs from "node:fs";' },
  { rule: "is in no folder of the import table", path: "src/utils/strings.ts", text: "" },
  {
    rule: "time comes from a Clock",
    path: "src/http/app.ts",
    text: "const at = Date.now();",
  },
  {
    rule: "time comes from a Clock",
    path: "src/worker/worker.ts",
    text: "setTimeout(wake, 10);",
  },
  {
    rule: "only an entry may use environment, signals and exit",
    path: "src/service.ts",
    text: "Deno.exit(1);",
  },
  { rule: "randomness comes in", path: "src/task/retry.ts", text: "Math.random()" },
  {
    rule: "imports never form a cycle",
    path: "src/http/app.ts",
    text: 'import "./routes.ts";',
    more: ["src/http/routes.ts", 'import "./app.ts";'],
  },
] as { rule: string; path: string; text: string; more?: [string, string] }[])(
  "$path with `$text` breaks the rule: $rule",
  ({ rule, path, text, more }) => {
    const breaches = breachesOf(new Map([[path, text], ...(more ? [more] : [])]));
    assert.equal(breaches.length, 1, breaches.join("\n"));
    assert.ok(breaches[0]?.includes(rule), `${breaches[0]} does not name "${rule}"`);
    assert.ok(breaches[0]?.includes(path), `${breaches[0]} does not name ${path}`);
  },
);

Deno.test("a file of 251 lines is reported, one of 250 is not", () => {
  const lines = (count: number) => longFiles(new Map([["src/http/app.ts", "x;\n".repeat(count)]]));
  assert.deepEqual(lines(250), []);
  assert.deepEqual(lines(251), ["src/http/app.ts has 251 lines"]);
});

Deno.test("imports are found however they are written, and not in comments", () => {
  const text = `
    /** Like \`import "./told.ts"\`. */
    // import "./commented.ts";
    import { a } from "./static.ts"; // from "./aside.ts"
    import {
      type B,
      c,
    } from "../lib/many_lines.ts";
    import "./effect.ts";
    import page from "./page.html" with { type: "text" };
    export * from "./again.ts";
    const d = await import("./dynamic.ts");
    const e = new URL("./thread.ts", import.meta.url);
    import { Hono } from "hono";
    const f = "https://example.org"; // not an import
  `;
  assert.deepEqual(importsOf("src/http/app.ts", text).sort(), [
    "hono",
    "src/http/again.ts",
    "src/http/dynamic.ts",
    "src/http/effect.ts",
    "src/http/page.html",
    "src/http/static.ts",
    "src/http/thread.ts",
    "src/lib/many_lines.ts",
  ]);
});

async function readSources(folder: string): Promise<Sources> {
  const sources = new Map<string, string>();
  for await (const entry of Deno.readDir(`${ROOT}${folder}`)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) {
      for (const [name, text] of await readSources(path)) sources.set(name, text);
    } else if (/\.tsx?$/.test(path)) sources.set(path, await Deno.readTextFile(`${ROOT}${path}`));
  }
  return sources;
}
