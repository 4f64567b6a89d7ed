import assert from "node:assert/strict";
import { Histogram, Registry } from "prom-client";
import { registerCounter, registerHistogram } from "../../src/lib/series.ts";

Deno.test("a histogram is written as prom-client writes its own", async () => {
  const options = { name: "seconds", help: "Waits.", labelNames: ["type", "channel"] };
  const bounds = [0.5, 1, 10];
  const [ours, theirs] = [new Registry(), new Registry()];
  const quick = registerHistogram(ours, { ...options, bounds });
  const known = new Histogram({ ...options, buckets: bounds, registers: [theirs] });
  // Series in turns, values on a bound, below all and above all.
  for (const value of [0.5, 0.7, 1, 1.5, 10, 11, 0]) {
    for (const [type, channel] of [["fetch", "http"], ["notify", "mail"]] as const) {
      quick.observe(value, type, channel);
      known.observe({ type, channel }, value);
    }
  }
  assert.equal(await ours.metrics(), await theirs.metrics());
});

Deno.test("a counter keeps its series apart, and shows one that was never counted", async () => {
  const registry = new Registry();
  const counter = registerCounter(registry, {
    name: "ends_total",
    help: "Ends.",
    labelNames: ["type", "state"],
  });
  counter.add(0, "fetch", "failed");
  counter.add(2, "fetch", "succeeded");
  counter.add(1, "notify", "succeeded");
  counter.add(3, "fetch", "succeeded");
  assert.deepEqual((await registry.metrics()).trim().split("\n").slice(2), [
    'ends_total{type="fetch",state="failed"} 0',
    'ends_total{type="fetch",state="succeeded"} 5',
    'ends_total{type="notify",state="succeeded"} 1',
  ]);
});
