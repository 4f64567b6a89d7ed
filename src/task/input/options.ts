/**
 * The options that every submit takes besides its payload: when, how often, how long.
 *
 * @module
 */

import { parseTime } from "../../lib/time.ts";
import { z } from "zod";
import { parseDuration } from "../../lib/duration.ts";
import type { Issue } from "../issues.ts";
import { pointerTo } from "../../lib/json.ts";
import { isLongerThan, isOneLine } from "../../lib/text.ts";
import {
  DEFAULT_RETRIES,
  formatRetry,
  MAX_RETRIES,
  parseRetry,
  type RetrySchedule,
} from "../retry.ts";
import { anObject } from "./batch_input.ts";
import { type FollowUp, type GivenFields, type OnUnknown, withGiven } from "../task.ts";

/** The options of one request, parsed. */
export interface SubmitOptions extends GivenFields {
  /** Milliseconds from acceptance to the first attempt. */
  readonly delayMs?: number;
  /** Earliest time of the first attempt, in milliseconds since the epoch. */
  readonly runAt?: number;
  /** Milliseconds from acceptance after which no attempt begins. */
  readonly expiresMs?: number;
  /** No attempt begins at or after it, in milliseconds since the epoch. */
  readonly expiresAt?: number;
  /** 0 (first) to 9. */
  readonly priority: number;
  /** The waits before further attempts. */
  readonly retry: RetrySchedule;
  /** The longest an attempt may take, in milliseconds. */
  readonly timeoutMs: number;
  /** What to do when an attempt's effect is unknown. */
  readonly onUnknown: OnUnknown;
  /** `none`: payload and result are erased at the end. */
  readonly retain?: "none";
  /** What is to follow, as the caller wrote it. */
  readonly rawFollowUps?: RawFollowUps;
  /** The same, parsed. */
  readonly followUps?: readonly FollowUp[];
}

/** Fields of which a request takes only one. */
export const OPTION_ALTERNATIVES: readonly (readonly string[])[] = [["delay", "runAt"]];

const MAX_TAGS = 20;
const TAG_BYTES = 64;
const KEY_BYTES = 256;
const DAY_MS = 86_400_000;
/** Later dates could not be written as RFC 3339. */
const MAX_WAIT_DAYS = 3_650;
const MIN_TIMEOUT_MS = 100;
const MAX_TIMEOUT_MS = 3_600_000;

/** A text field; `error` says what is expected. */
const text = (error: string) => z.string({ error });

const EXPECTED = {
  duration:
    `Expected a duration such as "250ms", "30s", "1h30m" or "2d", at most ${MAX_WAIT_DAYS}d`,
  time: `Expected an RFC 3339 time such as "2026-01-31T08:00:00Z"`,
  expires: `Expected a duration such as "2h", or an RFC 3339 time such as "2026-01-31T08:00:00Z"`,
  priority: "Expected a whole number from 0 (first) to 9",
  retry: `Expected a number of further tries from 0 to ${MAX_RETRIES}, or a schedule of at most ` +
    `${MAX_RETRIES} steps such as "5s, 1m, 10m*3", none longer than ${MAX_WAIT_DAYS}d`,
  timeout: `Expected a duration from "100ms" to "1h"`,
  key: `Expected one line of 1 to ${KEY_BYTES} bytes`,
  tags: `Expected a list of at most ${MAX_TAGS} tags`,
  tag: `Expected one line of 1 to ${TAG_BYTES} bytes`,
  onUnknown: `Expected "retry" or "stop"`,
  retain: `Expected "none", or leave it out`,
  callback: "Expected an absolute http: or https: URL",
  chain: 'Expected {"notify": {…}} or {"fetch": {…}}',
};

/** A text of one line, of 1 to `mostBytes` bytes. */
const name = (mostBytes: number, error: string) =>
  z.string({ error }).refine(
    (text) => text.length > 0 && !isLongerThan(text, mostBytes) && isOneLine(text),
    { error },
  ).meta({ minLength: 1, maxLength: mostBytes });

/** The schema of each of `GivenFields`. */
const givenFields = {
  key: name(KEY_BYTES, EXPECTED.key).optional().meta({
    description: "Tasks of one key are attempted one at a time, in the order of acceptance.",
  }),
  tags: z.array(name(TAG_BYTES, EXPECTED.tag), { error: EXPECTED.tags })
    .max(MAX_TAGS, { error: EXPECTED.tags })
    .transform((tags) => tags.length > 0 ? [...new Set(tags)] : undefined).optional()
    .meta({ description: `For finding it again; each of at most ${TAG_BYTES} bytes.` }),
} satisfies { readonly [Name in keyof GivenFields]-?: z.ZodType<GivenFields[Name] | undefined> };

const chain = anObject(EXPECTED.chain).optional();

/** The follow-ups of a task, as the caller wrote them. */
export interface RawFollowUps {
  /** A URL. */
  readonly callback?: unknown;
  /** A request of either kind. */
  readonly onSuccess?: unknown;
  /** A request of either kind. */
  readonly onFailure?: unknown;
}

/** The fields that every submit takes, for the schemas of whole requests. */
export const optionFields = {
  delay: text(EXPECTED.duration).optional().meta({
    description: "A duration: the first attempt begins this long after acceptance.",
    examples: ["10m"],
  }),
  runAt: text(EXPECTED.time).optional().meta({
    description: "An RFC 3339 time: the first attempt begins then. Not together with delay.",
    examples: ["2026-01-31T08:00:00.000Z"],
  }),
  expires: text(EXPECTED.expires).optional().meta({
    description: "A duration or an RFC 3339 time: no attempt begins after it.",
    examples: ["2h"],
  }),
  priority: z.int({ error: EXPECTED.priority }).min(0, { error: EXPECTED.priority })
    .max(9, { error: EXPECTED.priority }).optional()
    .meta({ description: "0 goes first, 9 last; 5 when absent." }),
  retry: z.union([
    z.int({ error: EXPECTED.retry }).min(0, { error: EXPECTED.retry })
      .max(MAX_RETRIES, { error: EXPECTED.retry }),
    z.string(),
  ], { error: EXPECTED.retry }).optional().meta({
    description:
      "The number of further attempts, or a schedule with one attempt after each wait. " +
      `The default schedule is ${formatRetry(DEFAULT_RETRIES.fetch)} for requests and ` +
      `${formatRetry(DEFAULT_RETRIES.mail)} for notifications; its last wait repeats. A wait is ` +
      "never shorter, and up to a quarter longer.",
    examples: [3, "5s, 1m, 10m*3"],
  }),
  timeout: text(EXPECTED.timeout).optional().meta({
    description: "The longest one attempt may take, 100ms to 1h.",
    examples: ["30s"],
  }),
  ...givenFields,
  onUnknown: z.enum(["retry", "stop"], { error: EXPECTED.onUnknown }).optional().meta({
    description: "What to do when an attempt was cut off after its bytes had left; retry when " +
      "absent.",
  }),
  retain: z.literal("none", { error: EXPECTED.retain }).optional().meta({
    description: "none erases payload and result at the end.",
  }),
  callback: text(EXPECTED.callback).optional().meta({
    description: "A URL that gets a signed event at the end (Standard Webhooks).",
    examples: ["https://example.org/hooks/postrider"],
  }),
  onSuccess: chain.meta({
    description: 'Created when it has succeeded: {"notify": {…}} or {"fetch": {…}}, one level; ' +
      "placeholders such as {{task.result.status}} are filled in.",
  }),
  onFailure: chain.meta({
    description: "The same when it has failed for good, or expired.",
  }),
};

/** The options as their schema leaves them: of the right types, not yet parsed. */
export type RawOptions = {
  readonly [Name in keyof typeof optionFields]?: (typeof optionFields)[Name]["_output"];
};

/** Parses the options, and adds what is wrong with them to `issues`. */
export function readOptions(
  raw: RawOptions,
  defaults: { readonly retry: RetrySchedule; readonly timeoutMs: number },
  issues: Issue[],
): SubmitOptions {
  const wrong = (detail: string, ...path: (string | number)[]) => {
    issues.push({ pointer: pointerTo(path), detail });
    return undefined;
  };
  if (raw.delay !== undefined && raw.runAt !== undefined) {
    wrong("Expected either delay or runAt, not both", "runAt");
  }
  const delayMs = raw.delay === undefined
    ? undefined
    : parseWait(raw.delay) ?? wrong(EXPECTED.duration, "delay");
  const runAt = raw.runAt === undefined
    ? undefined
    : parseTime(raw.runAt) ?? wrong(EXPECTED.time, "runAt");
  const expiresMs = raw.expires === undefined ? undefined : parseWait(raw.expires);
  const expiresAt = raw.expires === undefined || expiresMs !== undefined
    ? undefined
    : parseTime(raw.expires) ?? wrong(EXPECTED.expires, "expires");
  const timeoutMs = raw.timeout === undefined
    ? defaults.timeoutMs
    : parseDuration(raw.timeout) ?? 0;
  if (timeoutMs < MIN_TIMEOUT_MS || timeoutMs > MAX_TIMEOUT_MS) {
    wrong(EXPECTED.timeout, "timeout");
  }
  const retry = raw.retry === undefined ? defaults.retry : readRetry(raw.retry, defaults.retry);
  if (!retry) wrong(EXPECTED.retry, "retry");
  // Written out, not spread: every submit comes through here.
  const options: { -readonly [Name in keyof SubmitOptions]: SubmitOptions[Name] } = {
    priority: raw.priority ?? 5,
    retry: retry ?? [],
    timeoutMs,
    onUnknown: raw.onUnknown ?? "retry",
  };
  if (delayMs !== undefined) options.delayMs = delayMs;
  if (runAt !== undefined) options.runAt = runAt;
  if (expiresMs !== undefined) options.expiresMs = expiresMs;
  if (expiresAt !== undefined) options.expiresAt = expiresAt;
  if (raw.retain !== undefined) options.retain = raw.retain;
  const { callback, onSuccess, onFailure } = raw;
  if (callback !== undefined || onSuccess !== undefined || onFailure !== undefined) {
    options.rawFollowUps = { callback, onSuccess, onFailure };
  }
  return withGiven(options, raw);
}

/** What is wrong with an `expires` that leaves no time for an attempt; `now` is the time of acceptance. */
export function expiryIssue(
  { delayMs, runAt, expiresMs, expiresAt }: SubmitOptions,
  now: number,
): Issue | undefined {
  const endsAt = expiresMs === undefined ? expiresAt : now + expiresMs;
  const startsAt = delayMs === undefined ? Math.max(now, runAt ?? now) : now + delayMs;
  if (endsAt === undefined || endsAt > startsAt) return undefined;
  const detail = startsAt > now
    ? "Expected a time after the first attempt, which delay or runAt sets"
    : "Expected a time in the future";
  return { pointer: "/expires", detail };
}

function readRetry(value: number | string, defaults: RetrySchedule): RetrySchedule | undefined {
  const steps = parseRetry(value, defaults);
  return steps?.every((ms) => ms <= MAX_WAIT_DAYS * DAY_MS) ? steps : undefined;
}

function parseWait(text: string): number | undefined {
  const ms = parseDuration(text);
  return ms !== undefined && ms <= MAX_WAIT_DAYS * DAY_MS ? ms : undefined;
}
