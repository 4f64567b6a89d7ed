/**
 * JSON: its type, RFC 6901 pointers into it, and comparison.
 *
 * @module
 */

/** JSON text, or its UTF-8 bytes when it has long base64 texts. */
export type JsonText = string | Uint8Array<ArrayBuffer>;

/** JSON, as `JSON.parse` makes it. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** Writes a path as an RFC 6901 pointer. */
export function pointerTo(path: readonly PropertyKey[]): string {
  let pointer = "";
  for (const part of path) {
    pointer += `/${String(part).replaceAll("~", "~0").replaceAll("/", "~1")}`;
  }
  return pointer;
}

/** The names on the way that an RFC 6901 pointer goes. */
export function pointerPath(pointer: string): string[] {
  return pointer.split("/").slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** The value at a pointer; `undefined` where there is none. */
export function valueAt(json: Json, pointer: string): Json | undefined {
  let at: Json | undefined = json;
  for (const name of pointerPath(pointer)) {
    if (Array.isArray(at)) at = /^(?:0|[1-9]\d*)$/.test(name) ? at[Number(name)] : undefined;
    else if (at !== null && typeof at === "object" && Object.hasOwn(at, name)) at = at[name];
    else return undefined;
  }
  return at;
}

/** Whether two values are the same JSON; the order of members does not count. */
export function isSameJson(one: Json | undefined, other: Json | undefined): boolean {
  if (one === other) return true;
  if (typeof one !== "object" || typeof other !== "object" || !one || !other) return false;
  if (Array.isArray(one) !== Array.isArray(other)) return false;
  const names = Object.keys(one);
  const members = one as Record<string, Json>;
  const others = other as Record<string, Json>;
  return names.length === Object.keys(other).length &&
    names.every((name) => Object.hasOwn(others, name) && isSameJson(members[name], others[name]));
}

/**
 * Whether arrays and objects of a JSON text are nested deeper than `limit`.
 * Scans the text, so that it can be refused before it is parsed; brackets
 * inside strings do not count.
 */
export function isNestedDeeper(text: string, limit: number): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case 0x22: // "
        at = endOfString(text, at + 1);
        break;
      case 0x5b: // [
      case 0x7b: // {
        if (++depth > limit) return true;
        break;
      case 0x5d: // ]
      case 0x7d: // }
        depth--;
    }
  }
  return false;
}

/** Where the string that began before `from` has its closing quote. */
export function endOfString(text: string, from: number): number {
  let at = text.indexOf('"', from);
  for (;;) {
    if (at < 0) return text.length;
    let slashes = 0;
    while (at - 1 - slashes >= from && text.charCodeAt(at - 1 - slashes) === 0x5c) slashes++;
    if (slashes % 2 === 0) return at;
    at = text.indexOf('"', at + 1);
  }
}

/** A JSON object that is not parsed yet. */
export type PlainObject = Readonly<Record<string, unknown>>;

/** Whether a value is a JSON object. */
export function isPlainObject(value: unknown): value is PlainObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The members of a JSON object; none for any other value. */
export function membersOf(value: Json | undefined): Readonly<Record<string, Json>> {
  return isPlainObject(value) ? value : {};
}
