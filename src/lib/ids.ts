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
export type IdKind = "tsk" | "bat" | "hkd";

/** Makes ids, each later in order than the one before, whatever the clock does. */
export type IdSource = (kind: IdKind) => string;

/** Sequence numbers count milliseconds from here, to stay within 2^53 until the year 2059. */
const EPOCH_MS = Date.UTC(2025, 0, 1);
/** Ids within one millisecond: 12 bits of `rand_a` and the first of `rand_b`. */
const PER_MS = 8192;
const LETTERS = "0123456789abcdefghjkmnpqrstvwxyz";
/** Time in ten letters, then the bits that name version 7, and those that name the variant. */
const PATTERN =
  /^(tsk|bat|hkd)_[0-7][0-9a-hjkmnp-tv-z]{9}[ef][0-9a-hjkmnp-tv-z]{2}[89abrstv][0-9a-hjkmnp-tv-z]{12}$/;
const VALUE_OF = new Map([...LETTERS].map((letter, value) => [letter, value]));

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
  turn: "even" | "odd" = "even",
): IdSource {
  const own = turn === "even" ? 0 : 1;
  let last = after % 2 === own ? after : after - 1;
  const pool = new Uint8Array(8 * 512);
  let used = pool.length;
  return (kind) => {
    last = Math.max(last + 2, (now() - EPOCH_MS) * PER_MS + own);
    if (used === pool.length) {
      fill(pool);
      used = 0;
    }
    const id = spell(kind, last, pool, used);
    used += 8;
    return id;
  };
}

/** Writes a sequence number and 61 random bits as an id. */
function spell(kind: IdKind, sequence: number, random: Uint8Array, at: number): string {
  const counter = sequence % PER_MS;
  const ms = (sequence - counter) / PER_MS + EPOCH_MS;
  // 128 bits as words of 48, 16 and 64: time | version, counter | variant, counter, random.
  const middle = 0x7000 | (counter >> 1);
  const b = (i: number) => random[at + i] ?? 0;
  const first = 0x80 | ((counter & 1) << 5) | (b(0) & 0x1f);
  const high = Math.floor(ms / 2 ** 16);
  const words = [
    high >>> 0,
    (((ms % 2 ** 16) << 16) | middle) >>> 0,
    ((first << 24) | (b(1) << 16) | (b(2) << 8) | b(3)) >>> 0,
    ((b(4) << 24) | (b(5) << 16) | (b(6) << 8) | b(7)) >>> 0,
  ] as const;
  let text = `${kind}_`;
  // 26 letters of 5 bits are 130 bits: the first letter holds three.
  for (let bit = -2; bit < 128; bit += 5) text += LETTERS[fiveBits(words, bit)];
  return text;
}

function fiveBits(words: readonly number[], from: number): number {
  let value = 0;
  for (let bit = from; bit < from + 5; bit++) {
    const word = bit < 0 ? 0 : words[bit >> 5] ?? 0;
    value = (value << 1) | (bit < 0 ? 0 : (word >>> (31 - (bit & 31))) & 1);
  }
  return value;
}

/** Whether `text` is spelt as an id of this kind, and of a time at which we can have made it. */
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
  const letter = (at: number) => VALUE_OF.get(text[4 + at] as string) ?? 0;
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

/** When an id was made, in milliseconds since the epoch; a little later when ids came thick. */
export function createdAtOf(id: string): number {
  return Math.floor(sequenceOf(id) / PER_MS) + EPOCH_MS;
}
