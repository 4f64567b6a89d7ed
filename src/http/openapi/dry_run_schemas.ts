/**
 * The schema of a dry run.
 *
 * @module
 */

import type { Json } from "../../task/task.ts";
import { TASK_TYPES } from "../request/task_filter.ts";
import { list, open, ref, shape, text, time } from "./shapes.ts";

/** By name. */
export const dryRunSchemas: Readonly<Record<string, Json>> = {
  DryRun: shape({
    dryRun: { const: true },
    total: { type: "integer", description: "How many tasks there would be." },
    tasks: list(shape({
      type: { enum: [...TASK_TYPES], ...text("A notification or an HTTP request.") },
      payload: open("What would be sent; secrets are masked."),
      lane: text("The host or relay it would go to."),
      tries: list(time("The latest time of each attempt.")),
      "expiresAt?": time("No attempt would begin at or after it."),
      "addresses?": list(text("The addresses of the host, if they may be called.")),
      "error?": ref("TaskError"),
    })),
  }, "What a submit would create: its first 100 tasks. Nothing is stored."),
};
