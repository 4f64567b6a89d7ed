/**
 * Where work runs whose cost other people choose: decoding bodies, extracting
 * from pages, composing mails.
 *
 * Such work does not run where deliveries wait. It is bounded by counting its
 * output (bytes, nodes, steps), and it runs on threads of its own, so that what
 * remains delays only work of the same kind.
 *
 * @module
 */

import type { Clock } from "../../lib/clock.ts";
import type { BodySink, Coding } from "./decoder.ts";
import type { Jobs, JobSettings } from "./jobs.ts";

/** Runs costly work. */
export interface Compute {
  /**
   * Runs one job. Rejects with a `TooCostlyError` when it exceeds its memory or
   * time, and with the signal's reason once `signal` aborts.
   */
  run<Name extends keyof Jobs>(
    name: Name,
    input: Parameters<Jobs[Name]>,
    signal?: AbortSignal,
  ): Promise<Awaited<ReturnType<Jobs[Name]>>>;
  /** Puts a decoder for `codings`, the last applied first, before `sink`. */
  decode(sink: BodySink, codings: readonly Coding[]): BodySink;
  /** Ends its threads; what still runs is rejected. */
  close(): Promise<void>;
}

/** What the threads need. */
export interface ComputeOptions {
  /** What the jobs are opened with. */
  readonly jobs: JobSettings;
  /** Limits the time of a job. */
  readonly clock: Clock;
  /** Called when a thread was lost and is replaced. */
  readonly onLost: (reason: string) => void;
  /** The longest time of a job, in milliseconds. */
  readonly jobMs?: number;
  /** The module that runs the jobs; only tests have their own. */
  readonly entry?: URL;
}

/** A thread without work ends after this time, in milliseconds: each takes about 20 MiB. */
export const IDLE_MS = 30_000;

/** A job exceeded its memory or its time. Only this piece of work fails. */
export class TooCostlyError extends Error {
  /** `TooCostlyError`. */
  override name = "TooCostlyError";
  /** The code of the task's error. */
  readonly code = "too_costly";
}
