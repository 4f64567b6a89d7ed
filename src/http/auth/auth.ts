/**
 * Authentication and authorization.
 *
 * Scopes: `notify` and `fetch` submit; `read` sees the tasks of all owners,
 * events and `/status`; `operate` cancels, retries and runs the tasks of all
 * owners (each key may do so with its own); `admin` changes the service itself.
 *
 * @module
 */

import { isLoopback } from "../../lib/loopback.ts";
import { createHash, timingSafeEqual } from "node:crypto";
import { Refusal } from "../problems.ts";
import { isOwnPage, sessionOf } from "./session.ts";

/** A permission of an API key. */
export type Scope = "notify" | "fetch" | "read" | "operate" | "admin";

/** All scopes, in the order of the documentation. */
export const SCOPES: readonly Scope[] = ["notify", "fetch", "read", "operate", "admin"];

/** An API key, without the secret itself. */
export interface ApiKey {
  /** The `owner` of tasks submitted with it. */
  readonly name: string;
  /** SHA-256 of the secret. */
  readonly digest: Uint8Array;
  /** Its scopes. */
  readonly scopes: ReadonlySet<Scope>;
}

/** Who sent a request. */
export interface Caller {
  /** The name of the key; absent without one. */
  readonly name?: string;
  /** Its scopes. */
  readonly scopes: ReadonlySet<Scope>;
}

/**
 * Whether requests without a key are accepted: never; only from this machine and
 * not from web pages; always.
 */
export type Anonymous = "refused" | "loopback" | "allowed";

const KEY_NAME = /^[A-Za-z0-9][\w.@-]{0,63}$/;
/** Characters of a header value, without the separators of the setting. */
const SECRET = /^[!-+\--9;-~]+$/;

/**
 * Parses `name:secret[:scope+scope]`, comma-separated. Throws a `RangeError`
 * that gives the number of the invalid key, never its text.
 */
export function parseApiKeys(text: string): ApiKey[] {
  const keys: ApiKey[] = [];
  for (const [index, part] of text.split(",").entries()) {
    if (part.trim() === "") continue;
    const fail = (expected: string) =>
      new RangeError(`Cannot read API key ${index + 1}: expected ${expected}`);
    const [name = "", secret = "", scopes, ...rest] = part.trim().split(":");
    if (!KEY_NAME.test(name) || !SECRET.test(secret) || rest.length > 0) {
      throw fail("name:secret[:scope+scope], the secret without comma and colon");
    }
    const named = scopes?.split("+") ?? SCOPES.filter((scope) => scope !== "admin");
    if (!named.every(isScope)) throw fail(`scopes out of ${SCOPES.join(" ")}, joined by +`);
    const digest = digestOf(secret);
    if (keys.some((key) => key.name === name)) throw fail("a name that no other key has");
    if (keys.some((key) => timingSafeEqual(key.digest, digest))) {
      throw fail("a secret that no other key has");
    }
    keys.push({ name, digest, scopes: new Set(named) });
  }
  // An empty file of keys must not open the service to everyone.
  if (keys.length === 0) throw new RangeError("Cannot read API key 1: expected at least one");
  return keys;
}

function isScope(text: string): text is Scope {
  return (SCOPES as readonly string[]).includes(text);
}

function digestOf(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}

/** Identifies the caller, or throws a `Refusal`. */
export type Authenticate = (request: Request) => Caller;

/** Authenticates by API key or dashboard session; `now` is the time in milliseconds since the epoch. */
export function openAuth(
  keys: readonly ApiKey[],
  anonymous: Anonymous,
  now: () => number,
): Authenticate {
  const anyone: Caller = { scopes: new Set(SCOPES) };
  return (request) => {
    const { headers } = request;
    const given = keys.length > 0 ? headers.get("authorization") : null;
    if (given !== null) return callerOf(given, keys);
    const signedIn = headers.has("cookie") ? sessionOf(request, keys, now()) : undefined;
    if (signedIn) return ownPageOnly(request, signedIn);
    if (anonymous === "refused") throw unauthorized("Expected Authorization: Bearer KEY");
    if (anonymous === "loopback") checkLoopback(request);
    return anyone;
  };
}

/** A browser sends its cookie with requests of any page, so a change must come from a page of ours. */
function ownPageOnly(request: Request, key: ApiKey): Caller {
  if (request.method === "GET" || request.method === "HEAD" || isOwnPage(request)) return key;
  throw new Refusal("forbidden", "Expected a request of the dashboard: the Origin is another site");
}

/** The key with this secret. */
export function keyOf(secret: string, keys: readonly ApiKey[]): ApiKey | undefined {
  const digest = digestOf(secret);
  let found: ApiKey | undefined;
  // All keys are compared, each in constant time, so the duration discloses nothing.
  for (const key of keys) if (timingSafeEqual(key.digest, digest)) found = key;
  return found;
}

function callerOf(given: string, keys: readonly ApiKey[]): Caller {
  const found = keyOf(/^bearer +([^ ]+) *$/i.exec(given)?.[1] ?? "", keys);
  if (!found) throw unauthorized("Unknown API key");
  return found;
}

function unauthorized(detail: string): Refusal {
  return new Refusal("unauthorized", { detail, headers: { "www-authenticate": "Bearer" } });
}

/**
 * A web page can make a browser on this machine call the service: by a host name
 * that resolves to 127.0.0.1 (`Host` is that name then), or by a form (`Origin` is
 * the page's then, and the body is not JSON, which `readJson` refuses).
 */
function checkLoopback(request: Request): void {
  const host = request.headers.get("host") ?? new URL(request.url).host;
  if (!isLoopbackHost(host)) {
    throw new Refusal(
      "forbidden",
      "Expected a loopback Host: set POSTRIDER_API_KEYS to serve other names",
    );
  }
  const origin = request.headers.get("origin");
  if (origin !== null && origin !== `http://${host}` && origin !== `https://${host}`) {
    throw new Refusal(
      "forbidden",
      "Expected no other site as Origin: set POSTRIDER_API_KEYS to serve web pages",
    );
  }
}

/** Whether a `Host` header names this machine; browsers take every name under `localhost` for it. */
function isLoopbackHost(host: string): boolean {
  const [, address, name = ""] = /^(?:\[(.+)\]|([^:]+))(?::\d{1,5})?$/.exec(host.toLowerCase()) ??
    [];
  return isLoopback(address ?? name) || /^(?:[a-z0-9-]+\.)+localhost$/.test(name);
}

/** Throws a `Refusal` unless the caller has this scope. */
export function requireScope(caller: Caller, scope: Scope): void {
  if (!caller.scopes.has(scope)) {
    throw new Refusal("forbidden", `Expected an API key with the scope ${scope}`);
  }
}

/** Whether the caller may see tasks of `owner`. */
export function maySee(caller: Caller, owner: string | undefined): boolean {
  return caller.scopes.has("read") || isOwn(caller, owner);
}

/** Whether the caller may cancel, retry or run tasks of `owner`. */
export function mayOperate(caller: Caller, owner: string | undefined): boolean {
  return caller.scopes.has("operate") || isOwn(caller, owner);
}

function isOwn(caller: Caller, owner: string | undefined): boolean {
  return caller.name !== undefined && caller.name === owner;
}
