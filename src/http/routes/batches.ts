/**
 * Tasks submitted together, and waited for together.
 *
 * @module
 */

import type { BatchRecord } from "../../task/batch.ts";
import { query, type RequestContext, respond, waitOf } from "../context.ts";
import type { Dependencies } from "../dependencies.ts";
import { resultLines } from "../streams/results.ts";
import type { Route } from "../route.ts";
import { operatedBatch, seenBatch } from "../auth/access.ts";
import { batchView } from "../views/batch_view.ts";
import { waitForBatch } from "../streams/wait_for.ts";

/** The routes under `/batches`. */
export function batchRoutes(parts: Dependencies): Route[] {
  const { engine, ports } = parts;
  const view = (batch: BatchRecord) => batchView(batch, ports.runningTasks());

  async function show(call: RequestContext): Promise<Response> {
    const ms = waitOf(call);
    const batch = await seenBatch(engine, call);
    if (ms === undefined || batch.done) return respond(call, 200, view(batch));
    const later = await waitForBatch(parts, batch.id, { ms, signal: call.request.signal });
    return respond(call, 200, view(later ?? batch));
  }

  async function cancel(call: RequestContext): Promise<Response> {
    query(call, []);
    const batch = await operatedBatch(engine, call);
    await engine.cancelAll({ batchId: batch.id }, "batch");
    return respond(call, 200, view(await engine.findBatch(batch.id) ?? batch));
  }

  async function results(call: RequestContext): Promise<Response> {
    query(call, []);
    const { id } = await seenBatch(engine, call);
    return resultLines(parts, call, id);
  }

  return [
    { method: "GET", path: "/batches/{id}", answer: show },
    { method: "DELETE", path: "/batches/{id}", answer: cancel },
    { method: "GET", path: "/batches/{id}/results", answer: results },
  ];
}
