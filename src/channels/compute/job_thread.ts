/**
 * The entry module of the thread that runs costly jobs, one at a time.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import { parentPort, workerData } from "node:worker_threads";
import { freeBuffer } from "../buffer_pool.ts";
import { type Jobs, type JobSettings, openJobs, runJob } from "./jobs.ts";

/** A job on its way to the thread. */
export interface JobRequest {
  /** Identifies the job. */
  readonly id: number;
  /** Which job. */
  readonly name: keyof Jobs;
  /**
   * Its arguments. Bytes are `ArrayBuffer`s here: on Deno 2.9.6 a typed array takes
   * 200 ms a MiB on its way to a thread of `node:worker_threads`.
   */
  readonly input: readonly unknown[];
}

/** What became of a job. */
export type JobResponse =
  & {
    readonly id: number;
    /** What the thread's objects take now, in bytes. */
    readonly heap: number;
  }
  & ({ readonly value: unknown } | { readonly error: unknown });

/** The first message of the thread. */
export interface JobThreadStarted {
  /** It has loaded its modules. */
  readonly hasStarted: true;
}

if (parentPort) {
  const port = parentPort;
  const jobs = openJobs(workerData as JobSettings);
  // Not within the message's callback: on Deno 2.9.6 a thread that runs out of memory there
  // stops without an error event.
  port.on("message", (request: JobRequest) => setImmediate(() => void run(request)));

  port.postMessage({ hasStarted: true } satisfies JobThreadStarted);

  const heap = () => Deno.memoryUsage().heapTotal;
  const run = async ({ id, name, input: given }: JobRequest) => {
    const input = given.map((part) => part instanceof ArrayBuffer ? new Uint8Array(part) : part);
    try {
      const value = await runJob(jobs, name, input as Parameters<Jobs[typeof name]>);
      for (const part of input) if (part instanceof Uint8Array) freeBuffer(part.buffer);
      port.postMessage({ id, heap: heap(), value } satisfies JobResponse, buffersOf(value));
    } catch (error) {
      port.postMessage({ id, heap: heap(), error } satisfies JobResponse);
    }
  };
}

/** Memory that is handed over instead of copied: long bytes that fill their buffer. */
function buffersOf(value: unknown): ArrayBuffer[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap((part: unknown) =>
    part instanceof Uint8Array && part.buffer instanceof ArrayBuffer && part.length > 65_536 &&
      part.buffer.byteLength === part.length
      ? [part.buffer]
      : []
  );
}
