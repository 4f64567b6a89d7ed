/**
 * What every submit takes beside its payload: when, how often, how long.
 *
 * @module
 */

import { parseTime } from "../../lib/time.ts";
import { compact } from "../../lib/compact.ts";
import { z } from "zod";
import { parseDuration } from "../../lib/duration.ts";
import type { Issue } from "../issues.ts";
import { pointerTo } from "../../lib/json.ts";
import { isLongerThan, isOneLine } from "../../lib/text.ts";
import { MAX_RETRIES, parseRetry, type RetrySchedule } from "../retry.ts";
import { followUpFields, parseFollowUpFields, type RawFollowUps } from "./follow_up_fields.ts";
import type { FollowUp, OnUnknown } from "../task.ts";

/** The options of one request, as they were meant. */
export interface SubmitOptions {
  /** Milliseconds from acceptance to the first attempt. */
  readonly delayMs?: number;
  /** Earliest time of the first attempt, in milliseconds since the epoch. */
  readonly runAt?: number;
  /** No attempt begins that many milliseconds after acceptance, or later. */
  readonly expiresMs?: number;
  /** No attempt begins at or after it, in milliseconds since the epoch. */
  readonly expiresAt?: number;
  /** 0 (first) to 9. */
  readonly priority: number;
  /** The waits before further tries. */
  readonly retry: RetrySchedule;
  /** The longest an attempt may take, in milliseconds. */
  readonly timeoutMs: number;
  /** Tasks of one key are attempted one at a time. */
  readonly key?: string;
  /** Each once. */
  readonly tags?: readonly string[];
  /** What to do when an attempt's effect is unknown. */
  readonly onUnknown: OnUnknown;
  /** Bodies are erased at the end. */
  readonly retain?: "none";
  /** What is to follow, as the caller wrote it. */
  readonly rawFollowUps?: RawFollowUps;
  /** The same, once it has been read. */
  readonly followUps?: readonly FollowUp[];
}

/** Names of which a request takes one. */
export const OPTION_ALTERNATIVES: readonly (readonly string[])[] = [["delay", "runAt"]];

const MAX_TAGS = 20;
const TAG_BYTES = 64;
const KEY_BYTES = 256;
const DAY_MS = 86_400_000;
/** Beyond it a date could no longer be written down. */
const MAX_WAIT_DAYS = 3_650;
const MIN_TIMEOUT_MS = 100;
const MAX_TIMEOUT_MS = 3_600_000;

/** A schema's field that is a text; `error` tells what is expected. */
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
};

/** The fields of the options, for the schemas of whole requests in this room. */
export const optionFields = {
  delay: text(EXPECTED.duration).optional().meta({
    description: "Wait so long before the first attempt; a duration.",
    examples: ["10m"],
  }),
  runAt: text(EXPECTED.time).optional().meta({
    description: "No attempt before it; an RFC 3339 time. Not beside delay.",
    examples: ["2026-01-31T08:00:00.000Z"],
  }),
  expires: text(EXPECTED.expires).optional().meta({
    description: "No attempt begins after it; a duration or an RFC 3339 time.",
    examples: ["2h"],
  }),
  priority: z.int({ error: EXPECTED.priority }).min(0, { error: EXPECTED.priority })
    .max(9, { error: EXPECTED.priority }).optional()
    .meta({ description: "0 goes first, 9 last.", default: 5 }),
  retry: z.union([
    z.int({ error: EXPECTED.retry }).min(0, { error: EXPECTED.retry })
      .max(MAX_RETRIES, { error: EXPECTED.retry }),
    z.string(),
  ], { error: EXPECTED.retry }).optional().meta({
    description: "Further tries on the default schedule, or a schedule: one try after each step.",
    examples: [3, "5s, 1m, 10m*3"],
  }),
  timeout: text(EXPECTED.timeout).optional().meta({
    description: "The longest one attempt may take, 100ms to 1h.",
    examples: ["30s"],
  }),
  key: text(EXPECTED.key).optional().meta({
    description: "Tasks of one key are attempted one at a time, in the order of acceptance.",
  }),
  tags: z.array(z.string({ error: EXPECTED.tag }), { error: EXPECTED.tags })
    .max(MAX_TAGS, { error: EXPECTED.tags }).optional()
    .meta({ description: `For finding it again; each of at most ${TAG_BYTES} bytes.` }),
  onUnknown: z.enum(["retry", "stop"], { error: EXPECTED.onUnknown }).optional().meta({
    description: "What to do when an attempt was cut off after its bytes had left.",
    default: "retry",
  }),
  retain: z.literal("none", { error: EXPECTED.retain }).optional().meta({
    description: "Erase payload and result at the end.",
  }),
  ...followUpFields,
};

/** The options as the schema leaves them: the right types, not yet read. */
export interface RawOptions extends RawFollowUps {
  /** A duration. */
  readonly delay?: string | undefined;
  /** A time. */
  readonly runAt?: string | undefined;
  /** A duration or a time. */
  readonly expires?: string | undefined;
  /** 0 to 9. */
  readonly priority?: number | undefined;
  /** A number of tries or a schedule. */
  readonly retry?: number | string | undefined;
  /** A duration. */
  readonly timeout?: string | undefined;
  /** Any text. */
  readonly key?: string | undefined;
  /** Any texts, not too many. */
  readonly tags?: readonly string[] | undefined;
  /** As it was meant. */
  readonly onUnknown?: OnUnknown | undefined;
  /** As it was meant. */
  readonly retain?: "none" | undefined;
}

/** Reads the options, and adds what is wrong with them to `issues`. */
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
  if (raw.key !== undefined && !isName(raw.key, KEY_BYTES)) wrong(EXPECTED.key, "key");
  raw.tags?.forEach((tag, i) => isName(tag, TAG_BYTES) || wrong(EXPECTED.tag, "tags", i));
  return {
    ...compact({ delayMs, runAt, expiresMs, expiresAt }),
    priority: raw.priority ?? 5,
    retry: retry ?? [],
    timeoutMs,
    ...compact({ key: raw.key }),
    ...(raw.tags?.length ? { tags: [...new Set(raw.tags)] } : {}),
    onUnknown: raw.onUnknown ?? "retry",
    ...compact({ retain: raw.retain }),
    ...parseFollowUpFields(raw),
  };
}

function readRetry(value: number | string, defaults: RetrySchedule): RetrySchedule | undefined {
  const steps = parseRetry(value, defaults);
  return steps?.every((ms) => ms <= MAX_WAIT_DAYS * DAY_MS) ? steps : undefined;
}

function parseWait(text: string): number | undefined {
  const ms = parseDuration(text);
  return ms !== undefined && ms <= MAX_WAIT_DAYS * DAY_MS ? ms : undefined;
}

function isName(text: string, mostBytes: number): boolean {
  return text.length > 0 && !isLongerThan(text, mostBytes) && isOneLine(text);
}
