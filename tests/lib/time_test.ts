import assert from "node:assert/strict";

import { isTimeZone } from "../../src/lib/time.ts";

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
