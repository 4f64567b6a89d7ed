/**
 * Every case of fetches, callbacks and hooks that was once answered wrongly, and others of its
 * kind, against a running service. Prints one table: case, kind, input and what was seen; a row
 * that is wrong has the right value below it.
 *
 * @module
 */

import assert from "node:assert/strict";
import { needs } from "../support/needs.ts";
import { aFolder } from "../support/process.ts";
import { BODIES } from "./cases/bodies.ts";
import { CALLERS } from "./cases/callers.ts";
import { FORMS } from "./cases/forms.ts";
import { HOOKS } from "./cases/hooks.ts";
import { EXACT } from "./cases/json.ts";
import { THROUGH_PROXIES } from "./cases/streams.ts";
import { type Case, openWorld } from "./cases/world.ts";

const KINDS: Readonly<Record<string, string>> = {
  F1: "the end of an encoded body is checked",
  F2: "a part is continued only by the rest of the same file",
  F3: "the status says whether it was delivered, the body whether it can be used",
  F4: "JSON leaves as it was written, and numbers keep their digits",
  F5: "100 Continue may come at any time",
  F6: "Location is read in each of its encodings",
  F7: "file names are read as servers really send them",
  F8: "Retry-After and RateLimit are read in each of their forms",
  F9: "lines pass a proxy one by one",
  F10: "XML is read as XML, and selectors do what they say",
  F11: "a hook encodes values for their place, and maps again what created nothing",
  F12: "targets that can never work are refused when they are loaded",
  F13: "the default retry outlives a restart of the other side, and is written down",
  F14: "a wait is never shorter than its step",
  F15: "the command ends on a terminal, and shows which file is which",
  F16: "long polls pass a proxy with a timeout",
  F17: "smaller ones, decided one by one",
  F18: "a fault after a redirect belongs to the host where it happened",
  F19: "an issue points to its own place, also in the defaults of a batch",
  F20: "URLs keep an empty query, and spans follow OpenTelemetry's conventions",
};

const CASES: readonly Case[] = [
  ...BODIES,
  ...EXACT,
  ...FORMS,
  ...HOOKS,
  ...THROUGH_PROXIES,
  ...CALLERS,
];
const WIDTH = 62;
/** For a row that waits for what never comes. */
const MAX_ROW_MS = 60_000;

async function inTime(row: Promise<string>): Promise<string> {
  const late = Promise.withResolvers<string>();
  const timer = setTimeout(() => late.resolve("nothing, within a minute"), MAX_ROW_MS);
  try {
    return await Promise.race([row, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

Deno.test("the table of fetch and hook cases", needs("nginx", "script"), async (t) => {
  await using folder = await aFolder();
  await using world = await openWorld(folder.path);
  const lines: string[] = [];
  for (const [id, kind] of Object.entries(KINDS)) {
    await t.step(`${id}: ${kind}`, async () => {
      lines.push(`${id.padEnd(4)} ${kind}`);
      const rows = CASES.filter((one) => one.id === id);
      assert.ok(rows.length > 0, `no row of ${id}`);
      const wrong: string[] = [];
      for (const { input, expected, run } of rows) {
        const seen = await inTime(run(world)).catch((error) => `${error}`);
        await world.closeServers();
        const isRight = seen === expected;
        lines.push(`  ${isRight ? "ok   " : "WRONG"} ${input.padEnd(WIDTH)} ${seen}`);
        if (isRight) continue;
        lines.push(`        ${"the right value".padEnd(WIDTH)} ${expected}`);
        wrong.push(`${input}: expected ${expected}, saw ${seen}`);
      }
      assert.deepEqual(wrong, []);
    });
  }
  const right = lines.filter((line) => line.startsWith("  ok")).length;
  const count = `${right} of ${CASES.length} rows show the right value`;
  Deno.stdout.writeSync(new TextEncoder().encode(`\n${lines.join("\n")}\n${count}\n`));
});
