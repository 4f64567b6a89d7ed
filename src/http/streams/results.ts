/**
 * The results of a batch as NDJSON: each task as soon as it is final.
 *
 * @module
 */

import { isFinal } from "../../task/state.ts";
import type { RequestContext } from "../context.ts";
import type { Dependencies } from "../dependencies.ts";
import { endOn, KEEP_ALIVE_MS, openInbox, STREAM_HEADERS, streamOf } from "./event_stream.ts";
import { owns } from "../auth/auth.ts";
import { viewForOthers } from "../views/others_view.ts";
import { taskView } from "../views/task_view.ts";

/** Tasks read for one chunk of the body. */
const AT_ONCE = 32;

/**
 * Streams the results of a batch. With `wait`, the response ends after that time, even if
 * some tasks are not final. A reader that disconnects cancels nothing.
 */
export function resultLines(
  { engine, clock }: Dependencies,
  { request, requestId, caller, ending }: RequestContext,
  batchId: string,
  headers: Readonly<Record<string, string>> = {},
  wait?: number,
): Response {
  const init = {
    headers: {
      "content-type": "application/x-ndjson",
      ...STREAM_HEADERS,
      "x-request-id": requestId,
      ...(wait === undefined ? {} : { "preference-applied": `wait=${wait}` }),
      ...headers,
    },
  };
  if (request.method === "HEAD") return new Response(null, init);
  const inbox = openInbox<string>(clock);
  // Watched before the list is read: a task that becomes final in between arrives twice and is
  // written once.
  const unwatch = engine.watch({ batch: batchId }, (change) => {
    if (isFinal(change.state)) inbox.put(change.id);
  });
  const undo = wait === undefined ? () => {} : clock.after(wait * 1_000, () => inbox.end());
  const leave = endOn(ending(), () => {
    unwatch();
    undo();
    inbox.end();
  });
  let left: Set<string> | undefined;
  let ready: string[] = [];

  async function next(): Promise<string | undefined> {
    if (!left) {
      const tasks = await engine.batchTasks(batchId);
      left = new Set(tasks.map(({ id }) => id));
      // Tasks that are final already, in the order in which they became final.
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
    const task = await engine.findBrief(id);
    if (!task) return "";
    const view = owns(caller, task.owner) ? taskView(task) : await viewForOthers(engine, task);
    return `${JSON.stringify(view)}\n`;
  }

  return new Response(streamOf(next, leave), init);
}
