/**
 * Weights in `Accept` and `Accept-Encoding` (RFC 9110 §12.4.2).
 *
 * @module
 */

/** Whether a client names NDJSON, with at least the weight of JSON. */
export function prefersLines(accept: string | null): boolean {
  const lines = qualityOf(accept, ["application/x-ndjson"]);
  return lines > 0 && lines >= qualityOf(accept, ["application/json", "application/*", "*/*"]);
}

/**
 * How much a client wants something, from 0 to 1, by the first of its `names` that the header
 * lists: from the most specific name to the least. 0 when none is listed.
 */
export function qualityOf(header: string | null, names: readonly string[]): number {
  const weights = new Map<string, number>();
  for (const item of header?.split(",") ?? []) {
    const [name = "", ...parameters] = item.split(";").map((part) => part.trim().toLowerCase());
    const [, weight = "1"] = /;q *= *([\d.]+)/.exec(`;${parameters.join(";")}`) ?? [];
    weights.set(name, Number(weight));
  }
  const listed = names.find((name) => weights.has(name));
  return (listed !== undefined && weights.get(listed)) || 0;
}
