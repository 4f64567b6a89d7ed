/**
 * `fallback`: targets to try, one after another, when a notification has failed for good.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import { jsonTextSteps } from "../../lib/json/json_steps.ts";
import type { Steps } from "../../lib/steps.ts";
import type { NotifyContent } from "./notify.ts";
import type { SubmitOptions } from "./options.ts";
import { type MailContext, outgoingOf } from "./outgoing.ts";
import type { FollowUp } from "../task.ts";

/**
 * The follow-up of a failure: the first fallback, which is followed by the second
 * if it fails too. None is tried after the expiry of the notification.
 */
export function* fallbackSteps(
  ways: readonly NotifyContent[],
  options: SubmitOptions,
  sentBy: MailContext,
  now: number,
): Steps<FollowUp[]> {
  // The follow-ups of the notification follow its own end, not that of a fallback.
  const { delayMs: _, runAt: __, rawFollowUps: ___, followUps: ____, ...rest } = options;
  const { expiresMs, expiresAt, ...kept } = rest;
  const endsAt = expiresMs === undefined ? expiresAt : now + expiresMs;
  let followUps: FollowUp[] = [];
  for (const way of ways.toReversed()) {
    const next = followUps;
    followUps = [];
    for (const { place, payload } of outgoingOf(way, sentBy)) {
      const task = {
        ...place,
        ...kept,
        payload: yield* jsonTextSteps(payload),
        ...compact({ expiresAt: endsAt }),
        ...(next.length > 0 ? { followUps: next } : {}),
      };
      followUps.push({ kind: "fallback", on: ["failed"], task });
    }
  }
  return followUps;
}
