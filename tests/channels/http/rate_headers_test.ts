import assert from "node:assert/strict";
import { parseRetryAfter, rateLimitOf } from "../../../src/channels/http/rate_headers.ts";

const now = Date.UTC(2026, 0, 1, 12, 0, 0);

const delays: { text: string | undefined; ms: number | undefined }[] = [
  { text: undefined, ms: undefined },
  { text: "0", ms: 0 },
  { text: " 30 ", ms: 30_000 },
  { text: "Thu, 01 Jan 2026 12:01:00 GMT", ms: 60_000 },
  { text: "Thursday, 01-Jan-26 12:01:00 GMT", ms: 60_000 },
  { text: "Thu, 01 Jan 2026 11:00:00 GMT", ms: 0 },
  { text: "2.0", ms: 2_000 },
  { text: "8.5", ms: 8_500 },
  { text: "0.0001", ms: 1 },
  { text: "3, 30", ms: 30_000 },
  { text: "Thu Jan  1 12:01:00 2026", ms: 60_000 },
  { text: "Thu, 01 Jan 2026 12:01:00 UTC", ms: 60_000 },
  { text: "Thu, 01 Jan 2026 13:01:00 +0100", ms: 60_000 },
  { text: "2026-01-01T12:01:00Z", ms: 60_000 },
  { text: "1.5.2", ms: undefined },
  { text: "30 seconds", ms: undefined },
  { text: "Thu Jan  1 12:01:00", ms: undefined },
  { text: "-1", ms: undefined },
  { text: "5 May", ms: undefined },
  { text: "soon GMT", ms: undefined },
  { text: "", ms: undefined },
];

Deno.test.each(delays)('parseRetryAfter() reads "$text" as $ms ms', ({ text, ms }) => {
  assert.equal(parseRetryAfter(text, now), ms);
});

const limits: { headers: Record<string, string>; left?: number; resetMs?: number }[] = [
  { headers: { ratelimit: '"default";r=0;t=40' }, left: 0, resetMs: 40_000 },
  { headers: { ratelimit: "limit=100, remaining=0, reset=30" }, left: 0, resetMs: 30_000 },
  { headers: { ratelimit: "limit=100, remaining=7, reset=30" }, left: 7, resetMs: 30_000 },
  { headers: { ratelimit: '"burst";r=50;t=10, "daily";r=0;t=3600' }, left: 0, resetMs: 3_600_000 },
  { headers: { ratelimit: '"a, r=0";r=5;t=9' }, left: 5, resetMs: 9_000 },
  { headers: { ratelimit: '"a";r=0;t=1, "b";r=0;t=5' }, left: 0, resetMs: 5_000 },
  { headers: { ratelimit: "default;r=0;t=1.5" }, left: 0, resetMs: 1_500 },
  { headers: { "ratelimit-remaining": "0", "ratelimit-reset": "20" }, left: 0, resetMs: 20_000 },
  {
    headers: { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1767268860" },
    left: 0,
    resetMs: 60_000,
  },
  {
    headers: { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1767268860000" },
    left: 0,
    resetMs: 60_000,
  },
  {
    headers: { "x-ratelimit-remaining": "0", "x-ratelimit-reset-after": "0.25" },
    left: 0,
    resetMs: 250,
  },
  {
    headers: { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "Thu, 01 Jan 2026 12:01:00 GMT" },
    left: 0,
    resetMs: 60_000,
  },
  { headers: { "x-ratelimit-remaining": "5" }, left: 5 },
  { headers: { "x-ratelimit-reset": "30" }, resetMs: 30_000 },
  { headers: { "x-ratelimit-remaining": "-1", "x-ratelimit-reset": "30" }, resetMs: 30_000 },
  { headers: { "ratelimit-remaining": "0, 9", "ratelimit-reset": "30" }, resetMs: 30_000 },
  { headers: { ratelimit: "soon" } },
  { headers: {} },
];

Deno.test.each(limits)("rateLimitOf() reads $headers", ({ headers, ...limit }) => {
  assert.deepEqual(rateLimitOf(headers, now), limit);
});
