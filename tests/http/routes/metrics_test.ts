import assert from "node:assert/strict";
import { parse } from "yaml";
import { parseApiKeys } from "../../../src/http/auth/auth.ts";
import { EngineError } from "../../../src/queue/errors.ts";
import { Api } from "../../support/api.ts";
import { needs } from "../../support/needs.ts";

Deno.test("/metrics counts accepted, refused and finished tasks", async () => {
  await using api = await Api.open();
  await api.accept();
  await api.post("/fetch", { urls: ["https://a.example/", "https://b.example/"] });
  await api.post("/fetch", { url: 1 });
  await api.finish();
  const { status, headers, body } = await api.get("/metrics");
  assert.equal(status, 200);
  assert.equal(headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  for (
    const line of [
      'postrider_tasks_accepted_total{type="fetch"} 3',
      'postrider_accept_duration_seconds_count{type="fetch"} 2',
      'postrider_refusals_total{code="invalid"} 1',
      'postrider_tasks_finished_total{type="fetch",state="succeeded"} 1',
      'postrider_tasks{state="queued"} 2',
      'postrider_tasks{state="succeeded"} 1',
      'postrider_info{version="1.2.3",engine="memory"} 1',
      "postrider_accepting 1",
    ]
  ) assert.ok(body.includes(`${line}\n`), line);
});

Deno.test("/metrics counts every refusal, whoever found it", async () => {
  await using api = await Api.open();
  const id = await api.accept();
  await api.get("/nothing");
  await api.delete("/openapi.json");
  await api.get("/ui/tasks/tsk_none");
  api.engine.findBrief = () => Promise.reject(new EngineError("The queue is away"));
  await api.get(`/tasks/${id}`);
  api.engine.findBrief = () => Promise.reject(new TypeError("A mistake"));
  await api.get(`/tasks/${id}`);
  const { body } = await api.get("/metrics");
  for (
    const line of [
      'postrider_refusals_total{code="not_found"} 2',
      'postrider_refusals_total{code="method_not_allowed"} 1',
      'postrider_refusals_total{code="engine_down"} 1',
      'postrider_refusals_total{code="internal"} 1',
    ]
  ) assert.ok(body.includes(`${line}\n`), line);
});

Deno.test("/metrics counts held hosts", async () => {
  await using api = await Api.open();
  await api.accept();
  const hold = { forMs: 60_000, reason: "429" };
  await api.finish(1, { kind: "deferred", error: { code: "http_429", detail: "" }, hold });
  assert.match((await api.get("/metrics")).body, /^postrider_lanes_held 1$/m);
  await api.clock.advance(60_000);
  assert.match((await api.get("/metrics")).body, /^postrider_lanes_held 0$/m);
});

Deno.test("/metrics contains no task, host, owner or secret", async () => {
  await using api = await Api.open({ keys: parseApiKeys("ada-key:s3cret"), anonymous: "refused" });
  const headers = { authorization: "Bearer s3cret" };
  const id = await api.accept(
    { url: "https://upstream.example/?token=t0k", tags: ["tag-x"] },
    headers,
  );
  await api.finish();
  const { body } = await api.get("/metrics", headers);
  for (const word of [id, "upstream", "ada-key", "s3cret", "t0k", "tag-x"]) {
    assert.ok(!body.includes(word), word);
  }
});

Deno.test("/metrics needs the scope read; the alert rules and the Grafana dashboard need no key", async () => {
  await using api = await Api.open({
    keys: parseApiKeys("a:a:fetch,b:b:read"),
    anonymous: "refused",
  });
  const statusOf = async (path: string, key?: string) =>
    (await api.get(path, key ? { authorization: `Bearer ${key}` } : {})).status;
  assert.equal(await statusOf("/metrics"), 401);
  assert.equal(await statusOf("/metrics", "a"), 403);
  assert.equal(await statusOf("/metrics", "b"), 200);
  assert.equal(await statusOf("/metrics/alerts.yaml"), 200);
  assert.equal(await statusOf("/metrics/grafana.json"), 200);
});

Deno.test("the alert rules and the Grafana dashboard use existing metrics", async () => {
  await using api = await Api.open();
  await api.accept();
  await api.finish();
  const rules = parse((await api.get("/metrics/alerts.yaml")).body);
  const dashboard = (await api.get("/metrics/grafana.json")).body;
  const told = (await api.get("/metrics")).body;
  const expressions: string[] = [
    ...rules.groups[0].rules.map(({ expr }: { expr: string }) => expr),
    ...dashboard.panels.flatMap((panel: { targets: { expr: string }[] }) =>
      panel.targets.map(({ expr }) => expr)
    ),
  ];
  assert.ok(expressions.length > 15);
  for (const expression of expressions) {
    const names = expression.match(/\b(?:postrider|process)_\w+/g) ??
      (/^up\{/.test(expression) ? [] : assert.fail(expression));
    for (const name of names) {
      const base = name.replace(/_(?:bucket|sum|count)$/, "");
      assert.ok(told.includes(`# TYPE ${base} `), `${name} of ${expression}`);
    }
  }
});

Deno.test("promtool accepts the alert rules", needs("promtool"), async () => {
  await using api = await Api.open();
  const file = await Deno.makeTempFile({ suffix: ".yaml" });
  try {
    await Deno.writeTextFile(file, (await api.get("/metrics/alerts.yaml")).body);
    const promtool = new Deno.Command("promtool", { args: ["check", "rules", file] });
    const { code, stdout, stderr } = await promtool.output();
    const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    assert.equal(code, 0, said);
    assert.match(said, /SUCCESS: 12 rules found/);
  } finally {
    await Deno.remove(file);
  }
});
