/**
 * `/status`, `/livez` and `/readyz`: what the service does, and whether it works.
 *
 * @module
 */

import { EngineError, type QueuedKinds } from "../../queue/engine.ts";
import { sleep } from "../../lib/clock.ts";
import { isId } from "../../lib/ids.ts";
import { param, query, type RequestContext, respond } from "../context.ts";
import type { WindowCounters } from "../stats/window_counters.ts";
import type { Dependencies } from "../dependencies.ts";
import type { Route } from "../route.ts";
import { seenBatch, seenTask } from "../auth/access.ts";
import { timeView } from "../views/time_view.ts";
import { statusView } from "../views/task_view.ts";

/** The engine is down when it takes longer than this to count its tasks, in milliseconds. */
const MAX_ANSWER_MS = 3_000;
/** The most lanes that are shown. */
const MAX_LANES = 100;

/** The routes of status and health. */
export function statusRoutes(dependencies: Dependencies, counters: WindowCounters): Route[] {
  const { engine, ports, clock } = dependencies;
  const openedAt = clock.monotonic();

  async function status(context: RequestContext): Promise<Response> {
    query(context, []);
    // Both at once, so that an engine reads them in one transaction.
    const [counts, queued, lanes, nodes, usage] = await Promise.all([
      engine.counts(),
      engine.queued(),
      engine.lanes(MAX_LANES),
      nodesOf(),
      ports.queueFile?.usage(),
    ]);
    const shown = lanes.map(({ heldUntil, ...lane }) => ({
      ...lane,
      heldUntil: timeView(heldUntil),
    }));
    const { running, concurrency, threads } = ports.worker();
    return respond(context, 200, {
      version: dependencies.version,
      schema: engine.file?.schema,
      uptime: Math.floor((clock.monotonic() - openedAt) / 1_000),
      engine: engine.name,
      durable: engine.durable,
      durability: engine.durability,
      accepting: dependencies.accepting(),
      running,
      concurrency,
      counts,
      queued: queuedView(queued, clock.now()),
      rates: counters.rates(),
      latency: counters.latency(),
      hosts: shown.filter(({ lane }) => isHost(lane)),
      relays: shown.filter(({ lane }) => !isHost(lane)),
      threads,
      nodes,
      disk: usage,
    });
  }

  /** The nodes that share the queue; without a shared queue, this process is the only one. */
  async function nodesOf() {
    const now = clock.now();
    const { running, concurrency } = ports.worker();
    const { version, role, startedAt } = dependencies;
    const alone = {
      name: "local",
      role,
      version,
      since: startedAt,
      running,
      concurrency,
      seen: now,
    };
    const nodes = await engine.cluster?.nodes() ?? [alone];
    return nodes.map(({ name, role, version, since, running, concurrency, seen }) => ({
      name,
      role,
      version,
      since: timeView(since),
      running,
      concurrency,
      seen: timeView(seen),
    }));
  }

  async function brief(context: RequestContext): Promise<Response> {
    if (!isId("bat", param(context, "id"))) {
      const task = await seenTask(engine, context);
      query(context, []);
      return respond(context, 200, statusView(task));
    }
    const { id, total, counts, done } = await seenBatch(engine, context);
    query(context, []);
    return respond(context, 200, { id, total, counts, done });
  }

  /** A process that answers is alive; the lost threads may tell why it is slow. */
  function live(context: RequestContext): Response {
    const { threads, lost } = ports.worker();
    const shown = lost.map(({ at, reason }) => ({ at: timeView(at), reason }));
    return respond(context, 200, { status: "live", threads, lost: shown });
  }

  async function ready(context: RequestContext): Promise<Response> {
    const why = !dependencies.ready() || !dependencies.accepting()
      ? "stopping"
      : ports.queueFile?.isGone
      ? "engine_down"
      : await ports.queueFile?.isFull()
      ? "storage_full"
      : await engineFault();
    if (why === undefined) return respond(context, 200, { status: "ready" });
    return respond(context, 503, { status: "not ready", reason: why }, { "retry-after": "5" });
  }

  async function engineFault(): Promise<string | undefined> {
    const late = new AbortController();
    try {
      // A database that does not answer is as good as none.
      const answered = await Promise.race([
        engine.counts().then(() => true),
        sleep(clock, MAX_ANSWER_MS, late.signal).then(() => false, () => false),
      ]);
      return answered ? undefined : "engine_down";
    } catch (error) {
      if (error instanceof EngineError) return "engine_down";
      throw error;
    } finally {
      late.abort();
    }
  }

  return [
    { method: "GET", path: "/status", scopes: ["read"], answer: status },
    { method: "GET", path: "/status/{id}", answer: brief },
    { method: "GET", path: "/livez", open: true, answer: live },
    { method: "GET", path: "/readyz", open: true, answer: ready },
  ];
}

/** Queued tasks by what they wait for, and the age of the oldest due one; 0 when none is due. */
export function queuedView({ oldestDueAt, ...kinds }: QueuedKinds, now: number) {
  return { ...kinds, oldestDueSeconds: Math.max(0, now - (oldestDueAt ?? now)) / 1_000 };
}

/** Whether a lane is that of a host, not of a relay. */
export function isHost(lane: string): boolean {
  return /^https?:/.test(lane);
}
