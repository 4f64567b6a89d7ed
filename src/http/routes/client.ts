/**
 * `/client.js` and `/client.d.ts`: the client as plain JavaScript, with its types.
 *
 * @module
 */

import script from "../assets/client.js" with { type: "text" };
import types from "../assets/client.d.ts" with { type: "text" };
import { query, type RequestContext } from "../context.ts";
import { encodeOnce, listsTag, weakTag } from "../request/encoding.ts";
import type { Route } from "../route.ts";

/** The routes of the two files. */
export function clientRoutes(): Route[] {
  return [
    { method: "GET", path: "/client.js", open: true, answer: file(script, "text/javascript") },
    { method: "GET", path: "/client.d.ts", open: true, answer: file(types, "text/plain") },
  ];
}

function file(text: string, type: string): Route["answer"] {
  const encode = encodeOnce(text);
  const etag = weakTag(text);
  return (context: RequestContext) => {
    query(context, []);
    const { request, requestId } = context;
    const { body, headers } = encode(request);
    const isKnown = listsTag(request.headers.get("if-none-match"), etag);
    return new Response(isKnown ? null : body, {
      status: isKnown ? 304 : 200,
      headers: {
        etag,
        "cache-control": "no-cache",
        "content-type": `${type}; charset=utf-8`,
        "x-content-type-options": "nosniff",
        "x-request-id": requestId,
        ...headers,
      },
    });
  };
}
