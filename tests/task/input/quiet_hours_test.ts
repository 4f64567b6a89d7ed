import assert from "node:assert/strict";
import { afterQuiet, readQuiet } from "../../../src/task/input/quiet_hours.ts";

const NIGHT = { from: "22:00", until: "07:00", timeZone: "Europe/Berlin" };
const NOON = { from: "12:00", until: "13:00" };

Deno.test.each([
  { hours: NIGHT, at: "2026-01-10T12:00:00Z", due: "2026-01-10T12:00:00Z" },
  { hours: NIGHT, at: "2026-01-10T21:30:00Z", due: "2026-01-11T06:00:00Z" },
  { hours: NIGHT, at: "2026-01-11T05:59:59Z", due: "2026-01-11T06:00:00Z" },
  { hours: NIGHT, at: "2026-01-11T06:00:00Z", due: "2026-01-11T06:00:00Z" },
  // The clocks are put on in this night, and back in that one.
  { hours: NIGHT, at: "2026-03-28T22:00:00Z", due: "2026-03-29T05:00:00Z" },
  { hours: NIGHT, at: "2026-10-24T21:00:00Z", due: "2026-10-25T06:00:00Z" },
  {
    hours: { ...NIGHT, until: "02:30" },
    at: "2026-03-28T22:00:00Z",
    due: "2026-03-29T01:30:00Z",
  },
  { hours: NOON, at: "2026-01-10T12:30:00Z", due: "2026-01-10T13:00:00Z" },
  { hours: NOON, at: "2026-01-10T13:30:00Z", due: "2026-01-10T13:30:00Z" },
])("what is due at $at is attempted at $due", ({ hours, at, due }) => {
  const quiet = readQuiet(hours, []) ?? assert.fail();
  assert.equal(afterQuiet(Date.parse(at), quiet), Date.parse(due));
});
