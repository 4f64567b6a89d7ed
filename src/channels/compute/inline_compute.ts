/**
 * Costly work on the calling thread, for tests and for tools that do one thing
 * at a time.
 *
 * @module
 */

import type { Compute } from "./compute.ts";
import { type BodySink, type Coding, Decoder } from "./decoder.ts";
import { type JobSettings, openJobs, runJob } from "./jobs.ts";

/** Opens it; there is nothing to close. */
export function inlineCompute(settings: JobSettings = {}): Compute {
  const jobs = openJobs(settings);
  return {
    run: (name, input) => runJob(jobs, name, input),
    decode: (sink: BodySink, codings: readonly Coding[]) =>
      codings.reduce((inner, coding) => new Decoder(inner, coding), sink),
    close: () => Promise.resolve(),
  };
}
