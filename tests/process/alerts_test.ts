/**
 * Every alert rule fires when it should, and on the first burst, as promtool sees it.
 *
 * @module
 */

import assert from "node:assert/strict";
import { parse, stringify } from "yaml";
import { needs } from "../support/needs.ts";
import { aFolder, ROOT } from "../support/process.ts";

const RULES = `${ROOT}src/http/assets/alerts.yaml`;

/** Series by name, and when the alert must be firing; at `quiet` it must not. */
interface Case {
  readonly series: Readonly<Record<string, string>>;
  readonly fires: string;
  readonly quiet?: string;
}

const failed = 'postrider_tasks_finished_total{type="fetch",state="failed"}';
const succeeded = 'postrider_tasks_finished_total{type="fetch",state="succeeded"}';
const attempts = (outcome: string) =>
  `postrider_attempt_duration_seconds_count{host_class="relay",outcome="${outcome}"}`;
const waits = (le: string) => `postrider_queue_wait_seconds_bucket{channel="email",le="${le}"}`;

const CASES: Readonly<Record<string, Case>> = {
  PostriderDown: { series: { 'up{job="postrider"}': "1x3 0x10" }, fires: "6m", quiet: "3m" },
  PostriderNotAccepting: { series: { postrider_accepting: "1x3 0x10" }, fires: "7m", quiet: "3m" },
  PostriderTasksFail: {
    series: { [failed]: "0x4 10x20", [succeeded]: "0+1x30" },
    fires: "7m",
    quiet: "4m",
  },
  PostriderTasksLate: { series: { postrider_oldest_due_seconds: "0+60x30" }, fires: "12m" },
  PostriderTasksWait: {
    series: { [waits("60")]: "0x30", [waits("300")]: "0+5x30", [waits("+Inf")]: "0+5x30" },
    fires: "15m",
  },
  PostriderQueueGrows: {
    series: { 'postrider_queued_tasks{kind="due"}': "2000+10x90" },
    fires: "70m",
  },
  PostriderRelayDefers: {
    series: { [attempts("deferred")]: "0+5x30", [attempts("delivered")]: "0+1x30" },
    fires: "15m",
  },
  PostriderStorageFull: {
    series: { 'postrider_refusals_total{code="queue_full"}': "0x4 10x10" },
    fires: "6m",
    quiet: "4m",
  },
  PostriderDiskLow: { series: { postrider_disk_free_bytes: "5e9x3 5e8x10" }, fires: "10m" },
  PostriderHookFails: {
    series: { 'postrider_hook_deliveries_total{hook="ci",verdict="failed"}': "0x4 1x10" },
    fires: "6m",
    quiet: "4m",
  },
  PostriderScheduleFails: {
    series: { 'postrider_schedule_runs_total{schedule="nightly",result="failed"}': "0x4 1x10" },
    fires: "6m",
    quiet: "4m",
  },
  PostriderThreadLost: { series: { postrider_threads_lost: "0x4 1x10" }, fires: "6m", quiet: "4m" },
};

Deno.test("there is a case for every alert rule", async () => {
  const { groups } = parse(await Deno.readTextFile(RULES));
  const names = groups[0].rules.map(({ alert }: { alert: string }) => alert);
  assert.deepEqual(names.sort(), Object.keys(CASES).sort());
});

Deno.test.each(Object.entries(CASES))(
  "the alert %s fires when it should, and only then",
  needs("promtool"),
  async (alert, { series, fires, quiet }) => {
    await using folder = await aFolder();
    const path = `${folder.path}/test.yaml`;
    const input = Object.entries(series).map(([name, values]) => ({ series: name, values }));
    const states = async (evalTime: string, expected: readonly unknown[]) => {
      const test = {
        rule_files: [RULES],
        evaluation_interval: "1m",
        tests: [{
          interval: "1m",
          input_series: input,
          promql_expr_test: [{
            expr: `count(ALERTS{alertname="${alert}",alertstate="firing"})`,
            eval_time: evalTime,
            exp_samples: expected,
          }],
        }],
      };
      await Deno.writeTextFile(path, stringify(test));
      const { code, stdout, stderr } = await new Deno.Command("promtool", {
        args: ["test", "rules", path],
      }).output();
      const text = new TextDecoder();
      assert.equal(code, 0, text.decode(stdout) + text.decode(stderr));
    };
    await states(fires, [{ value: 1 }]);
    if (quiet !== undefined) await states(quiet, []);
  },
);
