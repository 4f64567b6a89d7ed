/**
 * Progress bars of downloads, as lines on a terminal.
 *
 * @module
 */

import type { ProgressResponse } from "../client.ts";
import { cutEnd, cutMiddle, cutStart, padEnd } from "./width.ts";
import { plain } from "./words.ts";

const MAX_BAR = 24;
/** Columns of `100%`, `999.9 MiB/999.9 MiB` and `999.9 MiB/s`, and four spaces. */
const FIGURES = 4 + 19 + 11 + 4;

/** How the columns of a line are divided. */
interface Layout {
  readonly label: number;
  readonly bar: number;
}

function layoutOf(columns: number): Layout {
  const free = Math.max(0, columns - FIGURES);
  const bar = Math.min(MAX_BAR, Math.floor(free / 4));
  return { bar, label: free - bar };
}

/**
 * A label for each URL that fits into a line of `columns` and differs from all others: the end
 * of its path, with its query or its beginning where that is needed, else with its number.
 */
export function labelsOf(urls: readonly string[], columns: number): string[] {
  const { label } = layoutOf(columns);
  const texts = urls.map((url) => plain(decoded(url)).replace(/^https?:\/\//, ""));
  const paths = texts.map((text) => text.replace(/[?#].*$/, ""));
  for (const cut of [cutStart, cutMiddle]) {
    for (const parts of [paths, texts]) {
      const labels = parts.map((part) => cut(part, label));
      if (new Set(labels).size === labels.length) return labels;
    }
  }
  return paths.map((path, at) => {
    const number = `${at + 1} `;
    return number + cutStart(path, label - number.length);
  });
}

/** A URL with its letters readable, where they are percent-encoded. */
function decoded(url: string): string {
  try {
    return decodeURI(url);
  } catch {
    return url;
  }
}

/** One line: the label, a bar when the length is known, the bytes and the rate. */
export function barLine(label: string, progress: ProgressResponse, columns: number): string {
  const { bytes, totalBytes, rate } = progress;
  const layout = layoutOf(columns);
  const part = totalBytes ? Math.min(1, bytes / totalBytes) : undefined;
  const full = Math.round((part ?? 0) * layout.bar);
  const bar = part === undefined
    ? " ".repeat(layout.bar)
    : "█".repeat(full).padEnd(layout.bar, "░");
  const percent = part === undefined ? "" : `${Math.floor(part * 100)}%`;
  const moved = totalBytes ? `${sizeOf(bytes)}/${sizeOf(totalBytes)}` : sizeOf(bytes);
  const figures = [bar, percent.padStart(4), moved.padStart(19), `${sizeOf(rate)}/s`.padStart(11)];
  return cutEnd([padEnd(label, layout.label), ...figures].join(" "), columns);
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
