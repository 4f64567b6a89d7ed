import assert from "node:assert/strict";
import { z } from "zod";
import { type Issue, issuesOf } from "../../../src/task/issues.ts";
import {
  optionFields,
  type RawOptions,
  readOptions,
  type SubmitOptions,
} from "../../../src/task/input/options.ts";
import { parseTime } from "../../../src/lib/time.ts";

const DEFAULTS = { retry: [1_000, 5_000], timeoutMs: 30_000 };
const DAY_MS = 86_400_000;

const schema = z.strictObject(optionFields);

function read(given: z.input<typeof schema>): {
  readonly options?: SubmitOptions;
  readonly issues: readonly Issue[];
} {
  const checked = schema.safeParse(given);
  if (!checked.success) return { issues: issuesOf(checked.error) };
  const issues: Issue[] = [];
  return { options: readOptions(checked.data, DEFAULTS, issues), issues };
}

Deno.test("options that are not given have their defaults", () => {
  assert.deepEqual(read({}), {
    options: { priority: 5, retry: [1_000, 5_000], timeoutMs: 30_000, onUnknown: "retry" },
    issues: [],
  });
});

Deno.test.each([
  { raw: { delay: "1h30m" }, means: { delayMs: 5_400_000 } },
  { raw: { delay: "0s" }, means: { delayMs: 0 } },
  { raw: { delay: "3650d" }, means: { delayMs: 3_650 * DAY_MS } },
  { raw: { runAt: "2026-01-31T08:00:00Z" }, means: { runAt: Date.UTC(2026, 0, 31, 8) } },
  { raw: { expires: "2h" }, means: { expiresMs: 7_200_000 } },
  { raw: { expires: "2026-01-31T08:00:00Z" }, means: { expiresAt: Date.UTC(2026, 0, 31, 8) } },
  { raw: { timeout: "100ms" }, means: { timeoutMs: 100 } },
  { raw: { timeout: "1h" }, means: { timeoutMs: 3_600_000 } },
  { raw: { retry: 0 }, means: { retry: [] } },
  { raw: { retry: 3 }, means: { retry: [1_000, 5_000, 5_000] } },
  { raw: { retry: "5s, 1m*2" }, means: { retry: [5_000, 60_000, 60_000] } },
  { raw: { tags: ["b", "a", "b"] }, means: { tags: ["b", "a"] } },
  { raw: { tags: ["é".repeat(32)] }, means: { tags: ["é".repeat(32)] } },
  { raw: { key: "order-7" }, means: { key: "order-7" } },
  { raw: { onUnknown: "stop", retain: "none" }, means: { onUnknown: "stop", retain: "none" } },
] as { raw: RawOptions; means: Record<string, unknown> }[])(
  "$raw means $means",
  ({ raw, means }) => {
    const { options, issues } = read(raw);
    assert.deepEqual(issues, []);
    assert.deepEqual({ ...options, ...means }, options);
  },
);

Deno.test.each([
  { raw: { delay: "soon" }, pointer: "/delay", says: /duration/ },
  { raw: { delay: "3651d" }, pointer: "/delay", says: /at most 3650d/ },
  { raw: { delay: "999999999d" }, pointer: "/delay", says: /duration/ },
  { raw: { runAt: "tomorrow" }, pointer: "/runAt", says: /RFC 3339/ },
  { raw: { delay: "1s", runAt: "2026-01-31T08:00:00Z" }, pointer: "/runAt", says: /not both/ },
  { raw: { expires: "never" }, pointer: "/expires", says: /duration.*time/ },
  { raw: { timeout: "99ms" }, pointer: "/timeout", says: /"100ms" to "1h"/ },
  { raw: { timeout: "61m" }, pointer: "/timeout", says: /"100ms" to "1h"/ },
  { raw: { timeout: "fast" }, pointer: "/timeout", says: /"100ms" to "1h"/ },
  { raw: { retry: "5s,,1m" }, pointer: "/retry", says: /schedule/ },
  { raw: { retry: "1s*101" }, pointer: "/retry", says: /at most 100/ },
  { raw: { retry: "999999999d" }, pointer: "/retry", says: /3650d/ },
  { raw: { key: "" }, pointer: "/key", says: /1 to 256 bytes/ },
  { raw: { key: "k".repeat(257) }, pointer: "/key", says: /256/ },
  { raw: { key: "a\nb" }, pointer: "/key", says: /one line/ },
  { raw: { key: "\ud800" }, pointer: "/key", says: /one line/ },
  { raw: { tags: ["ok", ""] }, pointer: "/tags/1", says: /1 to 64 bytes/ },
  { raw: { tags: ["é".repeat(33)] }, pointer: "/tags/0", says: /64 bytes/ },
] as { raw: RawOptions; pointer: string; says: RegExp }[])(
  "$raw is refused at $pointer",
  ({ raw, pointer, says }) => {
    const { issues } = read(raw);
    assert.equal(issues.length, 1);
    assert.equal(issues[0]?.pointer, pointer);
    assert.match(issues[0]?.detail ?? "", says);
  },
);

Deno.test.each([
  { text: "2026-02-28T23:59:59Z", at: Date.UTC(2026, 1, 28, 23, 59, 59) },
  { text: "2026-02-28t23:59:59.25z", at: Date.UTC(2026, 1, 28, 23, 59, 59, 250) },
  { text: "2026-01-01T01:00:00+01:00", at: Date.UTC(2026, 0, 1) },
  { text: "2024-02-29T00:00:00Z", at: Date.UTC(2024, 1, 29) },
  { text: "2026-02-29T00:00:00Z", at: undefined },
  { text: "2026-04-31T00:00:00Z", at: undefined },
  { text: "2026-13-01T00:00:00Z", at: undefined },
  { text: "2026-01-01T25:00:00Z", at: undefined },
  { text: "2026-01-01T00:00:00", at: undefined },
  { text: "2026-01-01", at: undefined },
  { text: "", at: undefined },
])("$text is the time $at", ({ text, at }) => assert.equal(parseTime(text), at));
