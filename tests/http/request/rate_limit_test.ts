import assert from "node:assert/strict";
import { parseApiKeys } from "../../../src/http/auth/auth.ts";
import { openRateLimit } from "../../../src/http/request/rate_limit.ts";
import { parseRate } from "../../../src/lib/rate_text.ts";
import { Api } from "../../support/api.ts";
import { FakeClock } from "../../support/fake_clock.ts";

Deno.test("a bucket can be emptied at once and refills evenly", async () => {
  const clock = new FakeClock();
  const count = openRateLimit(() => ({ count: 2, windowMs: 10_000 }), clock);
  const take = async (name: string) => await count(name);
  assert.deepEqual(await take("a"), {
    "ratelimit-policy": '"default";q=2;w=10',
    "ratelimit": '"default";r=1;t=5',
  });
  await take("a");
  await assert.rejects(take("a"), { code: "rate_limited" });
  await take("b");
  await clock.advance(4_999);
  await assert.rejects(take("a"), { code: "rate_limited" });
  await clock.advance(1);
  await take("a");
  await assert.rejects(take("a"), { code: "rate_limited" });
});

Deno.test("a submit over the limit gets Retry-After; reads are not limited", async () => {
  await using api = await Api.open({
    rate: parseRate("2/1m"),
    keys: parseApiKeys("a:s1,b:s2"),
    anonymous: "refused",
  });
  const submit = (secret: string) =>
    api.post("/fetch", { url: "https://example.org/" }, { authorization: `Bearer ${secret}` });
  assert.equal((await submit("s1")).headers.get("ratelimit"), '"default";r=1;t=30');
  assert.equal((await submit("s1")).status, 202);
  const { status, headers, body } = await submit("s1");
  assert.equal(status, 429);
  assert.equal(body.code, "rate_limited");
  assert.equal(headers.get("retry-after"), "30");
  assert.equal((await submit("s2")).status, 202);
  assert.equal((await api.get("/tasks", { authorization: "Bearer s1" })).status, 200);
  await api.clock.advance(30_000);
  assert.equal((await submit("s1")).status, 202);
});
