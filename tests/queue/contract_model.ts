/** Keys, lanes and limits against a model, over random lives. */

import type { OpenEngine } from "./world.ts";

/** Registers the tests for an engine. */
export function modelContract(_name: string, _open: OpenEngine): void {}
