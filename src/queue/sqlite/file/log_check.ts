/**
 * Looks at the write-ahead log next to a file before SQLite does: SQLite ignores
 * a log whose header it cannot read, and everything that is only in it is lost
 * without a word.
 *
 * A log that ends early looks like a power cut, which loses nothing that was
 * acknowledged, so only what no power cut leaves behind is reported.
 *
 * @module
 */

/** https://sqlite.org/fileformat2.html#walformat: sizes in bytes, and the magic numbers. */
const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const MAGIC = [0x377f0682, 0x377f0683];

/** What of the log of the database at `path` cannot be read; `undefined` when nothing is missing. */
export function findLogIssue(path: string): string | undefined {
  let log: Deno.FsFile;
  try {
    log = Deno.openSync(`${path}-wal`);
  } catch {
    return undefined;
  }
  try {
    const { size } = log.statSync();
    if (size === 0) return undefined;
    const header = new Uint8Array(HEADER_BYTES);
    const bytes = log.readSync(header) ?? 0;
    const view = new DataView(header.buffer);
    if (bytes < HEADER_BYTES || !isHeader(view)) {
      return `its header is damaged, so none of its ${size} bytes could be read`;
    }
    const rest = (size - HEADER_BYTES) % (FRAME_HEADER_BYTES + view.getUint32(8));
    if (rest === 0) return undefined;
    return `it was cut off: its last ${rest} bytes, and whatever followed, could not be read`;
  } finally {
    log.close();
  }
}

/** Whether the magic number and the checksum of the first 24 bytes are right. */
function isHeader(view: DataView): boolean {
  const magic = view.getUint32(0);
  if (!MAGIC.includes(magic)) return false;
  const isLittleEndian = magic === MAGIC[0];
  let first = 0;
  let second = 0;
  for (let at = 0; at < 24; at += 8) {
    first = (first + view.getUint32(at, isLittleEndian) + second) >>> 0;
    second = (second + view.getUint32(at + 4, isLittleEndian) + first) >>> 0;
  }
  return first === view.getUint32(24) && second === view.getUint32(28);
}
