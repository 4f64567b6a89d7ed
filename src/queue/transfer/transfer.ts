/**
 * Moves a queue from one SQL engine to another.
 *
 * Rows are copied in portions, in the order of acceptance, so that a copy that
 * was interrupted continues. Neither queue may be in use.
 *
 * @module
 */

import { EngineError } from "../errors.ts";
import { parseQueueUrl, shownQueueUrl } from "../open.ts";
import { openPostgresSource, openPostgresTarget } from "./postgres_side.ts";
import { openSqliteSource, openSqliteTarget } from "./sqlite_side.ts";
import { NAMED, NUMBERED, type Source, type Target } from "./tables.ts";

/** Tasks in one transaction. */
const PORTION = 2_000;

/** What to move. */
export interface TransferOptions {
  /** The URL of the queue to copy from. */
  readonly from: string;
  /** The URL of the queue to copy to. */
  readonly to: string;
  /** Called after each portion with the number of tasks copied so far, and of all. */
  readonly onProgress?: (copied: number, all: number) => void;
}

/**
 * Moves all that a queue holds; resolves with the number of tasks. Rejects with
 * an `EngineError` for a queue that is in use, missing, or already has something
 * else in it, with a `RangeError` for a URL that cannot be moved.
 */
export async function transfer(
  { from, to, onProgress = () => {} }: TransferOptions,
): Promise<number> {
  await using source = await openSource(from);
  await using target = await openTarget(to);
  const { id, tasks } = source;
  let after = await target.begin(id);
  await target.addLanes(await source.lanes());
  let copied = 0;
  while (after !== Infinity) {
    const end = await source.endOfPortion(after, PORTION);
    const portion: [typeof NUMBERED[number], (readonly unknown[])[]][] = [];
    for (const table of NUMBERED) portion.push([table, await source.numbered(table, after, end)]);
    await target.addPortion(portion, end);
    copied += portion[0]?.[1].length ?? 0;
    onProgress(Math.min(copied, tasks), tasks);
    after = end;
  }
  const rest: [typeof NAMED[number], (readonly unknown[])[]][] = [];
  for (const table of NAMED) rest.push([table, await source.named(table)]);
  const arrived = await target.finish(rest);
  if (arrived !== tasks) {
    throw new EngineError(`Cannot finish the move: expected ${tasks} tasks, ${arrived} arrived`);
  }
  await source.finish(shownQueueUrl(to));
  return tasks;
}

async function openSource(url: string): Promise<Source> {
  const parsed = parseQueueUrl(url);
  if (parsed.kind === "sqlite") return await openSqliteSource(parsed.path);
  if (parsed.kind === "postgres") return await openPostgresSource(parsed);
  throw new RangeError(`Cannot move from "${url}": expected "sqlite:PATH" or "postgres://…"`);
}

async function openTarget(url: string): Promise<Target> {
  const parsed = parseQueueUrl(url);
  if (parsed.kind === "sqlite") return await openSqliteTarget(parsed.path);
  if (parsed.kind === "postgres") return await openPostgresTarget(parsed);
  throw new RangeError(`Cannot move to "${url}": expected "sqlite:PATH" or "postgres://…"`);
}
