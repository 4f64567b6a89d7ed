import assert from "node:assert/strict";
import fc from "fast-check";

import {
  DEFAULT_RETRIES,
  formatRetry,
  MAX_RETRIES,
  parseRetry,
  retryDelay,
} from "../../src/task/retry.ts";

const FETCH = DEFAULT_RETRIES.fetch;

Deno.test.each([
  { value: 0, steps: [] },
  { value: 2, steps: [1_000, 5_000] },
  { value: 7, steps: [1_000, 5_000, 30_000, 120_000, 300_000, 300_000, 300_000] },
  { value: "5s", steps: [5_000] },
  { value: "5s, 1m, 10m*3", steps: [5_000, 60_000, 600_000, 600_000, 600_000] },
  { value: "0s*2", steps: [0, 0] },
  { value: " 1s * 2 ,2s", steps: [1_000, 1_000, 2_000] },
])("retry $value means the steps $steps", ({ value, steps }) => {
  assert.deepEqual(parseRetry(value, FETCH), steps);
});

Deno.test.each([
  { value: -1 },
  { value: 1.5 },
  { value: 101 },
  { value: NaN },
  { value: Infinity },
  { value: "" },
  { value: "," },
  { value: "5s," },
  { value: "5" },
  { value: "5s;1m" },
  { value: "5s*0" },
  { value: "5s*-1" },
  { value: "5s*101" },
  { value: "5s*60, 1m*41" },
  { value: "10s**2" },
  { value: "999999999d" },
])("retry $value is refused", ({ value }) => assert.equal(parseRetry(value, FETCH), undefined));

Deno.test("no schedule has more than a hundred tries, whatever is asked for", () => {
  const aStep = fc.tuple(fc.integer({ min: 0, max: 99_999 }), fc.integer({ min: 0, max: 120 }));
  fc.assert(fc.property(fc.array(aStep, { maxLength: 5 }), (steps) => {
    const text = steps.map(([ms, times]) => `${ms}ms*${times}`).join(",");
    const asked = steps.reduce((sum, [, times]) => sum + times, 0);
    const legal = steps.length > 0 && steps.every(([, times]) => times > 0) &&
      asked <= MAX_RETRIES;
    assert.equal(parseRetry(text, FETCH)?.length, legal ? asked : undefined);
  }));
});

Deno.test("retryDelay() is never shorter than the step, and at most a quarter longer", () => {
  const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(fc.property(fc.integer({ min: 0, max: 2 ** 40 }), chance, (step, random) => {
    const delay = retryDelay([step], 1, random) ?? -1;
    assert.ok(Number.isInteger(delay));
    assert.ok(delay >= step && delay <= Math.round(step * 1.25));
  }));
});

Deno.test("retryDelay() gives each try its own step, and none after the last", () => {
  const almostOne = 1 - 2 ** -53;
  const steps = [5_000, 60_000];
  assert.deepEqual([1, 2, 3].map((tries) => retryDelay(steps, tries, 0)), [
    5_000,
    60_000,
    undefined,
  ]);
  assert.deepEqual([1, 2].map((tries) => retryDelay(steps, tries, almostOne)), [6_250, 75_000]);
  assert.equal(retryDelay([], 1, 0), undefined);
});

Deno.test("a request is tried for longer than a server needs to restart", () => {
  assert.ok(FETCH.reduce((sum: number, step) => sum + step, 0) > 5 * 60_000);
});

Deno.test.each(["1s, 5s, 30s, 2m, 5m", "5s, 1m, 10m*3", "90s", ""])(
  "formatRetry() writes %s as parseRetry() reads it",
  (text) => {
    const steps = text === "" ? [] : parseRetry(text, FETCH) ?? [];
    assert.deepEqual(formatRetry(steps) === "" ? [] : parseRetry(formatRetry(steps), FETCH), steps);
  },
);

Deno.test("mail is tried for about a day, twice within greylisting's five minutes to four hours", () => {
  const at = DEFAULT_RETRIES.mail.map(((sum) => (step: number) => sum += step)(0));
  const HOUR = 3_600_000;
  assert.ok((at.at(-1) ?? 0) > 20 * HOUR && (at.at(-1) ?? 0) < 24 * HOUR);
  assert.ok(at.filter((ms) => ms >= HOUR / 12 && ms <= 4 * HOUR).length >= 2);
});
