/**
 * Base64 as callers send files and bodies in it.
 *
 * @module
 */

import { heldBase64, storedBase64 } from "./json/held_text.ts";

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** Whether a text is base64 as RFC 4648 §4 writes it: padded, on one line. */
export function isBase64(text: string): boolean {
  return (text.length % 4 === 0 && BASE64.test(text)) || heldBase64(text) !== undefined;
}

/** The number of bytes that the text encodes. */
export function base64Bytes(text: string): number {
  const held = storedBase64(text);
  if (held) return (held.length / 4) * 3 - held.padding;
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  return (text.length / 4) * 3 - padding;
}
