import assert from "node:assert/strict";
import { parseRetryAfter } from "../../../src/channels/http/rate_headers.ts";

const now = Date.UTC(2026, 0, 1, 12, 0, 0);

const wishes: { text: string | undefined; ms: number | undefined }[] = [
  { text: undefined, ms: undefined },
  { text: "0", ms: 0 },
  { text: " 30 ", ms: 30_000 },
  { text: "Thu, 01 Jan 2026 12:01:00 GMT", ms: 60_000 },
  { text: "Thursday, 01-Jan-26 12:01:00 GMT", ms: 60_000 },
  { text: "Thu, 01 Jan 2026 11:00:00 GMT", ms: 0 },
  { text: "1.5", ms: undefined },
  { text: "-1", ms: undefined },
  { text: "5 May", ms: undefined },
  { text: "soon GMT", ms: undefined },
  { text: "", ms: undefined },
];

Deno.test.each(wishes)('parseRetryAfter() reads "$text" as $ms ms', ({ text, ms }) => {
  assert.equal(parseRetryAfter(text, now), ms);
});
