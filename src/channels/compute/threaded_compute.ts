/**
 * Costly work on threads of its own: one runs jobs, one at a time; one decodes
 * bodies, side by side.
 *
 * They are threads of `node:worker_threads`, because a Web Worker that runs out
 * of memory ends the whole process on Deno 2.9.6; these fail alone. A busy
 * thread cannot be stopped, so each job bounds its own work; the time limit
 * here is for work whose bounds have a gap.
 *
 * @module
 */

import type { Compute, ComputeOptions } from "./compute.ts";
import { JobRunner } from "./job_runner.ts";
import { DecodeThread, RemoteDecoder } from "./remote_decoder.ts";

/** Starts the threads. */
export function openCompute(options: ComputeOptions): Compute {
  const jobs = new JobRunner(options);
  const decoders = new DecodeThread(options);
  return {
    run: (name, input, signal) => jobs.run(name, input, signal) as Promise<never>,
    decode: (sink, codings) => new RemoteDecoder(sink, codings, decoders),
    async close() {
      await Promise.all([jobs.close(), decoders.close()]);
    },
  };
}
