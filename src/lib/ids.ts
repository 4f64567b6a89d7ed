/**
 * Ids that sort by the time of acceptance and carry their kind.
 *
 * An id is a UUIDv7 (RFC 9562) in TypeID spelling: `tsk_` and 26 letters of
 * Crockford's base 32. Its first 53 free bits, a time and a counter, also are
 * the number under which an engine keeps it, so that looking an id up needs no
 * second index: see `sequenceOf`.
 *
 * @module
 */

/** What an id can be the id of. */
export type IdKind = "tsk" | "bat" | "hkd" | "pau";

/** Makes ids, each later in order than the one before, whatever the clock does. */
export type IdSource = (kind: IdKind) => string;

/** Which numbers are one source's among several: those that leave `own()` when divided by `stride`. */
export interface IdTurn {
  /** A divisor of 8192. */
  readonly stride: number;
  /** Below `stride`; may change when a node has to give up its turn. */
  readonly own: () => number;
}

const EVEN: IdTurn = { stride: 2, own: () => 0 };
const ODD: IdTurn = { stride: 2, own: () => 1 };

/** Sequence numbers count milliseconds from here, to stay within 2^53 until the year 2059. */
const EPOCH_MS = Date.UTC(2025, 0, 1);
/** Ids within one millisecond: 12 bits of `rand_a` and the first of `rand_b`. */
const PER_MS = 8192;
const LETTERS = "0123456789abcdefghjkmnpqrstvwxyz";
/** Time in ten letters, then the bits that name version 7, and those that name the variant. */
const PATTERN =
  /^(tsk|bat|hkd|pau)_[0-7][0-9a-hjkmnp-tv-z]{9}[ef][0-9a-hjkmnp-tv-z]{2}[89abrstv][0-9a-hjkmnp-tv-z]{12}$/;
/** By character code: a map of letters takes three times as long. */
const VALUE_OF = new Uint8Array(128);
for (let value = 0; value < 32; value++) VALUE_OF[LETTERS.charCodeAt(value)] = value;

/**
 * Opens a source of ids. `fill` puts random bytes into what it is given;
 * `after`, a sequence number, is the latest one already in use. Two sources
 * never make the same number when one makes the `even` ones: that is for who
 * accepts; the `odd` ones are for an engine that makes tasks itself.
 */
export function openIds(
  now: () => number,
  fill: (bytes: Uint8Array<ArrayBuffer>) => void,
  after = 0,
  turn: "even" | "odd" | IdTurn = "even",
): IdSource {
  const { stride, own } = turn === "even" ? EVEN : turn === "odd" ? ODD : turn;
  let last = after;
  const pool = new Uint8Array(RANDOM_BYTES * 512);
  let used = pool.length;
  // Ids that come thick share the letters of their time.
  let time = { ms: NaN, letters: "" };
  return (kind) => {
    const first = (now() - EPOCH_MS) * PER_MS;
    const place = own();
    // The turn may have changed since the last.
    last = Math.max(last - last % stride + stride + place, first + place);
    if (used === pool.length) {
      fill(pool);
      used = 0;
    }
    const counter = last % PER_MS;
    const ms = (last - counter) / PER_MS + EPOCH_MS;
    if (ms !== time.ms) time = { ms, letters: timeLetters(ms) };
    const text = `${kind}_${time.letters}${restLetters(counter, pool, used)}`;
    used += RANDOM_BYTES;
    return text;
  };
}

/** One of them gives a single bit, twelve give five each. */
const RANDOM_BYTES = 13;
const CODES = Uint8Array.from(LETTERS, (letter) => letter.charCodeAt(0));

/** The 48 bits of the time, after two of padding, as ten letters. */
function timeLetters(ms: number): string {
  let letters = "";
  for (let left = ms, i = 0; i < 10; i++) {
    letters = LETTERS.charAt(left % 32) + letters;
    left = Math.floor(left / 32);
  }
  return letters;
}

/** The other 80 bits as sixteen letters: version, counter, variant, the counter's last, 61 random ones. */
function restLetters(counter: number, random: Uint8Array, at: number): string {
  const head = (0x70000 | (counter >> 1 << 4)) | 0b1000 | ((counter & 1) << 1) |
    ((random[at] ?? 0) & 1);
  const code = (value: number) => CODES[value & 31] ?? 0;
  const drawn = (i: number) => code(random[at + i] ?? 0);
  // In one call: letters joined one by one are a text that has to be gathered again by every reader.
  return String.fromCharCode(
    code(head >> 15),
    code(head >> 10),
    code(head >> 5),
    code(head),
    drawn(1),
    drawn(2),
    drawn(3),
    drawn(4),
    drawn(5),
    drawn(6),
    drawn(7),
    drawn(8),
    drawn(9),
    drawn(10),
    drawn(11),
    drawn(12),
  );
}

/** Whether `text` has the form of an id of this kind, with a time at which it can have been created. */
export function isId(kind: IdKind, text: string): boolean {
  return text.startsWith(kind) && readSequence(text) !== undefined;
}

/**
 * The number that orders an id among all others: an integer below 2^53,
 * ascending in the order of acceptance. Throws a `TypeError` for what is no id.
 */
export function sequenceOf(id: string): number {
  const sequence = readSequence(id);
  if (sequence === undefined) {
    throw new TypeError(`Cannot read id "${id}": expected a kind and a TypeID`);
  }
  return sequence;
}

function readSequence(text: string): number | undefined {
  if (!PATTERN.test(text)) return undefined;
  const letter = (at: number) => VALUE_OF[text.charCodeAt(4 + at)] as number;
  // Letters 0-9 hold the 48 bits of time (2 of padding), 10-13 hold version, counter and variant.
  let ms = 0;
  for (let at = 0; at < 10; at++) ms = ms * 32 + letter(at);
  let rest = 0;
  for (let at = 10; at < 14; at++) rest = rest * 32 + letter(at);
  // 20 bits: 4 of version, 12 of counter, 2 of variant, 1 of counter, 1 random.
  const counter = (((rest >> 4) & 0xfff) << 1) | ((rest >> 1) & 1);
  const sequence = (ms - EPOCH_MS) * PER_MS + counter;
  return sequence >= 0 && Number.isSafeInteger(sequence) ? sequence : undefined;
}

/** No id that was made then, or later, has a lower sequence number. */
export function firstSequenceAt(ms: number): number {
  return Math.max(0, (ms - EPOCH_MS) * PER_MS);
}

/** When an id was made, in milliseconds since the epoch; a little later when ids came thick. */
export function createdAtOf(id: string): number {
  return Math.floor(sequenceOf(id) / PER_MS) + EPOCH_MS;
}
