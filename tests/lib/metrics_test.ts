import assert from "node:assert/strict";
import { openMetrics } from "../../src/lib/metrics.ts";

const AT_REST = { tasks: { queued: 2 }, queued: { due: 2 }, gauges: { postrider_accepting: 1 } };

/** The value of a series, as Prometheus would read it. */
function valueOf(text: string, series: string): string | undefined {
  return text.split("\n").find((line) => line.startsWith(`${series} `))?.slice(series.length + 1);
}

Deno.test("metrics count what happens, by kind", async () => {
  const metrics = openMetrics({ version: "1.2.3", engine: "memory" });
  metrics.accepted("fetch", 3, 0.002);
  metrics.refused("invalid");
  metrics.claimed("fetch", "http", 0.02);
  metrics.claimed("fetch", "http", -1);
  metrics.attempted(
    { type: "fetch", channel: "http", outcome: "delivered", host_class: "public" },
    1.5,
  );
  metrics.finished("fetch", "succeeded");
  const text = await metrics.text(AT_REST);
  const expected = {
    'postrider_tasks_accepted_total{type="fetch"}': "3",
    'postrider_accept_duration_seconds_count{type="fetch"}': "1",
    'postrider_accept_duration_seconds_bucket{le="0.001",type="fetch"}': "0",
    'postrider_accept_duration_seconds_bucket{le="0.0025",type="fetch"}': "1",
    'postrider_refusals_total{code="invalid"}': "1",
    'postrider_queue_wait_seconds_bucket{le="0.005",type="fetch",channel="http"}': "1",
    'postrider_queue_wait_seconds_sum{type="fetch",channel="http"}': "0.02",
    'postrider_tasks_finished_total{type="fetch",state="succeeded"}': "1",
    'postrider_tasks{state="queued"}': "2",
    postrider_accepting: "1",
    'postrider_info{version="1.2.3",engine="memory"}': "1",
    'postrider_attempt_duration_seconds_sum{type="fetch",channel="http",outcome="delivered",host_class="public"}':
      "1.5",
  };
  for (const [series, value] of Object.entries(expected)) {
    assert.equal(valueOf(text, series), value, series);
  }
});

Deno.test("two services in one process do not share their figures", async () => {
  const [one, other] = [openMetrics({ version: "1" }), openMetrics({ version: "1" })];
  one.finished("fetch", "failed");
  assert.match(await one.text(AT_REST), /finished_total\{.*\} 1/);
  assert.doesNotMatch(await other.text(AT_REST), /finished_total\{.*\} [^0]/);
});

Deno.test("counters are present as 0 from the start", async () => {
  const text = await openMetrics({ version: "1" }, ["queue_full"]).text(AT_REST);
  for (const type of ["notify", "fetch"]) {
    assert.ok(text.includes(`postrider_tasks_accepted_total{type="${type}"} 0`));
    for (const state of ["succeeded", "failed", "cancelled", "expired"]) {
      assert.ok(text.includes(`postrider_tasks_finished_total{type="${type}",state="${state}"} 0`));
    }
  }
  assert.ok(text.includes('postrider_refusals_total{code="queue_full"} 0'));
});
