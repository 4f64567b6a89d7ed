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
import type { Draft } from "../../task/input/new_task.ts";
import type { FollowUp } from "../../task/task.ts";
import { Refusal } from "../problems.ts";
import type { Client } from "../request/client.ts";
import { isOwnPage, type Sessions } from "./session.ts";
import { type RefuseWrongKey, unauthorized } from "./wrong_keys.ts";

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
 * Parses `name:secret[:scope+scope]`, separated by commas or one per line; lines
 * that start with `#` are comments. A name may have several secrets, so that they
 * can be rotated. Throws a `RangeError` that gives the number of the invalid key,
 * never its text.
 */
export function parseApiKeys(text: string): ApiKey[] {
  const keys: ApiKey[] = [];
  const entries = text.split("\n").filter((line) => !line.trimStart().startsWith("#"))
    .flatMap((line) => line.split(",")).map((entry) => entry.trim());
  for (const [index, entry] of entries.filter((entry) => entry !== "").entries()) {
    const fail = (expected: string) =>
      new RangeError(`Cannot read API key ${index + 1}: expected ${expected}`);
    const [name = "", secret = "", scopes, ...rest] = entry.split(":");
    if (!KEY_NAME.test(name) || !SECRET.test(secret) || rest.length > 0) {
      throw fail("name:secret[:scope+scope], the secret without comma and colon");
    }
    const named = scopes?.split("+") ?? SCOPES.filter((scope) => scope !== "admin");
    if (!named.every(isScope)) throw fail(`scopes out of ${SCOPES.join(" ")}, joined by +`);
    const digest = digestOf(secret);
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
export type Authenticate = (request: Request, remote: Remote) => Caller;

/** Where a request comes from. */
export interface Remote {
  /** Its id. */
  readonly requestId: string;
  /** The client, as far as it is known. */
  client(): Client;
}

/** What authentication depends on. */
export interface AuthParts {
  /** The API keys in force. */
  readonly keys: () => readonly ApiKey[];
  /** How requests without a key are handled. */
  readonly anonymous: Anonymous;
  /** Sessions of the dashboard. */
  readonly sessions: Sessions<ApiKey>;
  /** Refuses an unknown key. */
  readonly refuseWrongKey: RefuseWrongKey;
  /** Receives the name of the key of each request that has one. */
  readonly onUse?: (name: string) => void;
  /** Whether browsers may call from pages of this origin. */
  readonly allowsOrigin: (origin: string) => boolean;
}

/** Authenticates by API key or dashboard session. */
export function openAuth(
  { keys, anonymous, sessions, refuseWrongKey, onUse, allowsOrigin }: AuthParts,
): Authenticate {
  const anyone: Caller = { scopes: new Set(SCOPES) };

  function byHeader(given: string, { client, requestId }: Remote): Caller {
    const secret = /^bearer +([^ ]+) *$/i.exec(given)?.[1] ?? "";
    const key = keyOf(secret, keys()) ?? refuseWrongKey(client().address, requestId);
    onUse?.(key.name);
    return key;
  }

  /** Browsers send the cookie with requests of any page, so a change must come from a page of ours. */
  function bySession(request: Request, key: ApiKey, { client }: Remote): Caller {
    const { method } = request;
    onUse?.(key.name);
    if (method === "GET" || method === "HEAD" || isOwnPage(request, client().host)) return key;
    const detail = "Expected a request from the dashboard: the Origin header names another site";
    throw new Refusal("forbidden", detail);
  }

  return (request, remote) => {
    const { headers } = request;
    const given = keys().length > 0 ? headers.get("authorization") : null;
    if (given !== null) return byHeader(given, remote);
    // Not `has`, which makes a list of all headers.
    const signedIn = headers.get("cookie") !== null ? sessions.keyOf(request) : undefined;
    if (signedIn) return bySession(request, signedIn, remote);
    if (anonymous === "refused") throw unauthorized("Expected Authorization: Bearer SECRET");
    if (anonymous === "loopback") checkLoopback(request, allowsOrigin);
    return anyone;
  };
}

/** The key with this secret. */
export function keyOf(secret: string, keys: readonly ApiKey[]): ApiKey | undefined {
  const digest = digestOf(secret);
  let found: ApiKey | undefined;
  // All keys are compared, each in constant time, so the duration discloses nothing.
  for (const key of keys) if (timingSafeEqual(key.digest, digest)) found = key;
  return found;
}

/**
 * A web page can make a browser on this machine call the service: by a host name
 * that resolves to 127.0.0.1 (`Host` is that name then), or by a form (`Origin` is
 * the page's then, and the body is not JSON, which `readJson` refuses).
 */
function checkLoopback(request: Request, allowsOrigin: (origin: string) => boolean): void {
  const host = request.headers.get("host") ?? new URL(request.url).host;
  // Nearly all requests name the same host.
  if (host !== lastLoopback && !isLoopbackHost(host)) {
    throw new Refusal(
      "forbidden",
      "Expected a loopback Host: set POSTRIDER_API_KEYS to serve other names",
    );
  }
  lastLoopback = host;
  const origin = request.headers.get("origin");
  if (
    origin !== null && origin !== `http://${host}` && origin !== `https://${host}` &&
    !allowsOrigin(origin)
  ) {
    throw new Refusal(
      "forbidden",
      "Expected no other site as Origin: set POSTRIDER_API_KEYS to serve web pages",
    );
  }
}

/** The `Host` that was found to name this machine last. */
let lastLoopback: string | undefined;

/** Whether a `Host` header names this machine; browsers take every name under `localhost` for it. */
function isLoopbackHost(host: string): boolean {
  const [, address, name = ""] = /^(?:\[(.+)\]|([^:]+))(?::\d{1,5})?$/.exec(host.toLowerCase()) ??
    [];
  return isLoopback(address ?? name) || /^(?:[a-z0-9-]+\.)+localhost$/.test(name);
}

/** The name of the caller's key, as tasks and pauses show who acted. */
export function nameOf({ name }: Caller): string {
  return name ?? "anonymous";
}

/** Throws a `Refusal` unless the caller has one of these scopes. */
export function requireScope(caller: Caller, ...scopes: readonly Scope[]): void {
  if (!scopes.some((scope) => caller.scopes.has(scope))) {
    throw new Refusal("forbidden", `Expected an API key with the scope ${scopes.join(" or ")}`);
  }
}

/**
 * Throws a `Refusal` unless the caller may have these tasks: a chained task takes the
 * scope of its own path, and to have a host called that is not a service's own, as a
 * callback or `json://host/` does, takes the scope `fetch`.
 */
export function requireDraftScopes(caller: Caller, { drafted, batch, anyHost }: Draft): void {
  if (anyHost && !caller.scopes.has("fetch")) {
    throw new Refusal(
      "forbidden",
      "Expected an API key with the scope fetch, because a target, a file or a callback names its host",
    );
  }
  for (const { task } of drafted) requireChainScopes(caller, task.followUps);
  requireChainScopes(caller, batch?.followUps);
}

function requireChainScopes(caller: Caller, followUps: readonly FollowUp[] = []): void {
  for (const { kind, task } of followUps) if (kind === "chain") requireScope(caller, task.type);
}

/** Whether the caller may see tasks of `owner`. */
export function maySee(caller: Caller, owner: string | undefined): boolean {
  return caller.scopes.has("read") || isOwn(caller, owner);
}

/** Whether the caller may cancel, retry or run tasks of `owner`. */
export function mayOperate(caller: Caller, owner: string | undefined): boolean {
  return caller.scopes.has("operate") || isOwn(caller, owner);
}

/** Whether a task of `owner` is the caller's own; without API keys, all are everybody's. */
export function owns(caller: Caller, owner: string | undefined): boolean {
  return caller.name === owner;
}

function isOwn(caller: Caller, owner: string | undefined): boolean {
  return caller.name !== undefined && caller.name === owner;
}
