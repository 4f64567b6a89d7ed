import assert from "node:assert/strict";

import { aFolder, startPostrider } from "../support/process.ts";

interface Span {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly attributes: {
    key: string;
    value: { stringValue?: string; intValue?: string | number; doubleValue?: number };
  }[];
}

/** Takes traces as OTLP over HTTP, in JSON, and calls as an upstream. */
function startCollector() {
  const spans: Span[] = [];
  const called: (string | null)[] = [];
  let wake = Promise.withResolvers<void>();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    if (new URL(request.url).pathname === "/v1/traces") {
      const { resourceSpans } = await request.json();
      for (const { scopeSpans } of resourceSpans) {
        for (const scope of scopeSpans) spans.push(...scope.spans);
      }
      wake.resolve();
      wake = Promise.withResolvers();
      return Response.json({});
    }
    await request.body?.cancel();
    called.push(request.headers.get("traceparent"));
    return new Response("ridden");
  });
  const host = `127.0.0.1:${server.addr.port}`;
  return {
    host,
    called,
    spans,
    /** The span of that name, as soon as it has come. */
    span(name: string): Promise<Span> {
      return this.find((span) => span.name === name);
    },
    async find(isWanted: (span: Span) => boolean): Promise<Span> {
      for (;;) {
        const found = spans.find(isWanted);
        if (found) return found;
        await wake.promise;
      }
    },
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

Deno.test("a trace covers the caller, the submit, the queue, the attempt and the upstream", async () => {
  await using folder = await aFolder();
  await using collector = startCollector();
  await using postrider = startPostrider({
    data: folder.path,
    env: {
      POSTRIDER_FETCH_ALLOW: collector.host,
      POSTRIDER_LOG: "debug",
      POSTRIDER_LOG_FORMAT: "json",
      OTEL_DENO: "true",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://${collector.host}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_BSP_SCHEDULE_DELAY: "100",
      OTEL_DENO_CONSOLE: "ignore",
    },
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
  const attributesOf = ({ attributes }: Span) =>
    Object.fromEntries(
      attributes.map((
        { key, value },
      ) => [key, value.stringValue ?? Number(value.intValue ?? value.doubleValue)]),
    );
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
