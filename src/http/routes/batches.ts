/**
 * `/batches`: tasks that were submitted together.
 *
 * @module
 */

import type { BatchRecord } from "../../task/batch.ts";
import { nameOf } from "../auth/auth.ts";
import { query, type RequestContext, respond, waitOf } from "../context.ts";
import { nextLink, pageOf, refuseCursor } from "../request/task_filter.ts";
import type { Dependencies } from "../dependencies.ts";
import { resultLines } from "../streams/results.ts";
import type { Route } from "../route.ts";
import { operatedBatch, seenBatch } from "../auth/access.ts";
import { batchSummaryView, batchView } from "../views/batch_view.ts";
import { waitForBatch } from "../streams/wait_for.ts";

/** The routes under `/batches`. */
export function batchRoutes(dependencies: Dependencies): Route[] {
  const { engine, ports } = dependencies;
  const view = (batch: BatchRecord) => batchView(batch, ports.runningTasks());

  async function show(context: RequestContext): Promise<Response> {
    const batch = await seenBatch(engine, context);
    const ms = waitOf(context);
    if (ms === undefined || batch.done) return respond(context, 200, view(batch));
    const later = await waitForBatch(dependencies, batch.id, {
      ms,
      signal: context.request.signal,
    });
    return respond(context, 200, view(later ?? batch));
  }

  async function cancel(context: RequestContext): Promise<Response> {
    const batch = await operatedBatch(engine, context);
    query(context, []);
    await engine.cancelAll({ batchId: batch.id }, "batch", nameOf(context.caller));
    return respond(context, 200, view(await engine.findBatch(batch.id) ?? batch));
  }

  async function results(context: RequestContext): Promise<Response> {
    const { id } = await seenBatch(engine, context);
    query(context, []);
    return resultLines(dependencies, context, id);
  }

  async function list(context: RequestContext): Promise<Response> {
    const { limit, cursor } = pageOf(context);
    const { caller } = context;
    const owner = caller.scopes.has("read") ? undefined : caller.name;
    const page = await engine.listBatches(limit, cursor, owner).catch(refuseCursor);
    const { nextCursor } = page;
    const body = { data: page.batches.map(batchSummaryView), nextCursor };
    return respond(context, 200, body, nextLink(context, nextCursor));
  }

  return [
    { method: "GET", path: "/batches", answer: list },
    { method: "GET", path: "/batches/{id}", answer: show },
    {
      method: "DELETE",
      path: "/batches/{id}",
      takesNoBody: true,
      permit: (context) => operatedBatch(engine, context),
      answer: cancel,
    },
    { method: "GET", path: "/batches/{id}/results", answer: results },
  ];
}
