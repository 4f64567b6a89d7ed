import assert from "node:assert/strict";
import { cronWords } from "../../src/schedules/cron_words.ts";

Deno.test.each([
  { cron: "0 3 * * *", words: "At 03:00" },
  { cron: "30 8 * * 1-5", words: "At 08:30, Monday through Friday" },
  { cron: "*/10 * * * * *", words: "Every 10 seconds" },
  { cron: "@daily", words: "At 00:00" },
  { cron: "0 12 15W * *", words: "At 12:00, on the weekday nearest day 15 of the month" },
  { cron: "0 9 * * 1#2", words: "At 09:00, on the second Monday of the month" },
  { cron: "0 0 1 * 1", words: "At 00:00, on day 1 of the month, or on Monday" },
  {
    cron: "0 9 1-7 * +MON",
    words: "At 09:00, between day 1 and 7 of the month, and on Monday",
  },
  { cron: "0 9 * * FRI#2", words: "At 09:00, on the second Friday of the month" },
  { cron: "5/15 * * * *", words: "Every 15 minutes, starting at 5 minutes past the hour" },
  { cron: "no cron", words: undefined },
])("$cron is said as $words", ({ cron, words }) => {
  assert.equal(cronWords(cron), words);
});
