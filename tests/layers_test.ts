import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

import { faultsOf, type House, importsOf, longFiles } from "./support/house.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));

Deno.test("every file of src/ keeps to the rules of the house", async () => {
  const house = await readHouse("src");
  assert.ok(house.size > 10, `found only ${house.size} files in src/`);
  assert.deepEqual(faultsOf(house), []);
  for (const long of longFiles(house)) {
    // deno-lint-ignore no-console -- a warning for whoever runs the tests
    console.warn(`Long file: ${long}; has it begun to do a second thing?`);
  }
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
    rule: "lib/ may import only nothing of ours",
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
  { rule: "stands in no room", path: "src/utils/strings.ts", text: "" },
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
    rule: "environment, signals and exit belong to an entry",
    path: "src/service.ts",
    text: "Deno.exit(1);",
  },
  { rule: "chance comes in", path: "src/task/retry.ts", text: "Math.random()" },
  {
    rule: "imports never go round",
    path: "src/http/app.ts",
    text: 'import "./routes.ts";',
    more: ["src/http/routes.ts", 'import "./app.ts";'],
  },
] as { rule: string; path: string; text: string; more?: [string, string] }[])(
  "$path with `$text` is called out: $rule",
  ({ rule, path, text, more }) => {
    const faults = faultsOf(new Map([[path, text], ...(more ? [more] : [])]));
    assert.equal(faults.length, 1, faults.join("\n"));
    assert.ok(faults[0]?.includes(rule), `${faults[0]} does not name "${rule}"`);
    assert.ok(faults[0]?.includes(path), `${faults[0]} does not name ${path}`);
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

async function readHouse(folder: string): Promise<House> {
  const house = new Map<string, string>();
  for await (const entry of Deno.readDir(`${ROOT}${folder}`)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) {
      for (const [name, text] of await readHouse(path)) house.set(name, text);
    } else if (/\.tsx?$/.test(path)) house.set(path, await Deno.readTextFile(`${ROOT}${path}`));
  }
  return house;
}
