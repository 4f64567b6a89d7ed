/**
 * Writes JSON with long strings in steps: `JSON.stringify` of a text of
 * 27 MB takes 90 ms, and its result is copied once more wherever it goes.
 *
 * @module
 */

import type { Steps } from "../steps.ts";

/** Longer strings are written in slices of this length, in characters. */
const SLICE = 262_144;
/** Shorter strings are written together with what is around them, in characters. */
const MAX_IN_FRAME = 16_384;
/** Characters written in a microsecond. */
const SPEED = 200;
/** Bytes copied in a microsecond. */
const COPY_SPEED = 1_000;

/** Whether a member of an object is a string that `jsonSteps` writes in slices. */
export function hasLongText(value: object): boolean {
  return Object.values(value).some((member) => typeof member === "string" && member.length > SLICE);
}

/** Writes a value as `JSON.stringify` does. */
export function* jsonSteps(value: object): Steps<Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder();
  const parts: Uint8Array[] = [];
  yield* writeSteps(value, (text) => void parts.push(encoder.encode(text)));
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
    yield part.length / COPY_SPEED;
  }
  return whole;
}

/** The same as text. */
export function* jsonTextSteps(value: object): Steps<string> {
  let whole = "";
  yield* writeSteps(value, (text) => void (whole += text));
  return whole;
}

function* writeSteps(value: object, write: (text: string) => void): Steps<void> {
  const long: string[] = [];
  const mark = crypto.randomUUID();
  const frame = JSON.stringify(value, (_, member) => {
    if (typeof member !== "string" || member.length <= MAX_IN_FRAME) return member;
    long.push(member);
    return mark;
  });
  for (const [index, part] of frame.split(`"${mark}"`).entries()) {
    if (index > 0) {
      write('"');
      for (const slice of slices(long[index - 1] ?? "")) {
        write(JSON.stringify(slice).slice(1, -1));
        yield slice.length / SPEED;
      }
      write('"');
    }
    write(part);
    yield part.length / SPEED;
  }
}

/** Cuts a text, but no surrogate pair. */
export function* slices(text: string): Generator<string> {
  for (let at = 0; at < text.length;) {
    let end = Math.min(text.length, at + SLICE);
    if (end < text.length && (text.charCodeAt(end - 1) & 0xfc00) === 0xd800) end--;
    yield text.slice(at, end);
    at = end;
  }
}
