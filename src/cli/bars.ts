/**
 * Progress bars of downloads, as lines on a terminal.
 *
 * @module
 */

import type { ProgressResponse } from "../client.ts";
import { plain } from "./words.ts";

const BAR_LETTERS = 24;

/** One line: a bar when the length is known, the bytes, the rate and the URL. */
export function barLine(url: string, progress: ProgressResponse, columns: number): string {
  const { bytes, totalBytes, rate } = progress;
  const part = totalBytes ? Math.min(1, bytes / totalBytes) : undefined;
  const full = Math.round((part ?? 0) * BAR_LETTERS);
  const bar = part === undefined
    ? " ".repeat(BAR_LETTERS)
    : "█".repeat(full).padEnd(BAR_LETTERS, "░");
  const percent = part === undefined ? "" : `${Math.floor(part * 100)}%`;
  const moved = totalBytes ? `${sizeOf(bytes)}/${sizeOf(totalBytes)}` : sizeOf(bytes);
  const figures = `${bar} ${percent.padStart(4)} ${moved.padStart(20)} ${
    `${sizeOf(rate)}/s`.padStart(12)
  }`;
  return `${figures}  ${plain(url)}`.slice(0, columns);
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

/** A readable size: `1.4 MiB`. */
export function sizeOf(bytes: number): string {
  let size = bytes;
  let unit = 0;
  while (size >= 1_000 && unit < UNITS.length - 1) {
    size /= 1_024;
    unit++;
  }
  return `${unit === 0 ? size : size.toFixed(1)} ${UNITS[unit]}`;
}
