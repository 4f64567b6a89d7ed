/**
 * Who calls, and what they may.
 *
 * Scopes: `notify` and `fetch` submit; `read` sees the tasks of others,
 * events, and `/status`; `operate` cancels, retries and runs the tasks of
 * others (everybody may do so with their own); `admin` is for what changes the
 * service itself.
 *
 * @module
 */

import { isLoopback } from "../../lib/loopback.ts";
import { createHash, timingSafeEqual } from "node:crypto";
import { Refusal } from "../problems.ts";
import { isOwnPage, sessionOf } from "./session.ts";

/** What a key may be good for. */
export type Scope = "notify" | "fetch" | "read" | "operate" | "admin";

/** All of them, in the order in which they are named everywhere. */
export const SCOPES: readonly Scope[] = ["notify", "fetch", "read", "operate", "admin"];

/** An API key, without the secret itself. */
export interface ApiKey {
  /** The `owner` of what is submitted with it. */
  readonly name: string;
  /** SHA-256 of the secret. */
  readonly digest: Uint8Array;
  /** What it may do. */
  readonly scopes: ReadonlySet<Scope>;
}

/** Who calls. */
export interface Caller {
  /** The name of the key; absent without one. */
  readonly name?: string;
  /** What it may do. */
  readonly scopes: ReadonlySet<Scope>;
}

/**
 * Whether a call without a key is answered: never; only on this machine and
 * from no web page; always.
 */
export type Anonymous = "refused" | "loopback" | "allowed";

const KEY_NAME = /^[A-Za-z0-9][\w.@-]{0,63}$/;
/** What a header can carry, less the separators of the setting. */
const SECRET = /^[!-+\--9;-~]+$/;

/**
 * Reads `name:secret[:scope+scope]`, comma-separated. Throws a `RangeError`
 * that tells which one is wrong, but nothing of what it says: half of it is secret.
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
  // Nobody who names an empty file of keys means that everybody may call.
  if (keys.length === 0) throw new RangeError("Cannot read API key 1: expected at least one");
  return keys;
}

function isScope(text: string): text is Scope {
  return (SCOPES as readonly string[]).includes(text);
}

function digestOf(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}

/** Tells who calls, or throws a `Refusal`. */
export type Authenticate = (request: Request) => Caller;

/** Opens the door for these keys, and for who is signed in with one; `now` is the time of day. */
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

/** A browser sends its cookie whoever asks it to: what changes something has to come from our page. */
function ownPageOnly(request: Request, key: ApiKey): Caller {
  if (request.method === "GET" || request.method === "HEAD" || isOwnPage(request)) return key;
  throw new Refusal("forbidden", "Expected a call of the dashboard's own: no foreign Origin");
}

/** The key with this secret. */
export function keyOf(secret: string, keys: readonly ApiKey[]): ApiKey | undefined {
  const digest = digestOf(secret);
  let found: ApiKey | undefined;
  // Every key is compared, each in constant time: how long it takes tells nothing.
  for (const key of keys) if (timingSafeEqual(key.digest, digest)) found = key;
  return found;
}

function callerOf(given: string, keys: readonly ApiKey[]): Caller {
  const found = keyOf(/^bearer +([^ ]+) *$/i.exec(given)?.[1] ?? "", keys);
  if (!found) throw unauthorized("This API key is not known");
  return found;
}

function unauthorized(detail: string): Refusal {
  return new Refusal("unauthorized", { detail, headers: { "www-authenticate": "Bearer" } });
}

/**
 * A web page can make a browser on this machine call us: by a name of its own
 * that resolves to 127.0.0.1 (then `Host` is that name), or by a form (then
 * `Origin` is the page's, and the body is no JSON, which `readJson` refuses).
 */
function checkLoopback(request: Request): void {
  const host = request.headers.get("host") ?? new URL(request.url).host;
  if (!isLoopbackHost(host)) {
    throw new Refusal(
      "forbidden",
      "Expected a loopback Host: set POSTRIDER_API_KEYS to serve others",
    );
  }
  const origin = request.headers.get("origin");
  if (origin !== null && origin !== `http://${host}` && origin !== `https://${host}`) {
    throw new Refusal(
      "forbidden",
      "Expected no foreign Origin: set POSTRIDER_API_KEYS to serve web pages",
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

/** Whether the caller may see what belongs to `owner`. */
export function maySee(caller: Caller, owner: string | undefined): boolean {
  return caller.scopes.has("read") || isOwn(caller, owner);
}

/** Whether the caller may cancel, retry or run what belongs to `owner`. */
export function mayOperate(caller: Caller, owner: string | undefined): boolean {
  return caller.scopes.has("operate") || isOwn(caller, owner);
}

function isOwn(caller: Caller, owner: string | undefined): boolean {
  return caller.name !== undefined && caller.name === owner;
}
