/**
 * Names under which bodies are saved: harmless on every system.
 *
 * @module
 */

import { replaceUnseen } from "./text.ts";

const MAX_BYTES = 150;
/** What has a meaning in a path, a shell or a header, or on Windows. */
const UNSAFE = /[<>:"/\\|?*]/g;
/** Windows opens devices under these names, whatever follows the dot. */
const DEVICE = /^(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)/i;

const encoder = new TextEncoder();

/** Whether a caller's name can be taken as it is. */
export function isFileName(name: string): boolean {
  return name !== "" && safeFileName(name) === name;
}

/** Makes a name harmless; `undefined` when nothing is left of it. */
export function safeFileName(name: string): string | undefined {
  let safe = stripped(
    replaceUnseen(name.toWellFormed().normalize("NFC"), "_").replace(UNSAFE, "_"),
  );
  if (DEVICE.test(safe)) safe = `_${safe}`;
  if (encoder.encode(safe).length > MAX_BYTES) safe = stripped(shortened(safe));
  return /[^_]/.test(safe) ? safe : undefined;
}

/** A dot in front hides a file, one behind it is lost on Windows. */
function stripped(name: string): string {
  return name.replace(/^[.\s]+|[.\s]+$/g, "");
}

/** Keeps the ending: it says what the file is. */
function shortened(name: string): string {
  const [ending = ""] = /\.[A-Za-z0-9]{1,10}$/.exec(name) ?? [];
  let stem = name.slice(0, name.length - ending.length);
  while (encoder.encode(stem + ending).length > MAX_BYTES) {
    stem = stem.slice(0, -1).toWellFormed().replace(/\ufffd$/, "");
  }
  return stem + ending;
}

/** The name that a `Content-Disposition` (RFC 6266) gives, not yet made harmless. */
export function dispositionName(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  const extended = /;\s*filename\*\s*=\s*([\w-]+)'[^']*'([^;\s]+)/i.exec(header);
  if (extended?.[1]?.toLowerCase() === "utf-8") {
    try {
      return decodeURIComponent(extended[2] ?? "");
    } catch {
      // It says nothing, then.
    }
  }
  const [, quoted, bare] = /;\s*filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))/i.exec(header) ??
    [];
  return quoted?.replace(/\\(.)/g, "$1") ?? bare;
}

/** The name that a body is saved under: the caller's, the server's, or the last part of the URL. */
export function saveNameOf(save: true | string, disposition: string | undefined, url: URL): string {
  if (save !== true) return save;
  const last = url.pathname.split("/").findLast((part) => part !== "") ?? "";
  let decoded = last;
  try {
    decoded = decodeURIComponent(last);
  } catch {
    // As it stands, then.
  }
  for (const name of [dispositionName(disposition)?.split(/[/\\]/).pop(), decoded]) {
    const safe = name === undefined ? undefined : safeFileName(name);
    if (safe) return safe;
  }
  return "body";
}
