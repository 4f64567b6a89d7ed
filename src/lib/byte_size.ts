/**
 * Sizes as texts: `500MiB`.
 *
 * @module
 */

const UNITS: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** Parses a whole number of bytes with its unit; `undefined` for any other text. */
export function parseBytes(text: string): number | undefined {
  const [, count = "", unit = ""] = /^(\d{1,9}) ?(B|[KMGT]iB)$/.exec(text) ?? [];
  const bytes = Number(count) * (UNITS[unit] ?? 0);
  return bytes > 0 && Number.isSafeInteger(bytes) ? bytes : undefined;
}
