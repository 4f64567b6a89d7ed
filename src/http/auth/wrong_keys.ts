/**
 * Slows down guessing: how many unknown API keys a client may try.
 *
 * A known key is never slowed down, so that no client locks out another
 * behind the same address.
 *
 * @module
 */

import type { Clock } from "../../lib/clock.ts";
import type { LogSampled } from "../../lib/sampled_log.ts";
import { Refusal } from "../problems.ts";

/** Tries that a client has at once, and those that it gets back per second. */
const BURST = 20;
const PER_SECOND = 2;
/** Clients that are remembered; beyond it the oldest is forgotten. */
const MAX_CLIENTS = 10_000;

/** Counts an unknown key of a client; throws a `Refusal` with 401, or with 429 when it tried too many. */
export type RefuseWrongKey = (address: string | undefined, requestId: string) => never;

/** Opens the counts. */
export function openWrongKeys(clock: Clock, warn: LogSampled): RefuseWrongKey {
  const clients = new Map<string, { tries: number; at: number }>();
  return (address, requestId) => {
    const client = networkOf(address ?? "");
    warn("unknown API key", "Refused an unknown API key", { client, requestId });
    const at = clock.monotonic();
    const known = clients.get(client) ?? { tries: BURST, at };
    const tries = Math.min(BURST, known.tries + (at - known.at) / 1_000 * PER_SECOND);
    clients.delete(client);
    clients.set(client, { tries: Math.max(0, tries - 1), at });
    if (clients.size > MAX_CLIENTS) clients.delete(clients.keys().next().value as string);
    if (tries >= 1) throw unauthorized("Unknown API key");
    const headers = { "retry-after": "1" };
    throw new Refusal("rate_limited", { detail: "Too many unknown API keys", headers });
  };
}

/** An IPv6 client has at least a /64 of addresses to itself. */
function networkOf(address: string): string {
  if (!address.includes(":")) return address;
  return `${address.split("::")[0]?.split(":").slice(0, 4).join(":")}::/64`;
}

/** Refuses a request without a valid key. */
export function unauthorized(detail: string): Refusal {
  return new Refusal("unauthorized", { detail, headers: { "www-authenticate": "Bearer" } });
}
