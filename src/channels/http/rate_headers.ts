/**
 * Reads the headers by which a server limits the rate of requests.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";

/** Milliseconds from now; `undefined` for what is neither seconds nor a date. */
export function parseRetryAfter(text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined;
  // A header that was sent twice is joined by commas: the longest wait counts.
  const seconds = text.split(",").map(numberOf);
  if (seconds.every((count) => count !== undefined)) return Math.ceil(Math.max(...seconds) * 1_000);
  const at = parseDate(text.trim());
  return at === undefined ? undefined : Math.max(0, at - now);
}

/** RFC 9110 §5.6.7 has three forms, all in GMT; some servers write UTC, an offset or ISO 8601. */
function parseDate(text: string): number | undefined {
  const isAsctime = /^[A-Za-z]{3} [A-Za-z]{3} [ \d]\d \d\d:\d\d:\d\d \d{4}$/.test(text);
  // `Date.parse` alone would read "5 May" as a date.
  const hasZone = /(?:\b(?:GMT|UTC)|\d\d:\d\d(?::\d\d(?:\.\d+)?)? ?(?:Z|[+-]\d\d:?\d\d))$/i.test(
    text,
  );
  if (!isAsctime && !hasZone) return undefined;
  const at = Date.parse(isAsctime ? `${text} GMT` : text);
  return Number.isNaN(at) ? undefined : at;
}

/** What remains of a quota, and when it is reset. */
export interface RateLimit {
  /** Requests that remain; absent when that is not a number from 0. */
  readonly left?: number;
  /** Milliseconds until the quota is reset. */
  readonly resetMs?: number;
}

/** A larger number of seconds is a Unix timestamp, not a duration. */
const TIMESTAMP_FROM = 1_000_000_000;

/** A larger number of seconds is a Unix timestamp, and beyond that one in milliseconds. */
const MILLISECONDS_FROM = 100_000_000_000;

/**
 * Reads `RateLimit: "default";r=0;t=40` and its older form `limit=100, remaining=0, reset=40`,
 * the headers `RateLimit-Remaining` and `-Reset`, or `X-RateLimit-…`. Of several policies, the
 * one that is used up counts.
 */
export function rateLimitOf(
  headers: Readonly<Record<string, string>>,
  now: number,
): RateLimit {
  const { ratelimit } = headers;
  if (ratelimit !== undefined) return fieldLimit(ratelimit, now);
  for (const form of FORMS) {
    const left = headers[form.remaining];
    const reset = headers[form.resetAfter] ?? headers[form.reset];
    if (left !== undefined || reset !== undefined) return limitOf(left, reset, now);
  }
  return {};
}

/** The names of the separate headers in their forms. */
const FORMS = ["ratelimit-", "x-ratelimit-", "x-rate-limit-"].map((prefix) => ({
  remaining: `${prefix}remaining`,
  resetAfter: `${prefix}reset-after`,
  reset: `${prefix}reset`,
}));

function fieldLimit(text: string, now: number): RateLimit {
  const [, left] = /(?:^|,)\s*remaining\s*=\s*([\d.]+)/i.exec(text) ?? [];
  if (left !== undefined) {
    const [, reset] = /(?:^|,)\s*reset\s*=\s*([\d.]+)/i.exec(text) ?? [];
    return limitOf(left, reset, now);
  }
  const policies = (text.match(/(?:"(?:[^"\\]|\\.)*"|[^,"])+/g) ?? []).map((policy) =>
    limitOf(/;\s*r=([\d.]+)/i.exec(policy)?.[1], /;\s*t=([\d.]+)/i.exec(policy)?.[1], now)
  );
  const empty = policies.filter(({ left }) => left === 0);
  const waits = empty.map(({ resetMs }) => resetMs ?? 0);
  if (empty.length > 0) return { left: 0, resetMs: Math.max(...waits) };
  return policies.find(({ left }) => left !== undefined) ?? {};
}

function limitOf(left: string | undefined, reset: string | undefined, now: number): RateLimit {
  return compact({ left: numberOf(left), resetMs: resetOf(reset, now) });
}

function resetOf(reset: string | undefined, now: number): number | undefined {
  const seconds = numberOf(reset);
  if (seconds === undefined) return parseRetryAfter(reset, now);
  if (seconds < TIMESTAMP_FROM) return seconds * 1_000;
  return (seconds < MILLISECONDS_FROM ? seconds * 1_000 : seconds) - now;
}

/** Larger ones would be no exact numbers of milliseconds. */
const MAX_NUMBER = 9_999_999_999_999;

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\s*\d{1,100}(?:\.\d{0,9})?\s*$/.test(text)
    ? Math.min(Number(text), MAX_NUMBER)
    : undefined;
}
