/**
 * Fetches many URLs as a batch, and prints the result of each as soon as it ends.
 *
 * @module
 */

import { parseArgs } from "node:util";
import type { Client, FetchBatchRequest, ProgressResponse, TaskResponse } from "../client.ts";
import { membersOf } from "../lib/json.ts";
import { barLine, labelsOf, sizeOf } from "./bars.ts";
import { plain } from "./words.ts";

/** Where lines are printed. */
export interface FetchScreen {
  /** Prints lines that stay. */
  print(lines: readonly string[]): void;
  /** Replaces the lines below those that stay; absent when the output is not a terminal. */
  readonly live?: (lines: readonly string[]) => void;
  /** Width in columns. */
  readonly columns: number;
}

/** The most bars at once. */
const MAX_BARS = 10;

/** What the arguments of `fetch` ask for. */
export interface FetchCommand {
  /** The batch. */
  readonly request: FetchBatchRequest & { readonly urls: readonly string[] };
  /** The folder to save into. */
  readonly into?: string;
}

/** Reads the arguments of `fetch`. Throws a `TypeError` for unknown ones. */
export function readFetchCommand(args: readonly string[]): FetchCommand {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      save: { type: "boolean" },
      into: { type: "string" },
      preview: { type: "string" },
      words: { type: "boolean" },
      concurrency: { type: "string" },
      timeout: { type: "string" },
      retry: { type: "string" },
    },
  });
  const { save, into, preview, words, concurrency, timeout, retry } = values;
  if (positionals.length === 0) throw new TypeError("Cannot fetch: expected at least one URL");
  if (into === "") throw new TypeError("Cannot fetch: expected the name of a folder after --into");
  const extract = {
    ...(preview === undefined ? {} : { lines: Number(preview) }),
    ...(words ? { words } : {}),
  };
  return {
    request: {
      urls: positionals,
      ...(save || into !== undefined ? { save: true } : {}),
      ...(Object.keys(extract).length > 0 ? { extract } : {}),
      ...(concurrency === undefined ? {} : { concurrency: Number(concurrency) }),
      ...(timeout === undefined ? {} : { timeout }),
      ...(retry === undefined ? {} : { retry: /^\d+$/.test(retry) ? Number(retry) : retry }),
    },
    ...(into === undefined ? {} : { into }),
  };
}

/** How a batch is fetched. */
export interface FetchBatchOptions {
  /** Continues the batch that was submitted with this key, if there is one. */
  readonly idempotencyKey?: string;
  /** Where the service saves files, when that is known. */
  readonly downloads?: string | undefined;
  /** Brings the saved file of a task to its place; resolves with its path. */
  readonly place?: (task: TaskResponse, saved: SavedFile) => Promise<string>;
}

/** A file as the service has saved it. */
export interface SavedFile {
  /** Its name. */
  readonly name: string;
  /** Below the downloads of the service. */
  readonly path: string;
}

/** Tasks that a batch tries again when it is continued. */
const UNFINISHED = ["failed", "cancelled", "expired"] as const;

/** Fetches; resolves with the number of tasks that did not succeed. */
export async function fetchBatch(
  client: Client,
  screen: FetchScreen,
  { urls, ...request }: FetchCommand["request"],
  { idempotencyKey, downloads, place }: FetchBatchOptions = {},
): Promise<number> {
  const options = idempotencyKey === undefined ? {} : { idempotencyKey };
  const { id, tasks = [], counts } = await client.fetchMany({ urls, ...request }, options);
  for (const state of UNFINISHED) {
    if (counts[state] > 0) await client.retryAll({ batch: id, state });
  }
  const labels = labelsOf(urls, screen.columns);
  const labelOf = new Map(tasks.map((task, index) => [task.id, labels[index] ?? task.id]));
  const moving = new Map<string, ProgressResponse>();
  const draw = () => {
    const bars = [...moving].slice(0, MAX_BARS);
    screen.live?.(bars.map(([id, far]) => barLine(labelOf.get(id) ?? "", far, screen.columns)));
  };
  const over = new AbortController();
  const watching = screen.live ? watch() : Promise.resolve();
  let failed = 0;
  try {
    for await (const task of client.results(id)) {
      moving.delete(task.id);
      labelOf.delete(task.id);
      if (task.state !== "succeeded") failed++;
      const file = savedOf(task);
      const path = file &&
        (await place?.(task, file) ?? [downloads, file.path].filter(Boolean).join("/"));
      screen.live?.([]);
      screen.print(linesOf(task, path));
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
        if (!progress || !labelOf.has(id)) continue;
        moving.set(id, progress);
        draw();
      }
    } catch (error) {
      if (!over.signal.aborted) throw error;
    }
  }
}

/** The result of one URL, and what was extracted from it. */
export function linesOf(task: TaskResponse, path?: string): string[] {
  const result = membersOf(task.result);
  const url = plain(String(membersOf(task.payload).url ?? task.id));
  if (task.state !== "succeeded") {
    const error = plain(task.error ? `${task.error.code}: ${task.error.detail}` : "");
    return [`${task.state}  ${url}  ${error}`];
  }
  const { total } = membersOf(result.timings);
  const { lines, words } = membersOf(result.extracted);
  const seconds = `${((Number(total) || 0) / 1_000).toFixed(2)} s`;
  return [
    [
      String(result.status),
      (result.bytes === undefined ? "" : sizeOf(Number(result.bytes))).padStart(9),
      seconds.padStart(7),
      url,
      ...(words === undefined ? [] : [`${words} words`]),
      ...(path === undefined ? [] : [`-> ${plain(path)}`]),
    ].join("  "),
    ...(Array.isArray(lines) ? lines.map((line) => `    ${plain(String(line))}`) : []),
  ];
}

function savedOf(task: TaskResponse): SavedFile | undefined {
  const { name, path } = membersOf(membersOf(task.result).saved);
  return typeof name === "string" && typeof path === "string" ? { name, path } : undefined;
}
