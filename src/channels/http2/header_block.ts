/**
 * Header blocks (HPACK, RFC 7541): read with a dynamic table, written without one.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { broken, ErrorCode } from "./fault.ts";
import { readHuffman } from "./huffman.ts";

/** A name and a value. */
export type Field = readonly [name: string, value: string];

/** The static table (RFC 7541, appendix A). */
const STATIC: readonly Field[] = (
  ":authority|:method=GET|:method=POST|:path=/|:path=/index.html|:scheme=http|:scheme=https|" +
  ":status=200|:status=204|:status=206|:status=304|:status=400|:status=404|:status=500|" +
  "accept-charset|accept-encoding=gzip, deflate|accept-language|accept-ranges|accept|" +
  "access-control-allow-origin|age|allow|authorization|cache-control|content-disposition|" +
  "content-encoding|content-language|content-length|content-location|content-range|content-type|" +
  "cookie|date|etag|expect|expires|from|host|if-match|if-modified-since|if-none-match|if-range|" +
  "if-unmodified-since|last-modified|link|location|max-forwards|proxy-authenticate|" +
  "proxy-authorization|range|referer|refresh|retry-after|server|set-cookie|" +
  "strict-transport-security|transfer-encoding|user-agent|vary|via|www-authenticate"
).split("|").map((field) => {
  const [name = "", value = ""] = field.split("=");
  return [name, value];
});

/** Size of the dynamic table in bytes: the protocol's default. */
const TABLE_BYTES = 4_096;
/** RFC 7541 §4.1: bytes that a field counts besides its name and value. */
const FIELD_BYTES = 32;

/** Reads the header blocks of one connection in order. */
export class HeaderReader {
  readonly #maxBytes: number;
  /** Newest last. */
  #table: Field[] = [];
  #tableBytes = 0;
  #limit = TABLE_BYTES;
  #block: Uint8Array = new Uint8Array();
  #at = 0;

  /** Refuses blocks whose fields take more than `maxBytes`. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Reads a block. After an `Http2Fault` the connection must be closed. */
  read(block: Uint8Array): Field[] {
    this.#block = block;
    this.#at = 0;
    const fields: Field[] = [];
    let bytes = 0;
    while (this.#at < block.length) {
      const field = this.#readField(fields.length === 0);
      if (!field) continue;
      bytes += sizeOf(field);
      if (bytes > this.#maxBytes) throw broken("The response headers are too long", ErrorCode.calm);
      fields.push(field);
    }
    return fields;
  }

  #readField(atStart: boolean): Field | undefined {
    const first = this.#block[this.#at] ?? 0;
    if (first & 0x80) return this.#field(this.#readInteger(7));
    if (first & 0x40) return this.#keep(this.#readLiteral(6));
    if (!(first & 0x20)) return this.#readLiteral(4);
    const limit = this.#readInteger(5);
    if (!atStart || limit > TABLE_BYTES) throw garbled();
    this.#limit = limit;
    this.#evict();
    return undefined;
  }

  #readLiteral(bits: number): Field {
    const index = this.#readInteger(bits);
    const name = index === 0 ? this.#readText() : this.#field(index)[0];
    return [name, this.#readText()];
  }

  #field(index: number): Field {
    const field = index <= STATIC.length
      ? STATIC[index - 1]
      : this.#table[this.#table.length - (index - STATIC.length)];
    if (!field) throw garbled();
    return field;
  }

  #keep(field: Field): Field {
    this.#table.push(field);
    this.#tableBytes += sizeOf(field);
    this.#evict();
    return field;
  }

  #evict(): void {
    let gone = 0;
    while (this.#tableBytes > this.#limit) {
      const oldest = this.#table[gone++];
      this.#tableBytes -= oldest ? sizeOf(oldest) : this.#tableBytes;
    }
    if (gone > 0) this.#table = this.#table.slice(gone);
  }

  /** An integer (RFC 7541 §5.1) of at most 28 bits. */
  #readInteger(bits: number): number {
    const full = (1 << bits) - 1;
    let value = (this.#block[this.#at++] ?? 0) & full;
    if (value < full) return value;
    for (let shift = 0; shift <= 21; shift += 7) {
      const byte = this.#block[this.#at++];
      if (byte === undefined) throw garbled();
      value += (byte & 0x7f) << shift;
      if (!(byte & 0x80)) return value;
    }
    throw garbled();
  }

  #readText(): string {
    const isCoded = ((this.#block[this.#at] ?? 0) & 0x80) !== 0;
    const length = this.#readInteger(7);
    if (this.#at + length > this.#block.length) throw garbled();
    const bytes = this.#block.subarray(this.#at, this.#at += length);
    const text = isCoded
      ? readHuffman(bytes)
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
    if (text === undefined) throw garbled();
    return text;
  }
}

/**
 * Writes a block of fields that are never indexed, so that no secret enters a
 * table. The first byte sets the size of our dynamic table to zero.
 */
export function writeHeaders(fields: readonly Field[]): Uint8Array {
  const parts: Uint8Array[] = [new Uint8Array([0x20])];
  for (const [name, value] of fields) {
    const whole = STATIC.findIndex((field) => field[0] === name && field[1] === value) + 1;
    if (whole > 0 && value !== "") {
      parts.push(new Uint8Array([0x80 | whole]));
      continue;
    }
    const index = STATIC.findIndex((field) => field[0] === name) + 1;
    parts.push(integer(0x10, 4, index));
    if (index === 0) parts.push(...text(name));
    parts.push(...text(value));
  }
  return Buffer.concat(parts);
}

function text(value: string): Uint8Array[] {
  const bytes = Buffer.from(value, "latin1");
  return [integer(0, 7, bytes.length), bytes];
}

function integer(pattern: number, bits: number, value: number): Uint8Array {
  const full = (1 << bits) - 1;
  if (value < full) return new Uint8Array([pattern | value]);
  const bytes = [pattern | full];
  let left = value - full;
  for (; left > 0x7f; left >>= 7) bytes.push((left & 0x7f) | 0x80);
  return new Uint8Array([...bytes, left]);
}

function sizeOf([name, value]: Field): number {
  return name.length + value.length + FIELD_BYTES;
}

function garbled() {
  return broken("A header block cannot be read", ErrorCode.compression);
}
