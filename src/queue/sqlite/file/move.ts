/**
 * Whether a file was moved to another queue, or is a copy of one.
 *
 * @module
 */

import type { DatabaseSync } from "node:sqlite";
import { EngineError } from "../../errors.ts";

/** What to do with a file whose tasks were moved: refuse it, open it nevertheless, or read it for a move. */
export type WhenMoved = "refuse" | "use" | "read";

/** A row of `move`. */
export interface Move {
  /** Identifies the queue that is copied from. */
  readonly source: string;
  /** Where the tasks have gone. */
  readonly target: string | null;
  /** How far the file was copied to. */
  readonly copied_to: number | null;
}

/** The state of a move; `undefined` when there is none. */
export function moveOf(db: DatabaseSync): Move | undefined {
  return db.prepare("SELECT source, target, copied_to FROM move").get() as unknown as
    | Move
    | undefined;
}

/** Throws an `EngineError` for a file that was moved, or is an unfinished copy. */
export function checkMoved(db: DatabaseSync, path: string, when: WhenMoved): void {
  const move = moveOf(db);
  if (!move || when === "read") return;
  if (move.copied_to !== null) {
    throw new EngineError(
      `Cannot open queue "${path}": it is an unfinished copy; run "deno task migrate" again`,
    );
  }
  if (move.target === null) return;
  if (when === "refuse") {
    throw new EngineError(
      `Cannot open queue "${path}": its tasks were moved to ${move.target} and would be ` +
        "attempted twice; start with --force if they must be",
    );
  }
  db.exec("DELETE FROM move");
}
