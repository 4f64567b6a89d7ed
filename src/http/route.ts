/**
 * A route of the API: a method, a path and a handler.
 *
 * @module
 */

import type { RequestContext } from "./context.ts";

/** A route of the API. */
export interface Route {
  /** Upper case. HEAD comes with GET. */
  readonly method: "GET" | "POST" | "DELETE" | "PUT" | "PATCH";
  /** The path, with a parameter written as `{id}`. */
  readonly path: string;
  /** Needs no API key: health checks and documentation. */
  readonly open?: true;
  /** Refuses a body, whose fields would be ignored. */
  readonly takesNoBody?: true;
  /** Handles a request; throws a `Refusal` to refuse it. */
  readonly answer: (context: RequestContext) => Response | Promise<Response>;
}
