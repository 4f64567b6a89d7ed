/**
 * A collector of OpenTelemetry traces.
 *
 * @module
 */

/** A span as OTLP writes it in JSON. */
export interface Span {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly attributes: {
    key: string;
    value: { stringValue?: string; intValue?: string | number; doubleValue?: number };
  }[];
}

/** A collector of traces that is an upstream too. */
export interface Collector extends AsyncDisposable {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  /** Settings that send a service's traces to it, and allow the service to call it. */
  readonly env: Readonly<Record<string, string>>;
  /** The `traceparent` of each call. */
  readonly called: readonly (string | null)[];
  /** The span of that name, as soon as it has come. */
  span(name: string): Promise<Span>;
  /** The first span that is wanted, as soon as it has come. */
  find(isWanted: (span: Span) => boolean): Promise<Span>;
}

/** Takes traces as OTLP over HTTP, in JSON, and calls as an upstream. */
export function startCollector(): Collector {
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
    env: {
      POSTRIDER_FETCH_ALLOW: host,
      OTEL_DENO: "true",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://${host}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_BSP_SCHEDULE_DELAY: "100",
      OTEL_DENO_CONSOLE: "ignore",
    },
    called,
    span(name) {
      return this.find((span) => span.name === name);
    },
    async find(isWanted) {
      for (;;) {
        const found = spans.find(isWanted);
        if (found) return found;
        await wake.promise;
      }
    },
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** The attributes of a span by name. */
export function attributesOf({ attributes }: Span): Record<string, string | number> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [
      key,
      value.stringValue ?? Number(value.intValue ?? value.doubleValue),
    ]),
  );
}
