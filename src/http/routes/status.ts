/**
 * How the service is: for people, for pollers, and for whoever restarts it.
 *
 * @module
 */

import { EngineError } from "../../queue/engine.ts";
import { isId } from "../../lib/ids.ts";
import { requireScope } from "../auth/auth.ts";
import { param, query, type RequestContext, respond } from "../context.ts";
import type { WindowCounters } from "../stats/window_counters.ts";
import type { Dependencies } from "../dependencies.ts";
import type { Route } from "../route.ts";
import { seenBatch, seenTask } from "../auth/access.ts";
import { timeView } from "../views/time_view.ts";
import { statusView } from "../views/task_view.ts";

/** The most lanes that are told. */
const MAX_LANES = 100;

/** The routes that tell how things stand. */
export function statusRoutes(parts: Dependencies, meters: WindowCounters): Route[] {
  const { engine, ports, clock } = parts;
  const openedAt = clock.monotonic();

  async function status(call: RequestContext): Promise<Response> {
    requireScope(call.caller, "read");
    query(call, []);
    const [counts, lanes] = await Promise.all([engine.counts(), engine.lanes(MAX_LANES)]);
    const told = lanes.map(({ heldUntil, ...lane }) => ({
      ...lane,
      heldUntil: timeView(heldUntil),
    }));
    const { running, concurrency, threads } = ports.worker();
    return respond(call, 200, {
      version: parts.version,
      uptime: Math.floor((clock.monotonic() - openedAt) / 1_000),
      engine: engine.name,
      durable: engine.durable,
      accepting: parts.accepting(),
      running,
      concurrency,
      counts,
      rates: meters.rates(),
      latency: meters.latency(),
      hosts: told.filter(({ lane }) => isHost(lane)),
      relays: told.filter(({ lane }) => !isHost(lane)),
      threads,
    });
  }

  async function brief(call: RequestContext): Promise<Response> {
    query(call, []);
    if (!isId("bat", param(call, "id"))) {
      return respond(call, 200, statusView(await seenTask(engine, call)));
    }
    const { id, total, counts, done } = await seenBatch(engine, call);
    return respond(call, 200, { id, total, counts, done });
  }

  /** Alive is who answers; what happened to the threads says why it may be slow. */
  function live(call: RequestContext): Response {
    const { threads, lost } = ports.worker();
    const told = lost.map(({ at, reason }) => ({ at: timeView(at), reason }));
    return respond(call, 200, { status: "live", threads, lost: told });
  }

  async function ready(call: RequestContext): Promise<Response> {
    const why = !parts.ready() || !parts.accepting() ? "stopping" : await engineFault();
    if (why === undefined) return respond(call, 200, { status: "ready" });
    return respond(call, 503, { status: "not ready", reason: why }, { "retry-after": "5" });
  }

  async function engineFault(): Promise<string | undefined> {
    try {
      await engine.counts();
      return undefined;
    } catch (error) {
      if (error instanceof EngineError) return "engine_down";
      throw error;
    }
  }

  return [
    { method: "GET", path: "/status", answer: status },
    { method: "GET", path: "/status/{id}", answer: brief },
    { method: "GET", path: "/livez", open: true, answer: live },
    { method: "GET", path: "/readyz", open: true, answer: ready },
  ];
}

/** Whether a lane leads to a host, and not to a relay. */
export function isHost(lane: string): boolean {
  return /^https?:/.test(lane);
}
