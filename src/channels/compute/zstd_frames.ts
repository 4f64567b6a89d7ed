/**
 * Follows the frames of zstd data (RFC 8878 §3.1).
 *
 * The decoder of Deno 2.9.6 reports neither incomplete data nor where a frame ends, and
 * ignores all frames of a chunk after the first. Remove this file once it does.
 *
 * @module
 */

const MAGIC = 0xfd2fb528;
/** Skippable frames have one of 16 magic numbers. */
const SKIPPABLE = 0x184d2a50;
const RLE_BLOCK = 1;
const RESERVED_BLOCK = 3;

/** What the collected bytes of a header are. */
type Header = "magic" | "skippable size" | "descriptor" | "frame header" | "block header";

/** Splits zstd data at the ends of its frames. */
export class ZstdFrames {
  /** The header that is being read, and its bytes so far. */
  #header: Header = "magic";
  #bytes: number[] = [];
  #wanted = 4;
  /** Bytes of content before the next header. */
  #content = 0;
  #isSkipped = false;
  #hasChecksum = false;

  /** Whether the data so far ends with a frame. */
  get isComplete(): boolean {
    return this.#header === "magic" && this.#bytes.length === 0 && this.#content === 0;
  }

  /**
   * Yields the chunk in parts that each end where a frame ends. Skippable frames are kept:
   * the decoder skips them. Throws a `RangeError` for data that is not zstd.
   */
  *split(chunk: Uint8Array): Generator<Uint8Array, void, void> {
    let from = 0;
    for (let at = 0; at < chunk.length;) {
      if (this.#content > 0) {
        const count = Math.min(this.#content, chunk.length - at);
        this.#content -= count;
        at += count;
      } else {
        this.#bytes.push(chunk[at++] ?? 0);
        if (this.#bytes.length === this.#wanted) this.#readHeader();
      }
      if (this.isComplete && at > from) {
        yield chunk.subarray(from, at);
        from = at;
      }
    }
    if (from < chunk.length) yield chunk.subarray(from);
  }

  #readHeader(): void {
    const bytes = this.#bytes;
    const value = bytes.slice(0, 4).reduceRight((sum, byte) => sum * 256 + byte, 0);
    switch (this.#header) {
      case "magic":
        this.#isSkipped = value >= SKIPPABLE && value < SKIPPABLE + 16;
        if (!this.#isSkipped && value !== MAGIC) throw notZstd();
        return this.#isSkipped ? this.#expect("skippable size", 4) : this.#expect("descriptor", 1);
      case "skippable size":
        this.#content = value;
        return this.#expect("magic", 4);
      case "descriptor":
        this.#hasChecksum = (value & 0x04) !== 0;
        return this.#expect("frame header", headerBytes(value));
      case "frame header":
        return this.#expect("block header", 3);
      case "block header": {
        const type = (value >> 1) & 3;
        if (type === RESERVED_BLOCK) throw notZstd();
        this.#content = type === RLE_BLOCK ? 1 : value >> 3;
        if ((value & 1) === 0) return this.#expect("block header", 3);
        if (this.#hasChecksum) this.#content += 4;
        return this.#expect("magic", 4);
      }
    }
  }

  #expect(header: Header, bytes: number): void {
    this.#header = header;
    this.#wanted = bytes;
    this.#bytes = [];
  }
}

/** Bytes of a frame header after its descriptor: at least one. */
function headerBytes(descriptor: number): number {
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const dictionary = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const size = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
  return (isSingleSegment ? 0 : 1) + dictionary + size;
}

function notZstd(): RangeError {
  return new RangeError("Cannot follow zstd frames: the data is not zstd");
}
