/** Counts of the past. */

import assert from "node:assert/strict";
import type { HistoryPart } from "../../src/task/history.ts";
import { type OpenEngine, World } from "./world.ts";

const MINUTE = 60_000;

/** Registers the tests for an engine. */
export function historyContract(name: string, open: OpenEngine): void {
  const part = (at: number, run: string, tally: string, stepMs = MINUTE): HistoryPart => ({
    stepMs,
    at,
    run,
    tally,
  });
  const sorted = (parts: readonly HistoryPart[]) =>
    parts.map(({ at, run, tally }) => `${at / MINUTE} ${run} ${tally}`).sort();

  Deno.test(`${name}: the history keeps what each process counted in each step`, async () => {
    await using world = await World.open(open);
    const { engine } = world;
    await engine.writeHistory([part(MINUTE, "a", "{}"), part(2 * MINUTE, "a", `{"n":1}`)]);
    await engine.writeHistory([part(2 * MINUTE, "b", "{}"), part(0, "a", "{}", 900_000)]);
    await engine.writeHistory([part(2 * MINUTE, "a", `{"n":2}`)]);
    assert.deepEqual(sorted(await engine.history(MINUTE, 0)), ["1 a {}", `2 a {"n":2}`, "2 b {}"]);
    assert.deepEqual(sorted(await engine.history(MINUTE, 2 * MINUTE)), [`2 a {"n":2}`, "2 b {}"]);
    assert.deepEqual(sorted(await engine.history(900_000, 0)), ["0 a {}"]);
  });

  Deno.test(`${name}: the history forgets steps that are too old for their length`, async () => {
    await using world = await World.open(open);
    const { engine } = world;
    await engine.writeHistory([part(0, "a", "{}"), part(0, "a", "{}", 900_000)]);
    await engine.writeHistory([part(121 * MINUTE, "a", "{}")]);
    assert.deepEqual(sorted(await engine.history(MINUTE, 0)), ["121 a {}"]);
    assert.deepEqual(sorted(await engine.history(900_000, 0)), ["0 a {}"]);
  });
}
