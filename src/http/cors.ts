/**
 * Calls from web pages of other origins (`POSTRIDER_CORS_ORIGINS`).
 *
 * They authenticate with an API key; the cookie of the dashboard is never sent
 * across sites.
 *
 * @module
 */

/** The origins that browsers may call from. */
export interface CorsOrigins {
  /** Whether this origin is one of them. */
  allows(origin: string): boolean;
  /** Whether every origin is allowed. */
  readonly isAny: boolean;
}

/** Parses the setting: origins separated by commas, or `*`. Throws a `RangeError`. */
export function parseCorsOrigins(text: string): CorsOrigins {
  const origins = text.split(",").map((one) => one.trim()).filter((one) => one !== "");
  if (origins.length === 1 && origins[0] === "*") return { allows: () => true, isAny: true };
  for (const origin of origins) {
    if (!/^https?:/.test(origin) || URL.parse(origin)?.origin !== origin) {
      throw new RangeError(
        `Cannot read "${origin}": expected an origin such as https://example.org`,
      );
    }
  }
  if (origins.length === 0) throw new RangeError("Cannot read the origins: expected at least one");
  const known = new Set(origins);
  return { allows: (origin) => known.has(origin), isAny: false };
}

const METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE";
const REQUEST_HEADERS =
  "authorization, content-type, idempotency-key, last-event-id, prefer, range, traceparent, x-request-id";
const RESPONSE_HEADERS = "allow, content-disposition, content-range, etag, link, location, " +
  "preference-applied, ratelimit, ratelimit-policy, retry-after, x-request-id";
const PREFLIGHT_S = 600;

/** The response to a preflight; `undefined` for any other request. */
export function preflight(request: Request, origin: string): Response | undefined {
  if (request.method !== "OPTIONS") return undefined;
  if (!request.headers.has("access-control-request-method")) return undefined;
  return new Response(null, {
    status: 204,
    headers: {
      "access-control-allow-origin": origin,
      "access-control-allow-methods": METHODS,
      "access-control-allow-headers": REQUEST_HEADERS,
      "access-control-max-age": `${PREFLIGHT_S}`,
      "vary": "origin, access-control-request-method, access-control-request-headers",
    },
  });
}

/** Lets pages of `origin` read a response. */
export function allowOrigin(response: Response, origin: string): Response {
  const { headers } = response;
  headers.set("access-control-allow-origin", origin);
  headers.set("access-control-expose-headers", RESPONSE_HEADERS);
  headers.append("vary", "origin");
  return response;
}
