import assert from "node:assert/strict";
import { PACKAGES } from "./needs.ts";
import { ROOT } from "./process.ts";

Deno.test(".ci/run installs every package that a test needs", async () => {
  const script = await Deno.readTextFile(`${ROOT}.ci/run`);
  const [, list = ""] = /^PACKAGES=\(\n(.*?)^\)$/ms.exec(script) ?? [];
  const installed = new Set([...list.matchAll(/^ {2}(\S+)/gm)].map(([, name]) => name));
  const given = new Set(["nodejs", "npm"]); // The machine has them: npx runs the script's Deno.
  const missing = Object.values(PACKAGES).flatMap((names) => names.split(" "))
    .filter((name) => !installed.has(name) && !given.has(name));
  assert.deepEqual(missing, []);
});
