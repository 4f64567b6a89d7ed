/**
 * Arrays as PostgreSQL reads them. The driver's own conversion takes several times as long, and a
 * statement that stores tasks has an array for each column.
 *
 * @module
 */

/** An array of numbers, booleans, texts and `null`, as the text of a value of that array's type. */
export function arrayText(values: readonly unknown[]): string {
  let text = "{";
  for (let at = 0; at < values.length; at++) {
    const value = values[at];
    if (at > 0) text += ",";
    if (typeof value === "string") text += quoted(value);
    else text += value === null || value === undefined ? "NULL" : String(value);
  }
  return text + "}";
}

function quoted(text: string): string {
  return `"${/["\\]/.test(text) ? text.replace(/["\\]/g, "\\$&") : text}"`;
}
