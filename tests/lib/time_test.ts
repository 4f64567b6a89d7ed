import assert from "node:assert/strict";

import { isTimeZone, parseTime } from "../../src/lib/time.ts";

Deno.test.each([
  { name: "UTC", known: true },
  { name: "Europe/Berlin", known: true },
  { name: "America/Argentina/Buenos_Aires", known: true },
  { name: "Etc/GMT+5", known: true },
  { name: "+05:30", known: true },
  { name: "", known: false },
  { name: "Europe/Atlantis", known: false },
  { name: "2026-01-01T00:00Z", known: false },
  { name: "2026-01-01T00:00+01:00[Europe/Berlin]", known: false },
])("%o is a time zone: $known", ({ name, known }) => assert.equal(isTimeZone(name), known));

Deno.test.each([
  { text: "2030-01-01T23:59:59Z", at: Date.UTC(2030, 0, 1, 23, 59, 59) },
  { text: "2030-01-01t00:00:00.5+02:00", at: Date.UTC(2029, 11, 31, 22, 0, 0, 500) },
  // RFC 3339 §5.6: hours are 00 to 23.
  { text: "2030-01-01T24:00:00Z", at: undefined },
  { text: "2030-02-30T00:00:00Z", at: undefined },
  { text: "2030-01-01T00:00:00", at: undefined },
])("$text is $at", ({ text, at }) => assert.equal(parseTime(text), at));
