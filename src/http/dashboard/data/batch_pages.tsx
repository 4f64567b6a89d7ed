/**
 * The data of the list of batches and of the page of one batch.
 *
 * @module
 */

import { seenBatch } from "../../auth/access.ts";
import { mayOperate } from "../../auth/auth.ts";
import { query, type RequestContext } from "../../context.ts";
import type { Dependencies } from "../../dependencies.ts";
import { Refusal } from "../../problems.ts";
import { BatchContent, BatchesContent } from "../pages/batches.tsx";
import type { MakePage } from "../page.tsx";

const LISTED = 50;

/** Each page by its path. */
export function batchPages(
  { engine, clock }: Dependencies,
): Readonly<Record<string, MakePage>> {
  async function batches(context: RequestContext) {
    const { cursor } = query(context, ["cursor"]);
    const page = await engine.listBatches(LISTED, cursor).catch((error) => {
      if (error instanceof RangeError) {
        throw new Refusal("not_found", "Unknown cursor: start the list again");
      }
      throw error;
    });
    const content = <BatchesContent now={clock.now()} {...page} />;
    return { title: "Batches", place: "batches", live: true, content } as const;
  }

  async function batch(context: RequestContext) {
    query(context, []);
    const batch = await seenBatch(engine, context);
    const { tasks } = await engine.list({ batchId: batch.id }, LISTED);
    const operates = mayOperate(context.caller, batch.owner);
    const content = (
      <BatchContent now={clock.now()} batch={batch} tasks={tasks} operates={operates} />
    );
    return { title: "Batch", place: "batches", live: true, content } as const;
  }

  return { "/ui/batches": batches, "/ui/batches/{id}": batch };
}
