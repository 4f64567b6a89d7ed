/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
/**
 * The thread on which SQLite lives: a message in, a message out.
 *
 * @module
 */

import type { Failpoint } from "../../../lib/failpoints.ts";
import type { EngineError } from "../../engine.ts";
import { type Group, type Opened, openStore, type Reply, type Store } from "../store.ts";

/** What the main thread says. */
export type ToThread =
  | { readonly open: { path: string; now: number; ballastBytes: number } }
  | { readonly group: Group }
  | { readonly close: true };

/** What the thread says. */
export type FromThread =
  | { readonly opened: Opened }
  | { readonly refused: { name: string; message: string } }
  | { readonly reply: Reply }
  | { readonly closed: true };

/** Makes this Worker the queue's thread. */
export function serveQueue(failpoint: Failpoint): void {
  let store: Store | undefined;

  self.onmessage = ({ data: message }: MessageEvent<ToThread>) => {
    if ("open" in message) {
      const { path, now, ballastBytes } = message.open;
      try {
        store = openStore(path, now, ballastBytes, failpoint);
        say({ opened: store.opened });
      } catch (error) {
        const { name, message } = error as EngineError;
        say({ refused: { name, message } });
      }
    } else if ("group" in message) {
      if (store) say({ reply: store.run(message.group) });
    } else {
      store?.close();
      say({ closed: true });
    }
  };
}

function say(message: FromThread): void {
  self.postMessage(message);
}
