/**
 * The shape of a dry run, as JSON Schema.
 *
 * @module
 */

import type { Json } from "../../task/task.ts";
import { TASK_TYPES } from "../request/task_filter.ts";
import { list, ref, shape, text, time } from "./shapes.ts";

/** By name. */
export const dryRunSchemas: Readonly<Record<string, Json>> = {
  DryRun: shape({
    dryRun: { const: true },
    total: { type: "integer", description: "How many tasks there would be." },
    tasks: list(shape({
      type: { enum: [...TASK_TYPES], ...text("What is asked for.") },
      payload: { type: "object", description: "What would be sent; secrets are masked." },
      lane: text("The host or relay it would go to."),
      tries: list(time("When it would be tried at the latest, one after the other.")),
      "expiresAt?": time("No attempt would begin at or after it."),
      "addresses?": list(text("Where the host's name leads, as far as it may be called.")),
      "error?": ref("TaskError"),
    })),
  }, "What a submit would come to; the first 100 tasks of it. Nothing is stored."),
};
