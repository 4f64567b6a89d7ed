import assert from "node:assert/strict";

import { aFolder, startPostrider } from "../support/process.ts";
import { attributesOf, startCollector } from "../support/collector.ts";

Deno.test("a trace covers the caller, the submit, the queue, the attempt and the upstream", async () => {
  await using folder = await aFolder();
  await using collector = startCollector();
  await using postrider = startPostrider({
    data: folder.path,
    env: { ...collector.env, POSTRIDER_LOG: "debug", POSTRIDER_LOG_FORMAT: "json" },
  });
  const { url } = await postrider.listening;
  const traceId = "0af7651916cd43dd8448eb211c80319c";
  const caller = "b7ad6b7169203331";
  const answer = await fetch(`${url}/fetch`, {
    method: "POST",
    headers: { "content-type": "application/json", traceparent: `00-${traceId}-${caller}-01` },
    body: JSON.stringify({ url: `http://${collector.host}/called` }),
  });
  const { id } = await answer.json();

  const submit = await collector.span("submit /fetch");
  const waited = await collector.span("queue wait");
  const attempt = await collector.span("attempt http");
  for (const span of [submit, waited, attempt]) assert.equal(span.traceId, traceId, span.name);
  const server = await collector.find((span) => span.spanId === submit.parentSpanId);
  assert.equal(server.parentSpanId, caller, "the server's span is a child of the caller's");
  assert.equal(waited.parentSpanId, submit.spanId);
  assert.equal(attempt.parentSpanId, submit.spanId);
  assert.deepEqual(collector.called, [`00-${traceId}-${attempt.spanId}-01`]);
  const called = attributesOf(attempt);
  assert.equal(called["postrider.task"], id);
  assert.equal(called["http.request.method"], "GET");
  assert.equal(called["url.full"], `http://${collector.host}/called`);
  assert.equal(called["server.address"], "127.0.0.1");
  assert.equal(called["http.response.status_code"], 200);
  assert.equal(attributesOf(submit)["messaging.operation.type"], "send");
  assert.equal(attributesOf(waited)["messaging.message.id"], id);

  const [line] = await postrider.lines.find(/(\{.*"Attempt ended".*\})/);
  const { task, requestId, traceId: logged, outcome } = JSON.parse(line ?? "{}");
  assert.deepEqual({ task, logged, outcome }, { task: id, logged: traceId, outcome: "delivered" });
  assert.equal(requestId, answer.headers.get("x-request-id"));
});
