/**
 * The progress of a change of many tasks, as NDJSON: `{"changed": 500, …}` after each
 * transaction, and the result as the last line. The times tell which tasks a
 * cancellation has changed: those that became final between `startedAt` and `at`.
 *
 * @module
 */

import type { OnPart } from "../../queue/engine.ts";
import { type RequestContext, respond } from "../context.ts";
import { prefersLines } from "../request/quality.ts";
import { Refusal } from "../problems.ts";
import { STREAM_HEADERS } from "./event_stream.ts";
import { timeView } from "../views/time_view.ts";

const NDJSON = "application/x-ndjson";

/**
 * Makes the change and responds with its result; with progress, if the caller
 * accepts NDJSON. A reader that leaves does not stop the change.
 */
export async function respondWithProgress(
  context: RequestContext,
  status: number,
  now: () => number,
  change: (onPart?: OnPart) => Promise<Readonly<Record<string, number>>>,
): Promise<Response> {
  const { headers } = context.request;
  if (!prefersLines(headers.get("accept"))) {
    return respond(context, status, await change());
  }
  const encoder = new TextEncoder();
  let isOpen = true;
  const begun = Promise.withResolvers<void>();
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      const write = (line: unknown) => {
        begun.resolve();
        if (isOpen) controller.enqueue(encoder.encode(`${JSON.stringify(line)}\n`));
      };
      const end = () => {
        if (isOpen) controller.close();
        isOpen = false;
      };
      const startedAt = timeView(now());
      change((changed) => write({ changed, startedAt, at: timeView(now()) })).then(
        write,
        (error) => {
          // Before the first line the error becomes the response.
          begun.reject(error);
          write({ error: error instanceof Refusal ? error.details.detail : "Internal error" });
        },
      ).finally(end);
    },
    cancel() {
      isOpen = false;
    },
  });
  await begun.promise;
  return new Response(body, {
    status,
    headers: {
      "content-type": NDJSON,
      ...STREAM_HEADERS,
      "x-request-id": context.requestId,
    },
  });
}
