/**
 * The channel `http`, open for one test.
 *
 * @module
 */

import type { Channel } from "../../../src/channels/channel.ts";
import { openGuard, parseFetchAllow } from "../../../src/channels/guard/guard.ts";
import { type HttpOptions, openHttpChannel } from "../../../src/channels/http/http.ts";
import { systemClock } from "../../../src/lib/clock.ts";

/** What a test can change. */
export interface TestHttpOptions extends
  Pick<
    HttpOptions,
    "ca" | "waits" | "downloads" | "maxSavedBytes" | "refusesSave" | "egressProxy"
  > {
  /** As in `POSTRIDER_FETCH_ALLOW`; 127.0.0.1 when absent. */
  readonly allow?: string;
  /** What every name resolves to; the system's resolver is used when absent. */
  readonly addresses?: readonly string[];
}

/** In milliseconds: for whatever is answered at all. */
const PATIENT = { connect: 30_000, idle: 30_000 };

/** Waits for tests whose server falls silent, in milliseconds. */
export const WAITS_FOR_SILENCE = { connect: 30_000, idle: 2_000 };

/** Opens the channel; it closes with its scope. */
export function openTestHttp(
  { allow = "127.0.0.1", addresses, waits = PATIENT, ...more }: TestHttpOptions = {},
): Channel & AsyncDisposable {
  const guard = openGuard({
    allow: parseFetchAllow(allow),
    ...(addresses === undefined ? {} : { resolve: () => Promise.resolve(addresses) }),
  });
  const channel = openHttpChannel({ guard, version: "1.2.3", clock: systemClock, ...more, waits });
  return Object.assign(channel, {
    [Symbol.asyncDispose]: async () => await channel.close?.(),
  });
}
