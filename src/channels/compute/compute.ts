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

import type { BodySink, Coding } from "./decoder.ts";
import type { Jobs } from "./jobs.ts";

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

/** A job exceeded its memory or its time. Only this piece of work fails. */
export class TooCostlyError extends Error {
  /** `TooCostlyError`. */
  override name = "TooCostlyError";
  /** The code of the task's error. */
  readonly code = "too_costly";
}
