/**
 * HPACK's Huffman code (RFC 7541, appendix B), for reading.
 *
 * The code is canonical: the lengths of the codes define it completely.
 *
 * @module
 */

/** The length of each symbol's code as a base-36 digit; the last symbol is EOS. */
const LENGTHS = "dnsssssssoussussssssssusssssssss6aacd68baa8b8666555666666678f6ca" +
  "d67777777777777777777777878djde6f56565666577666567655677777fbeds" +
  "kmkkmmmnmnnnnnonoomnonnnnlmnmnnomlkmmnnlnmmolmnnllmlnmnnkmmmnmmn" +
  "qqkjmnmpqqqrrqopjlqrrqrollqqsrrrkoklmllnmmppooqnqrqqrrrrrsrrrrrqu";
const END = 256;
const LONGEST = 30;

interface Code {
  /** Symbols, sorted by the length of their codes, then by value. */
  readonly symbols: readonly number[];
  /** By length: the first code. */
  readonly first: readonly number[];
  /** By length: how many codes, and where their symbols begin. */
  readonly count: readonly number[];
  readonly from: readonly number[];
}

const CODE = readCode();

/** Decodes a string; `undefined` when it is not valid. */
export function readHuffman(bytes: Uint8Array): string | undefined {
  let text = "";
  let code = 0;
  let length = 0;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      code = (code << 1) | ((byte >> bit) & 1);
      length++;
      const at = code - (CODE.first[length] ?? 0);
      if (at < 0 || at >= (CODE.count[length] ?? 0)) {
        if (length >= LONGEST) return undefined;
        continue;
      }
      const symbol = CODE.symbols[(CODE.from[length] ?? 0) + at] ?? END;
      if (symbol === END) return undefined;
      text += String.fromCharCode(symbol);
      code = 0;
      length = 0;
    }
  }
  // RFC 7541 §5.2: the padding is fewer than eight bits, all ones.
  return length < 8 && code === (1 << length) - 1 ? text : undefined;
}

function readCode(): Code {
  const lengths = [...LENGTHS].map((digit) => parseInt(digit, 36));
  const symbols: number[] = [];
  const first: number[] = [0];
  const count: number[] = [0];
  const from: number[] = [0];
  let next = 0;
  for (let length = 1; length <= LONGEST; length++) {
    next *= 2;
    first.push(next);
    from.push(symbols.length);
    lengths.forEach((itsLength, symbol) => itsLength === length && symbols.push(symbol));
    count.push(symbols.length - (from[length] ?? 0));
    next += count[length] ?? 0;
  }
  return { symbols, first, count, from };
}
