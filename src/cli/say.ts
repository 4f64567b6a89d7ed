/**
 * Writes text to the terminal or a pipe.
 *
 * @module
 */

const ENCODER = new TextEncoder();

/** Writes the whole text: a pipe may take only a part of it at once. */
export function say(to: { writeSync(bytes: Uint8Array): number }, text: string): void {
  const bytes = ENCODER.encode(text);
  for (let at = 0; at < bytes.length;) at += to.writeSync(bytes.subarray(at));
}
