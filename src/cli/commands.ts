/**
 * The commands of the terminal: each makes a few API calls and prints lines.
 *
 * @module
 */

import type { ChangeFilter, Client, TaskResponse } from "../client.ts";
import { type Clock, sleep } from "../lib/clock.ts";
import { readChanged, readIds, readListed, readSending } from "./flags.ts";
import { batchLine, statusLines, taskLines, taskTable } from "./words.ts";

/** Where a command prints. */
export interface Screen {
  /** Prints lines. */
  print(lines: readonly string[]): void;
  /** Replaces the lines shown before; absent when the output is not a terminal. */
  readonly replace?: (lines: readonly string[]) => void;
  /** Width in characters. */
  readonly columns: number;
  /** Used for ages and pauses. */
  readonly clock: Clock;
}

/** Runs a command; resolves with the exit code. */
export type Command = (client: Client, screen: Screen, args: readonly string[]) => Promise<number>;

/** Minimum interval between two draws of a live table, in milliseconds. */
const DRAW_MS = 250;

/** The commands by name. */
export const COMMANDS: Readonly<Record<string, Command>> = {
  async tasks(client, screen, args) {
    const { filter, limit, once } = readListed(args);
    const draw = async () => {
      const { data } = await client.tasks({ ...filter, limit });
      return taskTable(data, screen.clock.now(), screen.columns);
    };
    if (!screen.replace || once) {
      screen.print(await draw());
      return 0;
    }
    await follow(client, screen, async () => screen.replace?.(await draw()));
    return 0;
  },

  async send(client, screen, args) {
    const sending = readSending(args);
    const task = "notify" in sending
      ? await client.notify(sending.notify)
      : await client.fetch(sending.fetch);
    if (!sending.wait) {
      screen.print([`${task.id}  ${task.state ?? "queued"}`]);
      return 0;
    }
    const final = await client.wait(task.id);
    screen.print(taskLines(final));
    return final.state === "succeeded" ? 0 : 1;
  },

  async status(client, screen, args) {
    const ids = readIds(args);
    if (ids.length === 0) screen.print(statusLines(await client.status()));
    for (const id of ids) {
      if (id.startsWith("bat_")) screen.print([batchLine(await client.batch(id))]);
      else screen.print(taskLines(await client.task(id)));
    }
    return 0;
  },

  cancel: (client, screen, args) =>
    change(screen, args, client.cancel, async (filter) => {
      const { cancelled, aborting } = await client.cancelAll(filter);
      return `${cancelled} cancelled, ${aborting} being aborted`;
    }),

  retry: (client, screen, args) =>
    change(screen, args, client.retry, async (filter) => {
      const { retried, expired, refused } = await client.retryAll(filter);
      const full = refused === undefined ? "" : `, ${refused} left: the queue is full`;
      return `${retried} queued again, ${expired} expired${full}`;
    }),
};

/** Changes the tasks and batches with these ids, or all tasks that match the filter. */
async function change(
  screen: Screen,
  args: readonly string[],
  one: (id: string) => Promise<TaskResponse>,
  all: (filter: ChangeFilter) => Promise<string>,
): Promise<number> {
  const changed = readChanged(args);
  if ("filter" in changed) {
    screen.print([await all(changed.filter)]);
    return 0;
  }
  for (const id of changed.ids) {
    if (id.startsWith("bat_")) {
      screen.print([`${id}  ${await all({ batch: id })}`]);
    } else {
      const task = await one(id);
      screen.print([`${task.id}  ${task.state}`]);
    }
  }
  return 0;
}

/** Draws now and again after each event, until the stream of events ends. */
async function follow(client: Client, { clock }: Screen, draw: () => Promise<void>): Promise<void> {
  let change = Promise.withResolvers<boolean>();
  const watching = (async () => {
    for await (const _ of client.events()) change.resolve(true);
  })().finally(() => change.resolve(false));
  for (let isOpen = true; isOpen;) {
    await draw();
    await sleep(clock, DRAW_MS);
    isOpen = await change.promise;
    if (isOpen) change = Promise.withResolvers<boolean>();
  }
  await watching;
}
