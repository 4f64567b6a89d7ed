/**
 * A route of the API: a method, a path and a handler.
 *
 * @module
 */

import type { Scope } from "./auth/auth.ts";
import type { RequestContext } from "./context.ts";

/** A route of the API. */
export interface Route {
  /** Upper case. HEAD comes with GET. */
  readonly method: "GET" | "POST" | "DELETE" | "PUT" | "PATCH";
  /** The path, with a parameter written as `{id}`. */
  readonly path: string;
  /** Needs no API key: health checks and documentation. */
  readonly open?: true;
  /** The caller needs one of them, whatever else is wrong with the request. */
  readonly scopes?: readonly Scope[];
  /** Refuses a body, whose fields would be ignored. */
  readonly takesNoBody?: true;
  /**
   * Throws a `Refusal` when the caller may not call it for the thing in the path. Called before a
   * body is refused; `answer` decides the same for itself.
   */
  readonly permit?: (context: RequestContext) => unknown;
  /** Handles a request; throws a `Refusal` to refuse it. */
  readonly answer: (context: RequestContext) => Response | Promise<Response>;
}
