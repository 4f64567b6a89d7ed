/**
 * `/metrics`: Prometheus metrics, alert rules and a Grafana dashboard.
 *
 * @module
 */

import alerts from "../assets/alerts.yaml" with { type: "text" };
import grafana from "../assets/grafana.json" with { type: "text" };
import { query, type RequestContext } from "../context.ts";
import type { Dependencies } from "../dependencies.ts";
import { API_HEADERS } from "../problems.ts";
import { encodeBody } from "../request/encoding.ts";
import type { Route } from "../route.ts";
import { queuedView } from "./status.ts";

/** The most lanes that are read to count those that are held. */
const MAX_LANES = 10_000;

/** The routes under `/metrics`. */
export function metricsRoutes(dependencies: Dependencies): Route[] {
  const { engine, metrics, ports, clock, hooks, schedules } = dependencies;

  async function values(context: RequestContext): Promise<Response> {
    query(context, []);
    const [tasks, queued, lanes, disk] = await Promise.all([
      engine.counts(),
      engine.queued(),
      engine.lanes(MAX_LANES),
      ports.queueFile?.usage(),
    ]);
    const { oldestDueSeconds, ...kinds } = queuedView(queued, clock.now());
    for (const { name } of hooks.list()) metrics.knownHook(name);
    for (const { name } of schedules.list()) metrics.knownSchedule(name);
    const { running, concurrency, threads, lost } = ports.worker();
    const now = clock.now();
    const text = await metrics.text({
      tasks: { ...tasks },
      queued: kinds,
      gauges: {
        postrider_attempts_running: running,
        postrider_concurrency: concurrency,
        postrider_oldest_due_seconds: oldestDueSeconds,
        postrider_lanes_held: lanes.filter(({ heldUntil = 0 }) => heldUntil > now).length,
        postrider_threads: threads.length,
        postrider_threads_lost: lost.length,
        postrider_accepting: dependencies.accepting() ? 1 : 0,
        postrider_queue_bytes: (disk?.fileBytes ?? 0) + (disk?.logBytes ?? 0),
        postrider_disk_free_bytes: disk?.freeBytes ?? 0,
        process_start_time_seconds: dependencies.startedAt / 1_000,
        process_resident_memory_bytes: Deno.memoryUsage().rss,
      },
    });
    return textResponse(context, text, metrics.contentType);
  }

  const file = (text: string, type: string) => (context: RequestContext) => {
    query(context, []);
    return textResponse(context, text, type);
  };

  return [
    { method: "GET", path: "/metrics", scopes: ["read"], answer: values },
    {
      method: "GET",
      path: "/metrics/alerts.yaml",
      open: true,
      answer: file(alerts, "application/yaml"),
    },
    {
      method: "GET",
      path: "/metrics/grafana.json",
      open: true,
      answer: file(grafana, "application/json"),
    },
  ];
}

function textResponse(
  { request, requestId }: RequestContext,
  text: string,
  type: string,
): Response {
  const { body, headers } = encodeBody(request, text);
  return new Response(body, {
    headers: { "content-type": type, "x-request-id": requestId, ...API_HEADERS, ...headers },
  });
}
