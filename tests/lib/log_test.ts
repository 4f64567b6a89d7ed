import assert from "node:assert/strict";

import { type LogFormat, type LogLevel, openLog } from "../../src/lib/log.ts";

const AT = Date.UTC(2026, 0, 1, 12, 30, 5, 7);

Deno.test("a line for a person has the time, the level, the words, then the fields", () => {
  const { log, lines } = setup("text");
  log.info("listening", { at: "127.0.0.1:8000", note: "two words", empty: "" });
  assert.deepEqual(lines, [
    '12:30:05.007 info  listening at=127.0.0.1:8000 note="two words" empty=""',
  ]);
});

Deno.test("a line for a collector is one JSON object with the date in UTC", () => {
  const { log, lines } = setup("json");
  log.warn("slow", { ms: 12 });
  assert.deepEqual(lines.map((line) => JSON.parse(line)), [
    { at: "2026-01-01T12:30:05.007Z", level: "warn", message: "slow", ms: 12 },
  ]);
});

Deno.test.each([
  { level: "debug", said: ["debug", "info", "warn", "error"] },
  { level: "info", said: ["info", "warn", "error"] },
  { level: "warn", said: ["warn", "error"] },
  { level: "error", said: ["error"] },
] as { level: LogLevel; said: LogLevel[] }[])(
  "at level $level it says $said",
  ({ level, said }) => {
    const { log, lines } = setup("json", level);
    for (const at of ["debug", "info", "warn", "error"] as const) log[at]("x");
    assert.deepEqual(lines.map((line) => JSON.parse(line).level), said);
  },
);

Deno.test.each([
  { format: "text", message: "a\nb\r\x1b[31mc\x9bd\u2028e" },
  { format: "json", message: "a\nb\r\x1b[31mc\x9bd\u2028e" },
] as { format: LogFormat; message: string }[])(
  "nothing in a $format line forges a second line or reaches the terminal's controls",
  ({ format, message }) => {
    const { log, lines } = setup(format);
    log.info(message, { field: message });
    // deno-lint-ignore no-control-regex -- control characters are what it is about
    assert.doesNotMatch(lines.join(""), /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
    assert.equal(lines.length, 1);
  },
);

Deno.test("an error is written with its stack, and a field without a value is left out", () => {
  const { log, lines } = setup("json");
  log.error("failed", { error: new TypeError("odd"), nothing: undefined });
  const { error, ...rest } = JSON.parse(lines[0] ?? "");
  assert.match(error, /^TypeError: odd\n\s+at /);
  assert.deepEqual(rest, { at: "2026-01-01T12:30:05.007Z", level: "error", message: "failed" });
});

Deno.test.each([{ format: "text" }, { format: "json" }] as { format: LogFormat }[])(
  "a field that JSON cannot hold does not break the $format line",
  ({ format }) => {
    const { log, lines } = setup(format);
    const round: { self?: unknown } = {};
    round.self = round;
    log.info("odd", { big: 1n, round });
    assert.match(lines[0] ?? "", /odd.*big/);
  },
);

Deno.test("a field cannot pass itself off as the level or the message", () => {
  const { log, lines } = setup("json");
  log.error("true", { message: "false", level: "info", at: "never" });
  assert.deepEqual(JSON.parse(lines[0] ?? ""), {
    at: "2026-01-01T12:30:05.007Z",
    level: "error",
    message: "true",
  });
});

function setup(format: LogFormat, level: LogLevel = "info") {
  const lines: string[] = [];
  return {
    lines,
    log: openLog({ level, format, now: () => AT, write: (line) => lines.push(line) }),
  };
}
