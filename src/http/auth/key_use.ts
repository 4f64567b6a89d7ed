/**
 * When each API key was last used, since the start of this node.
 *
 * @module
 */

import type { Clock } from "../../lib/clock.ts";

/** The last use of each API key. */
export interface KeyUse {
  /** Records a use. */
  used(name: string): void;
  /** When it was last used, in milliseconds since the epoch; `undefined`: not since the start. */
  lastUsed(name: string): number | undefined;
}

/** Opens an empty record. */
export function openKeyUse(clock: Clock): KeyUse {
  const times = new Map<string, number>();
  return {
    used: (name) => void times.set(name, clock.now()),
    lastUsed: (name) => times.get(name),
  };
}
