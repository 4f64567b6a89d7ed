/**
 * What `POST /fetch` makes of one request, for tests of its fields.
 *
 * @module
 */

import assert from "node:assert/strict";
import { parseFetch } from "../../../src/task/input/fetch.ts";
import type { FetchPayload } from "../../../src/task/payloads.ts";

/** Any address will do: the guard has tests of its own. */
const allowAll = () => undefined;

/** The payload of a request with these fields. */
export function payloadWith(fields: object): FetchPayload {
  const parsed = parseFetch({ url: "https://example.org/", ...fields }, { refuseUrl: allowAll });
  assert.ok(!parsed.issues, JSON.stringify(parsed.issues));
  const [request] = parsed.value.requests;
  assert.ok(request);
  return request.payload;
}

/** Where a request with these fields is wrong. */
export function pointersIn(fields: object): string[] | undefined {
  const parsed = parseFetch({ url: "https://example.org/", ...fields }, { refuseUrl: allowAll });
  return parsed.issues?.map(({ pointer }) => pointer);
}
