/**
 * Tasks submitted together, and waited for together.
 *
 * @module
 */

import type { BatchRecord } from "../task/batch.ts";
import { answer, type Call, query, waitOf } from "./call.ts";
import type { AppParts } from "./parts.ts";
import { resultLines } from "./results.ts";
import type { Route } from "./route.ts";
import { operatedBatch, seenBatch } from "./sight.ts";
import { batchView } from "./batch_views.ts";
import { waitForBatch } from "./waiting.ts";

/** The routes under `/batches`. */
export function batchRoutes(parts: AppParts): Route[] {
  const { engine, ports } = parts;
  const view = (batch: BatchRecord) => batchView(batch, ports.runningTasks());

  async function show(call: Call): Promise<Response> {
    const ms = waitOf(call);
    const batch = await seenBatch(engine, call);
    if (ms === undefined || batch.done) return answer(call, 200, view(batch));
    const later = await waitForBatch(parts, batch.id, { ms, signal: call.request.signal });
    return answer(call, 200, view(later ?? batch));
  }

  async function cancel(call: Call): Promise<Response> {
    query(call, []);
    const batch = await operatedBatch(engine, call);
    await engine.cancelAll({ batchId: batch.id }, "batch");
    return answer(call, 200, view(await engine.findBatch(batch.id) ?? batch));
  }

  async function results(call: Call): Promise<Response> {
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
