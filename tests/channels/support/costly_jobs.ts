/**
 * The entry of a job thread whose jobs misbehave, for tests.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import { parentPort } from "node:worker_threads";
import type { JobRequest } from "../../../src/channels/compute/job_thread.ts";

parentPort?.on("message", ({ id, input }: JobRequest) =>
  setImmediate(() => {
    switch (input[0]) {
      case "memory": {
        const list: unknown[] = [];
        for (;;) list.push({ text: [`${list.length}`] });
      }
      case "never":
        return;
      case "bug":
        throw new Error("a bug");
      default:
        return parentPort?.postMessage({ id, value: input[0] });
    }
  }));
