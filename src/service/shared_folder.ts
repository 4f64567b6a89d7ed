/**
 * Checks that the nodes of a shared queue save into one folder.
 *
 * Any node may be asked for a saved body, and an attempt may resume what an attempt
 * on another node has saved. So a node with another folder saves nothing, and says why.
 *
 * @module
 */

import { type Clock, sleep } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { Cluster } from "../queue/engine.ts";

/** How often the folder is checked, in milliseconds. */
const CHECK_MS = 10_000;
/** The file that holds the mark. */
const MARK = ".postrider";
const REFUSAL = "This node cannot save: its downloads folder is not that of the other nodes. " +
  "Set POSTRIDER_DOWNLOADS to a folder on a volume that all nodes share";

/** What the check needs. */
export interface SharedFolderParts {
  /** The nodes. */
  readonly cluster: Cluster;
  /** The folder of saved files; created when it is missing. */
  readonly folder: string;
  /** Times the checks. */
  readonly clock: Clock;
  /** Receives a line when the node starts or stops saving. */
  readonly log: Log;
  /** Ends the checks. */
  readonly signal: AbortSignal;
  /** Called when `refusal` has changed. */
  readonly onChange: () => Promise<void>;
}

/** The result of the latest check. */
export interface SharedFolder {
  /** Why this node saves nothing; `undefined` when it does. */
  readonly refusal: string | undefined;
}

/** Checks the folder once, and then until `signal` aborts. */
export async function openSharedFolder(
  { cluster, folder, clock, log, signal, onChange }: SharedFolderParts,
): Promise<SharedFolder> {
  const state: { refusal: string | undefined } = { refusal: undefined };

  async function check(): Promise<boolean> {
    const refusal = await refusalOf(cluster, folder);
    if (refusal === state.refusal) return false;
    state.refusal = refusal;
    if (refusal === undefined) {
      log.info("Saved bodies go to the folder that all nodes share", { folder });
    } else log.warn(refusal, { folder });
    return true;
  }

  async function watch(): Promise<void> {
    while (!signal.aborted) {
      await sleep(clock, CHECK_MS, signal).catch(() => {});
      // While the database is unavailable, the last result stays.
      if (!signal.aborted && await check().catch(() => false)) await onChange();
    }
  }

  await check();
  watch().catch((error) => log.error("Cannot watch the downloads folder", { error }));
  return state;
}

async function refusalOf(cluster: Cluster, folder: string): Promise<string | undefined> {
  const path = `${folder}/${MARK}`;
  let failure: unknown;
  const isShared = await cluster.agreeOnFolder({
    mark: await Deno.readTextFile(path).then((text) => text.trim() || undefined, () => undefined),
    async write(mark) {
      try {
        await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
        await Deno.writeTextFile(path, `${mark}\n`, { mode: 0o600 });
      } catch (error) {
        failure = error;
        throw error;
      }
    },
  }).catch((error) => {
    if (failure === undefined) throw error;
    return false;
  });
  if (failure === undefined) return isShared ? undefined : REFUSAL;
  const reason = failure instanceof Error ? failure.message : String(failure);
  return `This node cannot save: its downloads folder cannot be written (${reason})`;
}
