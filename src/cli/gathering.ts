/**
 * Fetches many URLs and tells each as it ends: the album downloader and the
 * page previewer in one.
 *
 * @module
 */

import { parseArgs } from "node:util";
import type { Client, FetchBatchRequest, Json, ProgressResponse, TaskResponse } from "../client.ts";
import { barLine, sizeOf } from "./bars.ts";
import { plain } from "./words.ts";

/** Where lines go. */
export interface GatheringScreen {
  /** Prints lines that stay. */
  print(lines: readonly string[]): void;
  /** Shows lines beneath, in place of the last ones; absent where nobody watches. */
  readonly live?: (lines: readonly string[]) => void;
  /** Width in characters. */
  readonly columns: number;
}

/** The most bars at once: a terminal has so many lines. */
const MAX_BARS = 10;

/** Reads what is written behind `fetch`. Throws a `TypeError` for what is not known. */
export function readGathering(args: readonly string[]): FetchBatchRequest {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      save: { type: "boolean" },
      preview: { type: "string" },
      words: { type: "boolean" },
      concurrency: { type: "string" },
      timeout: { type: "string" },
      retry: { type: "string" },
    },
  });
  const { save, preview, words, concurrency, timeout, retry } = values;
  if (positionals.length === 0) throw new TypeError("Cannot fetch: expected at least one URL");
  const extract = {
    ...(preview === undefined ? {} : { lines: Number(preview) }),
    ...(words ? { words } : {}),
  };
  return {
    urls: positionals,
    ...(save ? { save } : {}),
    ...(Object.keys(extract).length > 0 ? { extract } : {}),
    ...(concurrency === undefined ? {} : { concurrency: Number(concurrency) }),
    ...(timeout === undefined ? {} : { timeout }),
    ...(retry === undefined ? {} : { retry: /^\d+$/.test(retry) ? Number(retry) : retry }),
  };
}

/** Fetches; resolves with how many did not succeed. Files are told beneath `downloads`. */
export async function gather(
  client: Client,
  screen: GatheringScreen,
  ask: FetchBatchRequest,
  downloads?: string,
): Promise<number> {
  const { id, tasks = [] } = await client.fetchMany(ask);
  const urls = "urls" in ask ? ask.urls : [];
  const urlOf = new Map(tasks.map((task, index) => [task.id, urls[index] ?? task.id]));
  const moving = new Map<string, ProgressResponse>();
  const draw = () => {
    const bars = [...moving].slice(0, MAX_BARS);
    screen.live?.(bars.map(([id, far]) => barLine(urlOf.get(id) ?? "", far, screen.columns)));
  };
  const over = new AbortController();
  const watching = screen.live ? watch() : Promise.resolve();
  let failed = 0;
  try {
    for await (const task of client.results(id)) {
      moving.delete(task.id);
      urlOf.delete(task.id);
      if (task.state !== "succeeded") failed++;
      screen.live?.([]);
      screen.print(linesOf(task, downloads));
      draw();
    }
  } finally {
    over.abort();
    await watching;
  }
  return failed;

  async function watch(): Promise<void> {
    try {
      for await (const { id, progress } of client.events(undefined, { signal: over.signal })) {
        if (!progress || !urlOf.has(id)) continue;
        moving.set(id, progress);
        draw();
      }
    } catch (error) {
      if (!over.signal.aborted) throw error;
    }
  }
}

/** What came of one URL, and what was picked out of it. */
export function linesOf(task: TaskResponse, downloads?: string): string[] {
  const result = membersOf(task.result);
  const url = plain(String(membersOf(task.payload).url ?? task.id));
  if (task.state !== "succeeded") {
    return [
      `${task.state}  ${url}  ${
        plain(task.error ? `${task.error.code}: ${task.error.detail}` : "")
      }`,
    ];
  }
  const { total } = membersOf(result.timings);
  const { path } = membersOf(result.saved);
  const { lines, words } = membersOf(result.extracted);
  const seconds = `${((Number(total) || 0) / 1_000).toFixed(2)} s`;
  return [
    [
      String(result.status),
      sizeOf(Number(result.bytes)).padStart(9),
      seconds.padStart(7),
      url,
      ...(words === undefined ? [] : [`${words} words`]),
      ...(path === undefined ? [] : [`-> ${plain([downloads, path].filter(Boolean).join("/"))}`]),
    ].join("  "),
    ...(Array.isArray(lines) ? lines.map((line) => `    ${plain(String(line))}`) : []),
  ];
}

function membersOf(value: Json | undefined): Readonly<Record<string, Json>> {
  return value !== null && typeof value === "object" && !Array.isArray(value) ? value : {};
}
