/**
 * Resolves names with the system's resolver, which includes the hosts file.
 *
 * @module
 */

import { lookup } from "node:dns/promises";

/** All addresses of a name, IPv4 first; rejects when there is none. */
export async function resolveName(name: string): Promise<string[]> {
  const found = await lookup(name, { all: true, order: "verbatim" });
  return v4First(found.map(({ address }) => address));
}

/** IPv4 first, because names often resolve to IPv6 on machines that have no IPv6 route. */
export function v4First(addresses: readonly string[]): string[] {
  return addresses.toSorted((a, b) => Number(a.includes(":")) - Number(b.includes(":")));
}
