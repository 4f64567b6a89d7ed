/**
 * Names into addresses, as the machine's own resolver knows them, hosts file included.
 *
 * @module
 */

import { lookup } from "node:dns/promises";

/** All addresses of a name, best first; rejects when there is none. */
export async function resolveName(name: string): Promise<string[]> {
  const found = await lookup(name, { all: true, order: "verbatim" });
  return v4First(found.map(({ address }) => address));
}

/** A machine without IPv6 often resolves it; one without IPv4 says so at once. */
export function v4First(addresses: readonly string[]): string[] {
  return addresses.toSorted((a, b) => Number(a.includes(":")) - Number(b.includes(":")));
}
