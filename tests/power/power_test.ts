import assert from "node:assert/strict";

import { needs } from "../support/needs.ts";
import { cutPower } from "./suite.ts";

/** As many as a minute has room for; `deno task power` opens more. */
const IMAGES = 60;

Deno.test("a power cut loses nothing that was acknowledged", needs("cc"), async () => {
  const report = await cutPower({ synchronous: "full", images: IMAGES, seed: 11 });
  assert.ok(report.promised > IMAGES);
  assert.deepEqual({ losing: report.losing, damaged: report.damaged }, { losing: 0, damaged: [] });
});

Deno.test(
  "the same cuts lose acknowledged tasks with synchronous=NORMAL",
  needs("cc"),
  async () => {
    const { losing } = await cutPower({ synchronous: "normal", images: IMAGES, seed: 11 });
    assert.ok(losing > 0, "the harness would not notice a loss");
  },
);
