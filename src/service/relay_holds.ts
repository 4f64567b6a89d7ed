/**
 * Ends the holds of relays that are no longer set.
 *
 * A mail keeps the lane of the relay for which it was accepted, and is sent by
 * the relays that are set now. What the former relay said must not hold it.
 *
 * @module
 */

import type { ConfigFile } from "../config/config_file.ts";
import type { Config } from "../config/settings.ts";
import type { QueueEngine } from "../queue/engine.ts";

const MAX_LANES = 10_000;

/** Ends them; resolves with the names of their lanes. */
export async function releaseFormerRelays(
  engine: Pick<QueueEngine, "lanes" | "releaseHolds">,
  { mail }: Pick<Config, "mail">,
  { relays }: Pick<ConfigFile, "relays">,
): Promise<string[]> {
  const present = new Set(
    relays.length > 0 ? relays.map(({ relay }) => relay.lane) : [mail.lane],
  );
  const held = await engine.lanes(MAX_LANES);
  const former = held.filter(({ lane, heldUntil }) =>
    heldUntil !== undefined && (lane === "outbox" || lane.startsWith("mail:")) &&
    !present.has(lane)
  );
  const released: string[] = [];
  for (const { lane } of former) released.push(...await engine.releaseHolds(lane));
  return released;
}
