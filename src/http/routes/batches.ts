/**
 * `/batches`: tasks that were submitted together.
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
export function batchRoutes(dependencies: Dependencies): Route[] {
  const { engine, ports } = dependencies;
  const view = (batch: BatchRecord) => batchView(batch, ports.runningTasks());

  async function show(context: RequestContext): Promise<Response> {
    const ms = waitOf(context);
    const batch = await seenBatch(engine, context);
    if (ms === undefined || batch.done) return respond(context, 200, view(batch));
    const later = await waitForBatch(dependencies, batch.id, {
      ms,
      signal: context.request.signal,
    });
    return respond(context, 200, view(later ?? batch));
  }

  async function cancel(context: RequestContext): Promise<Response> {
    query(context, []);
    const batch = await operatedBatch(engine, context);
    await engine.cancelAll({ batchId: batch.id }, "batch");
    return respond(context, 200, view(await engine.findBatch(batch.id) ?? batch));
  }

  async function results(context: RequestContext): Promise<Response> {
    query(context, []);
    const { id } = await seenBatch(engine, context);
    return resultLines(dependencies, context, id);
  }

  return [
    { method: "GET", path: "/batches/{id}", answer: show },
    { method: "DELETE", path: "/batches/{id}", answer: cancel },
    { method: "GET", path: "/batches/{id}/results", answer: results },
  ];
}
