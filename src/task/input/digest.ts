/**
 * `digest`: notifications for the same recipients within a window become one message.
 *
 * Each stays a task of its own. They share a lane, which names the key and
 * the place, and fall due together at the end of the window; one attempt then
 * serves all of them.
 *
 * @module
 */

import { z } from "zod";
import { parseDuration } from "../../lib/duration.ts";
import type { Issue } from "../issues.ts";
import { pointerTo } from "../../lib/json.ts";
import { isLongerThan, isOneLine } from "../../lib/text.ts";
import type { Payload } from "../payloads.ts";

/** Parsed options of a digest. */
export interface DigestOptions {
  /** Notifications with the same key and target go together. */
  readonly key: string;
  /** In milliseconds. */
  readonly windowMs: number;
  /** The most members that one attempt delivers. */
  readonly max: number;
}

/** A lane runs this many at once, so no more are collected. */
const MOST = 64;
const KEY_BYTES = 100;
const MIN_WINDOW_MS = 1_000;
const MAX_WINDOW_MS = 7 * 86_400_000;
const PREFIX = "digest:";

const EXPECTED = {
  digest: `Expected a digest such as {"key": "builds", "window": "10m"}`,
  key: `Expected one line of 1 to ${KEY_BYTES} bytes`,
  window: `Expected a duration from "1s" to "7d"`,
  max: `Expected a whole number from 2 to ${MOST}`,
};

/** The field, for the schema of a notification. */
export const digestFields = {
  digest: z.strictObject({
    key: z.string({ error: EXPECTED.key }),
    window: z.string({ error: EXPECTED.window }),
    max: z.int({ error: EXPECTED.max }).min(2, { error: EXPECTED.max })
      .max(MOST, { error: EXPECTED.max }).optional(),
  }, { error: EXPECTED.digest }).optional().meta({
    description:
      "Notifications with this key for the same target within a window become one message, " +
      "sent at the end of the window; each stays a task. Windows begin at whole multiples of their length.",
    examples: [{ key: "builds", window: "10m", max: 50 }],
  }),
};

/** The field as the schema leaves it: the right types, not yet read. */
export type RawDigest = NonNullable<(typeof digestFields)["digest"]["_output"]>;

/** Parses the field; adds what is wrong to `issues`. */
export function readDigest({ key, window, max = MOST }: RawDigest, issues: Issue[]): DigestOptions {
  const wrong = (name: keyof typeof EXPECTED) => {
    issues.push({ pointer: pointerTo(["digest", name]), detail: EXPECTED[name] });
  };
  const windowMs = parseDuration(window) ?? 0;
  if (windowMs < MIN_WINDOW_MS || windowMs > MAX_WINDOW_MS) wrong("window");
  if (key === "" || isLongerThan(key, KEY_BYTES) || !isOneLine(key)) wrong("key");
  return { key, windowMs, max };
}

/** The end of the window that a time lies in. */
export function windowEnd(at: number, { windowMs }: DigestOptions): number {
  return (Math.floor(at / windowMs) + 1) * windowMs;
}

/** The lane of a digest: one for each API key, digest key and destination. */
export function digestLane(
  channel: string,
  payload: Payload,
  { key }: DigestOptions,
  owner: string | undefined,
): string {
  return `${PREFIX}${owner ?? ""}/${key}:${channel}:${checksum(destinationOf(payload))}`;
}

/** Whether a lane is one of these. */
export function isDigestLane(lane: string): boolean {
  return lane.startsWith(PREFIX);
}

/** What members that one attempt delivers have in common. */
export function destinationOf(payload: Payload): string {
  if ("target" in payload) return payload.target;
  if ("url" in payload) return payload.url;
  const { from, to, cc, bcc, replyTo, bounce, dsn, unsubscribe, headers } = payload;
  return JSON.stringify([from, to, cc, bcc, replyTo, bounce, dsn, unsubscribe, headers]);
}

/** FNV-1a, to tell lanes apart. A collision does no harm, because destinations are compared too. */
function checksum(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  }
  return hash.toString(16).padStart(8, "0");
}
