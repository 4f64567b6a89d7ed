/**
 * Names of saved files that are safe on every system.
 *
 * @module
 */

import { decodeExtended, parse } from "content-disposition";
import { decodeWords } from "postal-mime";
import { replaceUnseen } from "./text.ts";

const MAX_BYTES = 150;
/** What has a meaning in a path, a shell or a header, or on Windows. */
const UNSAFE = /[<>:"/\\|?*]/g;
/** Windows opens devices under these names, whatever follows the dot. */
const DEVICE = /^(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)/i;

const encoder = new TextEncoder();

/** Whether a name is safe as it is. */
export function isFileName(name: string): boolean {
  return name !== "" && safeFileName(name) === name;
}

/** Makes a name safe on every system; `undefined` when nothing is left of it. */
export function safeFileName(name: string): string | undefined {
  let safe = stripped(
    replaceUnseen(name.toWellFormed().normalize("NFC"), "_").replace(UNSAFE, "_"),
  );
  if (DEVICE.test(safe)) safe = `_${safe}`;
  if (encoder.encode(safe).length > MAX_BYTES) safe = stripped(shortened(safe));
  return /[^_]/.test(safe) ? safe : undefined;
}

/** A leading dot hides a file; Windows drops a trailing one. */
function stripped(name: string): string {
  return name.replace(/^[.\s]+|(?<![.\s])[.\s]+$/g, "");
}

/** Keeps the extension, which tells the kind of file. */
function shortened(name: string): string {
  const [ending = ""] = /\.[A-Za-z0-9]{1,10}$/.exec(name) ?? [];
  let stem = name.slice(0, Math.min(MAX_BYTES, name.length - ending.length));
  while (encoder.encode(stem + ending).length > MAX_BYTES) {
    stem = stem.slice(0, -1).toWellFormed().replace(/\ufffd$/, "");
  }
  return stem + ending;
}

/** The file name in a `Content-Disposition` header (RFC 6266), not yet made harmless. */
export function dispositionName(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  const { parameters } = parse(utf8Of(header));
  const filename = parameters.filename ?? joinedName(parameters);
  const extended = parameters["filename*"];
  // The parser leaves an extended value alone that it cannot decode, as when it is quoted.
  const decoded = extended && decodeValue(extended);
  // Encoded words belong to mails, but servers send them and browsers decode them.
  return decoded ?? (filename && decodeWords(filename));
}

/** RFC 2231 §3, which some servers take over from mail: `filename*0=`, `filename*1=` and so on. */
function joinedName(parameters: Readonly<Record<string, string | undefined>>): string | undefined {
  const pieces: string[] = [];
  for (let n = 0;; n++) {
    const plain = parameters[`filename*${n}`];
    const coded = parameters[`filename*${n}*`];
    if (plain === undefined && coded === undefined) break;
    pieces.push(plain === undefined ? coded ?? "" : encodeURIComponent(plain));
  }
  if (pieces.length === 0) return undefined;
  const joined = pieces.join("");
  return decodeValue(/^[\w-]+'[^']*'/.test(joined) ? joined : `UTF-8''${joined}`);
}

/** RFC 8187 §3.2.1 knows only UTF-8, but servers use every charset. */
function decodeValue(value: string): string | undefined {
  const known = decodeExtended(value);
  if (known !== undefined) return known;
  const [, charset = "", encoded = ""] = /^([^']+)'[^']*'([\x20-\x7e]*)$/.exec(value) ?? [];
  const bytes = encoded.replace(
    /%([0-9a-f]{2})/gi,
    (_, hex) => String.fromCharCode(parseInt(hex, 16)),
  );
  try {
    const decoder = new TextDecoder(charset, { fatal: true });
    return decoder.decode(Uint8Array.from(bytes, (letter) => letter.charCodeAt(0)));
  } catch {
    return undefined;
  }
}

/** Header values arrive with a character for each byte, but many servers send UTF-8. */
function utf8Of(header: string): string {
  // deno-lint-ignore no-control-regex -- characters that one byte can hold
  if (!/[\x80-\xff]/.test(header) || !/^[\x00-\xff]*$/.test(header)) return header;
  try {
    const bytes = Uint8Array.from(header, (letter) => letter.charCodeAt(0));
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return header;
  }
}

/** The name to save a body under: the caller's, the server's, or the last part of the URL. */
export function saveNameOf(save: true | string, disposition: string | undefined, url: URL): string {
  // A follow-up's name may have been filled in with any text.
  if (save !== true) return safeFileName(save) ?? "body";
  const last = url.pathname.split("/").findLast((part) => part !== "") ?? "";
  let decoded = last;
  try {
    decoded = decodeURIComponent(last);
  } catch {
    // It is not percent-encoded.
  }
  for (const name of [dispositionName(disposition)?.split(/[/\\]/).pop(), decoded]) {
    const safe = name === undefined ? undefined : safeFileName(name);
    if (safe) return safe;
  }
  return "body";
}
