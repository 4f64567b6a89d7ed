/**
 * What a route is: a method, a path, and what answers.
 *
 * @module
 */

import type { RequestContext } from "./context.ts";

/** A route of the API. */
export interface Route {
  /** Upper case. HEAD comes with GET. */
  readonly method: "GET" | "POST" | "DELETE" | "PUT";
  /** With `{id}` where a parameter stands, as the contract writes it. */
  readonly path: string;
  /** Answers without a key too: health and documentation. */
  readonly open?: true;
  /** Answers, or throws a `Refusal`. */
  readonly answer: (context: RequestContext) => Response | Promise<Response>;
}
