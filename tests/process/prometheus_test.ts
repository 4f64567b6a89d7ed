import assert from "node:assert/strict";

import { linesOf } from "../support/lines.ts";
import { needs } from "../support/needs.ts";
import { aFolder, startPostrider } from "../support/process.ts";
import { startUpstream } from "../support/upstream.ts";

Deno.test(
  "Debian's Prometheus scrapes the service with a key, loads its rules, and counts its tasks",
  needs("prometheus"),
  async () => {
    await using folder = await aFolder();
    await using upstream = startUpstream();
    await using postrider = startPostrider({
      data: folder.path,
      env: {
        ...upstream.env,
        POSTRIDER_API_KEYS: "prometheus:scrape-secret:read,ada:a-long-secret",
      },
    });
    const { url } = await postrider.listening;
    const headers = { authorization: "Bearer a-long-secret", "content-type": "application/json" };
    for (const path of ["/a", "/b", "/missing"]) {
      const body = JSON.stringify({ url: upstream.url + path });
      const sent = await fetch(`${url}/fetch`, { method: "POST", headers, body });
      const { id } = await sent.json();
      await (await fetch(`${url}/tasks/${id}?wait=10s`, { headers })).body?.cancel();
    }

    const rules = await (await fetch(`${url}/metrics/alerts.yaml`)).text();
    await Deno.writeTextFile(`${folder.path}/alerts.yaml`, rules);
    await Deno.writeTextFile(`${folder.path}/prometheus.yaml`, settingsFor(new URL(url).host));
    await using prometheus = await startPrometheus(folder.path);

    const ask = (query: string) => prometheus.ask(`query?${new URLSearchParams({ query })}`);
    assert.equal((await prometheus.until("up == 1"))?.metric.job, "postrider");
    const counted = await ask("postrider_tasks_finished_total > 0");
    assert.deepEqual(
      counted.result.map(({ metric, value }) => [metric.state, value[1]]).sort(),
      [["failed", "1"], ["succeeded", "2"]],
    );
    const outcomes = await ask(
      "sum by (outcome, host_class) (postrider_attempt_duration_seconds_count)",
    );
    assert.deepEqual(
      outcomes.result.map(({ metric, value }) => [metric.outcome, metric.host_class, value[1]])
        .sort(),
      [["delivered", "private", "2"], ["rejected", "private", "1"]],
    );
    const { groups } = await prometheus.ask("rules");
    const loaded = groups.flatMap(({ rules }) => rules);
    assert.equal(loaded.length, 12);
    assert.deepEqual(loaded.filter(({ health }) => health === "err"), []);
  },
);

function settingsFor(host: string): string {
  return JSON.stringify({
    global: { scrape_interval: "200ms", scrape_timeout: "200ms", evaluation_interval: "200ms" },
    rule_files: ["alerts.yaml"],
    scrape_configs: [{
      job_name: "postrider",
      authorization: { credentials: "scrape-secret" },
      static_configs: [{ targets: [host] }],
    }],
  });
}

interface Asked {
  readonly result: { metric: Record<string, string>; value: [number, string] }[];
  readonly groups: { rules: { name: string; health: string }[] }[];
}

/** Starts Prometheus on a free port. */
async function startPrometheus(folder: string) {
  const port = freePort();
  const process = new Deno.Command("prometheus", {
    args: [
      `--config.file=${folder}/prometheus.yaml`,
      `--storage.tsdb.path=${folder}/prometheus`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    cwd: folder,
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const lines = linesOf(process.stdout, process.stderr);
  await lines.find(/Server is ready to receive web requests/);
  const ask = async (path: string): Promise<Asked> => {
    const answer = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`);
    return (await answer.json()).data;
  };
  return {
    ask,
    /** The first series of a query, as soon as there is one. */
    async until(query: string) {
      for (;;) {
        const [first] = (await ask(`query?${new URLSearchParams({ query })}`)).result;
        if (first) return first;
      }
    },
    async [Symbol.asyncDispose]() {
      process.kill("SIGKILL");
      await process.status;
      await lines.ended;
    },
  };
}

/** Prometheus does not say which port it got: one is looked for beforehand. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}
