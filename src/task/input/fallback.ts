/**
 * `fallback`: another way for what has failed for good, and another after that.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import type { NotifyContent } from "./notify.ts";
import type { SubmitOptions } from "./options.ts";
import { type MailContext, outgoingOf } from "./outgoing.ts";
import type { FollowUp } from "../task.ts";

/**
 * What follows a failure: the first way, which is followed by the second if
 * it fails too. No way is tried after the time at which the whole is worthless.
 */
export function fallbackOf(
  ways: readonly NotifyContent[],
  options: SubmitOptions,
  sentBy: MailContext,
  now: number,
): FollowUp[] {
  // What follows the task follows its own end, not that of another way.
  const { delayMs: _, runAt: __, rawFollowUps: ___, followUps: ____, ...rest } = options;
  const { expiresMs, expiresAt, ...kept } = rest;
  const endsAt = expiresMs === undefined ? expiresAt : now + expiresMs;
  let followUps: FollowUp[] = [];
  for (const way of ways.toReversed()) {
    const next = followUps;
    followUps = [...outgoingOf(way, sentBy)].map(({ place, payload }) => ({
      kind: "fallback",
      on: ["failed"],
      task: {
        ...place,
        ...kept,
        payload: JSON.stringify(payload),
        ...compact({ expiresAt: endsAt }),
        ...(next.length > 0 ? { followUps: next } : {}),
      },
    }));
  }
  return followUps;
}
