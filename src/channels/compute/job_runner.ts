/**
 * Runs jobs on a thread of its own, one at a time.
 *
 * @module
 */

import { Worker } from "node:worker_threads";
import { type ComputeOptions, IDLE_MS, TooCostlyError } from "./compute.ts";
import type { JobRequest, JobResponse, JobThreadStarted } from "./job_thread.ts";
import type { Jobs } from "./jobs.ts";

/** Beyond this, a job's thread is replaced, in milliseconds: its own bounds end it much sooner. */
const JOB_MS = 20_000;
/** The longest start of a thread, in milliseconds: loading its modules takes long on a busy machine. */
const START_MS = 60_000;
/** Memory of JavaScript objects for one job: a page of 4 MiB takes about 60 MiB. */
const JOB_MEMORY_MB = 128;
/** A thread whose objects take more than this after a job is ended at once, in bytes. */
const MAX_KEPT_HEAP = 48 * 2 ** 20;

interface Job {
  readonly name: keyof Jobs;
  readonly input: readonly unknown[];
  readonly settle: (response: { value: unknown } | { error: unknown }) => void;
}

/** Runs jobs in the order in which they came. */
export class JobRunner {
  readonly #options: ComputeOptions;
  readonly #queue: Job[] = [];
  #worker: Worker | undefined;
  #current: { readonly id: number; readonly job: Job; undo: () => void } | undefined;
  #ids = 0;
  /** Whether the present thread has loaded its modules: the time of its first job begins then. */
  #hasStarted = false;
  #isClosed = false;
  #undoIdle = () => {};

  constructor(options: ComputeOptions) {
    this.#options = options;
  }

  run(name: keyof Jobs, input: readonly unknown[], signal?: AbortSignal): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const abort = () => {
        const at = this.#queue.indexOf(job);
        if (at >= 0) this.#queue.splice(at, 1);
        reject(signal?.reason);
      };
      const job: Job = {
        name,
        input,
        settle(response) {
          signal?.removeEventListener("abort", abort);
          if ("value" in response) resolve(response.value);
          else reject(response.error);
        },
      };
      signal?.addEventListener("abort", abort, { once: true });
      this.#queue.push(job);
      this.#next();
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#undoIdle();
    const current = this.#end();
    const error = new Error("The service is shutting down");
    for (const job of [...(current ? [current] : []), ...this.#queue.splice(0)]) {
      job.settle({ error });
    }
    await this.#worker?.terminate();
  }

  #next(): void {
    if (this.#current || this.#isClosed) return;
    const job = this.#queue.shift();
    this.#undoIdle();
    if (!job) {
      this.#undoIdle = this.#options.clock.after(IDLE_MS, () => this.#rest());
      return;
    }
    this.#worker ??= this.#spawn();
    const id = ++this.#ids;
    const { jobMs = JOB_MS } = this.#options;
    this.#current = { id, job, undo: () => {} };
    this.#limit(this.#hasStarted ? jobMs : START_MS);
    const input = job.input.map((part) => part instanceof Uint8Array ? ownBuffer(part) : part);
    const request: JobRequest = { id, name: job.name, input };
    this.#worker.postMessage(request, input.filter((part) => part instanceof ArrayBuffer));
  }

  /** Limits the present job to this time, counted from now. */
  #limit(ms: number): void {
    if (!this.#current) return;
    this.#current.undo();
    this.#current.undo = this.#options.clock.after(ms, () => this.#lost("it exceeded its time"));
  }

  /** Ends the thread, and with it the memory of its last jobs. */
  #rest(): void {
    void this.#worker?.terminate();
    this.#worker = undefined;
  }

  #spawn(): Worker {
    const entry = this.#options.entry ?? new URL("./job_thread.ts", import.meta.url);
    this.#hasStarted = false;
    const worker = new Worker(entry, {
      workerData: this.#options.jobs,
      resourceLimits: { maxOldGenerationSizeMb: JOB_MEMORY_MB, maxYoungGenerationSizeMb: 16 },
    });
    worker.on("message", (response: JobResponse | JobThreadStarted) => {
      if (worker !== this.#worker) return;
      if ("hasStarted" in response) {
        this.#hasStarted = true;
        this.#limit(this.#options.jobMs ?? JOB_MS);
      } else if (response.id === this.#current?.id) {
        this.#end()?.settle(response);
        // The next job starts a new thread: this one would keep that memory for long.
        if (this.#queue.length === 0 && response.heap > MAX_KEPT_HEAP) this.#rest();
        this.#next();
      }
    });
    worker.on("error", (error: Error & { code?: unknown }) => {
      const isMemory = error.code === "ERR_WORKER_OUT_OF_MEMORY";
      if (worker === this.#worker) this.#lost(isMemory ? "it exceeded its memory" : error.message);
    });
    return worker;
  }

  /** The job at hand is the one that was too costly; the others go on. */
  #lost(reason: string): void {
    void this.#worker?.terminate();
    this.#worker = undefined;
    const job = this.#end();
    if (this.#isClosed) return;
    this.#options.onLost(`${job?.name ?? "idle"}: ${reason}`);
    job?.settle({ error: new TooCostlyError(`The work was given up: ${reason}`) });
    this.#next();
  }

  #end(): Job | undefined {
    const current = this.#current;
    this.#current = undefined;
    current?.undo();
    return current?.job;
  }
}

/** The memory of bytes, for a message that hands it over. */
function ownBuffer(bytes: Uint8Array): ArrayBuffer {
  const { buffer } = bytes;
  return buffer instanceof ArrayBuffer && buffer.byteLength === bytes.length
    ? buffer
    : new Uint8Array(bytes).buffer;
}
