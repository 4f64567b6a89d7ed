/**
 * The tasks of a batch, each as a line of JSON as soon as it is final.
 *
 * @module
 */

import { isFinal } from "../../task/state.ts";
import type { RequestContext } from "../context.ts";
import type { Dependencies } from "../dependencies.ts";
import { KEEP_ALIVE_MS, openInbox, streamOf } from "./event_stream.ts";
import { taskView } from "../views/task_view.ts";

/** As many tasks are read for one piece of the body. */
const AT_ONCE = 32;

/**
 * Answers with the results of a batch. With `wait`, in seconds, it ends then
 * even when tasks are left. A reader that leaves changes nothing.
 */
export function resultLines(
  { engine, clock, closing }: Dependencies,
  { request, requestId }: RequestContext,
  batchId: string,
  headers: Readonly<Record<string, string>> = {},
  wait?: number,
): Response {
  const init = {
    headers: {
      "content-type": "application/x-ndjson",
      "cache-control": "no-store",
      "x-request-id": requestId,
      ...(wait === undefined ? {} : { "preference-applied": `wait=${wait}` }),
      ...headers,
    },
  };
  if (request.method === "HEAD") return new Response(null, init);
  const inbox = openInbox<string>(clock);
  // Watched before the list is read: what becomes final in between comes twice, and is written once.
  const unwatch = engine.watch({ batch: batchId }, (change) => {
    if (isFinal(change.state)) inbox.put(change.id);
  });
  const undo = wait === undefined ? () => {} : clock.after(wait * 1_000, () => inbox.end());
  const end = () => inbox.end();
  closing.addEventListener("abort", end);
  if (closing.aborted) end();
  const leave = () => {
    unwatch();
    undo();
    closing.removeEventListener("abort", end);
  };
  let left: Set<string> | undefined;
  let ready: string[] = [];

  async function next(): Promise<string | undefined> {
    if (!left) {
      const tasks = await engine.batchTasks(batchId);
      left = new Set(tasks.map(({ id }) => id));
      // Those that are final already come in the order in which they became so.
      ready = tasks.filter(({ state }) => isFinal(state)).sort((a, b) => a.change - b.change)
        .map(({ id }) => id);
    }
    if (left.size === 0) return undefined;
    if (ready.length === 0) {
      const { items, ended } = await inbox.take(KEEP_ALIVE_MS);
      if (ended) return undefined;
      if (items.length === 0) return "\n";
      ready = [...items];
    }
    const lines = await Promise.all(ready.splice(0, AT_ONCE).map(line));
    return lines.join("") || await next();
  }

  async function line(id: string): Promise<string> {
    if (!left?.delete(id)) return "";
    const task = await engine.find(id);
    return task ? `${JSON.stringify(taskView(task))}\n` : "";
  }

  return new Response(streamOf(next, leave), init);
}
