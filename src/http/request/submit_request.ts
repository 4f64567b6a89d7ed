/**
 * The request of a submit that another path makes for its caller.
 *
 * @module
 */

/** Headers of the caller's request that a submit needs. */
const PASSED_ON = ["authorization", "idempotency-key", "traceparent"];

/**
 * A request to submit `content` at `path`, in place of the request `given`. Headers named in
 * `more` are passed on too.
 */
export function submitRequest(
  given: Request,
  path: string,
  content: unknown,
  more: readonly string[] = [],
): Request {
  const body = new TextEncoder().encode(JSON.stringify(content));
  const headers = new Headers({
    "content-type": "application/json",
    "content-length": `${body.length}`,
  });
  for (const name of [...PASSED_ON, ...more]) {
    const value = given.headers.get(name);
    if (value !== null) headers.set(name, value);
  }
  const url = new URL(path, given.url);
  return new Request(url, { method: "POST", headers, body, signal: given.signal });
}
