/**
 * The entry of a job thread whose jobs misbehave, for tests.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import { parentPort } from "node:worker_threads";
import type { JobRequest } from "../../../src/channels/compute/job_thread.ts";

const threadName = crypto.randomUUID();

parentPort?.postMessage({ hasStarted: true });

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
      case "small":
      case "large": {
        const heap = input[0] === "large" ? 100 * 2 ** 20 : 20 * 2 ** 20;
        return parentPort?.postMessage({ id, heap, value: threadName });
      }
      default:
        return parentPort?.postMessage({ id, value: input[0] });
    }
  }));
