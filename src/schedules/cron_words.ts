/**
 * A cron expression in words.
 *
 * @module
 */

import cronstrue from "cronstrue";

/** `30 8 * * 1-5` as "At 08:30, Monday through Friday"; `undefined` for what has no words. */
export function cronWords(expression: string): string | undefined {
  try {
    const needsBoth = / \+\S+$/.test(expression.trim());
    const text = expression.trim().replace(/ \+(\S+)$/, " $1");
    const words = cronstrue.toString(text, { use24HourTimeFormat: true });
    // With a day of the month and a weekday, cron runs on either; the library says "and".
    return needsBoth ? words : words.replace(", and on ", ", or on ");
  } catch {
    return undefined;
  }
}
