/**
 * Durations as people write them: `"250ms"`, `"30s"`, `"1h30m"`, `"2d"`.
 *
 * @module
 */

/** The longest duration there is, a hundred years: whatever it is added to stays a date. */
export const MAX_DURATION_MS = 36_525 * 86_400_000;

const UNIT_MS: Record<string, number> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };
/** A pattern with a repeated group fails on some million repetitions, so longer texts are not tried. */
const MAX_LENGTH = 200;
const PATTERN = /^(?:\d{1,9}(?:ms|[dhms]))+$/;

/** Reads a duration into milliseconds; `undefined` when it is not one or longer than any. */
export function parseDuration(text: string): number | undefined {
  if (text.length > MAX_LENGTH || !PATTERN.test(text)) return undefined;
  let total = 0;
  let count = 0;
  // By hand: a search by pattern makes an array of each part, and a batch says this a thousand times.
  for (let at = 0; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit < 10) {
      count = count * 10 + digit;
    } else {
      const unit = text.startsWith("ms", at) ? "ms" : text.charAt(at);
      total += count * (UNIT_MS[unit] ?? 0);
      count = 0;
      at += unit.length - 1;
    }
  }
  return total <= MAX_DURATION_MS ? total : undefined;
}

/** Writes milliseconds as a duration that `parseDuration` reads back. */
export function formatDuration(ms: number): string {
  let left = Math.round(ms);
  let text = "";
  for (const [unit, size] of Object.entries(UNIT_MS)) {
    const count = Math.floor(left / size);
    if (count > 0) text += `${count}${unit}`;
    left -= count * size;
  }
  return text || "0s";
}
