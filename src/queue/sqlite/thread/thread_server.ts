/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
/**
 * The thread on which SQLite runs: one message in, one message out.
 *
 * @module
 */

import type { Failpoint } from "../../../lib/failpoints.ts";
import type { EngineError } from "../../engine.ts";
import type { WhenMoved } from "../file/move.ts";
import { buffersOf, type FlatList, type PackedSubmission } from "../codec.ts";
import {
  type Command,
  type Group,
  type Opened,
  openStore,
  type Reply,
  type Store,
} from "../store.ts";

/** Messages of the main thread. */
export type ToThread =
  | { readonly open: { path: string; now: number; ballastBytes: number; whenMoved: WhenMoved } }
  | { readonly group: Group }
  /** Tasks of a submission that follows in a group with the same number. */
  | { readonly upload: { readonly n: number; readonly tasks: FlatList } }
  /** To give free space of the file back. */
  | { readonly compact: true }
  /** Where to write a copy of the file. */
  | { readonly backup: string }
  | { readonly close: true };

/** Messages of the thread. */
export type FromThread =
  | { readonly opened: Opened }
  | { readonly refused: { name: string; message: string } }
  | { readonly reply: Reply }
  /** A backup has ended, with an error or without. */
  | { readonly backedUp: { readonly path: string; readonly error?: string } }
  | { readonly closed: true };

/** Serves the queue from this Worker. */
export function serveQueue(failpoint: Failpoint): void {
  let store: Store | undefined;
  const uploads = new Map<number, unknown[]>();

  self.onmessage = ({ data: message }: MessageEvent<ToThread>) => {
    if ("open" in message) {
      const { path, now, ballastBytes, whenMoved } = message.open;
      try {
        store = openStore(path, now, { ballastBytes, whenMoved, failpoint });
        post({ opened: store.opened });
      } catch (error) {
        const { name, message } = error as EngineError;
        post({ refused: { name, message } });
      }
    } else if ("compact" in message) {
      store?.compact();
    } else if ("backup" in message) {
      const path = message.backup;
      store?.backup(path).then(
        () => post({ backedUp: { path } }),
        (error) => post({ backedUp: { path, error: String(error.message ?? error) } }),
      );
    } else if ("upload" in message) {
      const { n, tasks } = message.upload;
      const before = uploads.get(n);
      uploads.set(n, before ? before.concat(tasks) : [...tasks]);
    } else if ("group" in message) {
      if (!store) return;
      const { now, commands } = message.group;
      const group = uploads.size === 0
        ? message.group
        : { now, commands: commands.map((command) => whole(command, uploads)) };
      const reply = store.run(group);
      // The queue has its own copy: the memory is not left to the next garbage collection.
      for (const buffer of buffersOf(group.commands)) buffer.transfer(0);
      self.postMessage({ reply } satisfies FromThread, buffersOf(reply.answers));
    } else {
      store?.close();
      post({ closed: true });
    }
  };
}

/** A command with the tasks that were sent before it. */
function whole(command: Command, uploads: Map<number, unknown[]>): Command {
  if (command.do !== "insert") return command;
  const [submission, maxQueued] = command.with as [PackedSubmission, number];
  const { upload, ...rest } = submission;
  if (upload === undefined) return command;
  const tasks = [...uploads.get(upload) ?? [], ...submission.tasks];
  uploads.delete(upload);
  return { ...command, with: [{ ...rest, tasks }, maxQueued] };
}

function post(message: FromThread): void {
  self.postMessage(message);
}
