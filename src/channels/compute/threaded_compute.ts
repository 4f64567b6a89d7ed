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

import { Worker } from "node:worker_threads";
import type { Clock } from "../../lib/clock.ts";
import { freeBuffer } from "../buffer_pool.ts";
import { type Compute, TooCostlyError } from "./compute.ts";
import type { FromDecoder, ToDecoder } from "./decode_protocol.ts";
import { BodyError, type BodySink, type Coding, Decoder } from "./decoder.ts";
import type { JobRequest, JobResponse, JobThreadStarted } from "./job_thread.ts";
import type { Jobs, JobSettings } from "./jobs.ts";

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

/** Beyond this, a job's thread is replaced, in milliseconds: its own bounds end it much sooner. */
const JOB_MS = 20_000;
/** The longest start of a thread, in milliseconds: loading its modules takes long on a busy machine. */
const START_MS = 60_000;
/** A thread without work ends after this time, in milliseconds: each takes about 20 MiB. */
const IDLE_MS = 30_000;
/** Memory of JavaScript objects for one job: a page of 4 MiB takes about 60 MiB. */
const JOB_MEMORY_MB = 128;
const DECODE_MEMORY_MB = 64;
/** A thread whose objects take more than this after a job is ended at once, in bytes. */
const MAX_KEPT_HEAP = 48 * 2 ** 20;
/** A shorter encoded body is decoded where it is read, up to `MAX_INLINE_DECODED` bytes. */
const MAX_INLINE_ENCODED = 16_384;
const MAX_INLINE_DECODED = 262_144;

/** Starts the threads. */
export function openCompute(options: ComputeOptions): Compute {
  const jobs = new JobThread(options);
  const decoders = new DecodeThread(options);
  return {
    run: (name, input, signal) => jobs.run(name, input, signal) as Promise<never>,
    decode: (sink, codings) => new RemoteDecoder(sink, codings, decoders),
    async close() {
      await Promise.all([jobs.close(), decoders.close()]);
    },
  };
}

interface Job {
  readonly name: keyof Jobs;
  readonly input: readonly unknown[];
  readonly settle: (response: { value: unknown } | { error: unknown }) => void;
}

/** Runs jobs in the order in which they came. */
class JobThread {
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

interface Decoding {
  receive(message: FromDecoder): void;
}

/** Carries the messages of all bodies that are decoded. */
class DecodeThread {
  readonly #options: ComputeOptions;
  readonly #bodies = new Map<number, Decoding>();
  #worker: Worker | undefined;
  #ids = 0;
  #isClosed = false;
  #undoIdle = () => {};

  constructor(options: ComputeOptions) {
    this.#options = options;
  }

  open(body: Decoding, codings: readonly Coding[]): number {
    const id = ++this.#ids;
    this.#undoIdle();
    if (!this.#isClosed) this.#worker ??= this.#spawn();
    this.#bodies.set(id, body);
    this.send({ id, type: "open", codings });
    return id;
  }

  send(message: ToDecoder): void {
    const transfer = message.type === "write" ? [message.chunk] : [];
    if (!this.#isClosed) this.#worker?.postMessage(message, transfer);
  }

  close(id: number): void;
  close(): Promise<void>;
  close(id?: number): void | Promise<void> {
    if (id === undefined) {
      this.#isClosed = true;
      this.#undoIdle();
      this.#failAll("The service is shutting down");
      return Promise.resolve(this.#worker?.terminate()).then(() => {});
    }
    if (this.#bodies.delete(id)) this.send({ id, type: "abandon" });
    if (this.#bodies.size > 0 || this.#isClosed) return;
    this.#undoIdle();
    this.#undoIdle = this.#options.clock.after(IDLE_MS, () => {
      void this.#worker?.terminate();
      this.#worker = undefined;
    });
  }

  #spawn(): Worker {
    const worker = new Worker(new URL("./decode_thread.ts", import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: DECODE_MEMORY_MB, maxYoungGenerationSizeMb: 8 },
    });
    worker.on("message", (message: FromDecoder) => this.#bodies.get(message.id)?.receive(message));
    worker.on("error", (error: Error) => {
      if (this.#isClosed) return;
      this.#options.onLost(`decode: ${error.message}`);
      if (worker === this.#worker) this.#worker = undefined;
      this.#failAll("The body could not be decoded: the decoder was lost");
    });
    return worker;
  }

  #failAll(detail: string): void {
    for (const [id, body] of [...this.#bodies]) {
      body.receive({ id, type: "failed", code: "bad_response", detail });
    }
    this.#bodies.clear();
  }
}

/**
 * A body that is decoded on another thread. A short one is decoded here, when it
 * is complete and as long as the result is short too: that takes microseconds.
 */
class RemoteDecoder implements BodySink {
  readonly #sink: BodySink;
  readonly #codings: readonly Coding[];
  readonly #thread: DecodeThread;
  readonly #failed = Promise.withResolvers<never>();
  readonly #ended = Promise.withResolvers<void>();
  readonly #taken: (() => void)[] = [];
  #short: Uint8Array[] = [];
  #shortBytes = 0;
  #id: number | undefined;
  /** Chunks reach the sink one after the other. */
  #tail: Promise<void> = Promise.resolve();

  constructor(sink: BodySink, codings: readonly Coding[], thread: DecodeThread) {
    this.#sink = sink;
    this.#codings = codings;
    this.#thread = thread;
    this.#failed.promise.catch(() => {});
  }

  write(chunk: Uint8Array): void | Promise<void> {
    if (this.#id !== undefined) return this.#send(new Uint8Array(chunk));
    this.#short.push(new Uint8Array(chunk));
    this.#shortBytes += chunk.length;
    if (this.#shortBytes > MAX_INLINE_ENCODED) return this.#open();
  }

  async end(): Promise<void> {
    if (this.#id === undefined) {
      const decoded = await this.#decodeShort();
      if (decoded) {
        if (decoded.length > 0) await this.#sink.write(decoded);
        return await this.#sink.end();
      }
      this.#open().catch(() => {}); // The wait below reports it.
    }
    const id = this.#id ?? 0;
    this.#thread.send({ id, type: "end" });
    await Promise.race([this.#ended.promise, this.#failed.promise]);
    this.#thread.close(id);
    await this.#sink.end();
  }

  abandon(): void {
    if (this.#id !== undefined) this.#thread.close(this.#id);
    this.#sink.abandon();
  }

  receive(message: FromDecoder): void {
    switch (message.type) {
      case "taken":
        return this.#taken.shift()?.();
      case "decoded":
        this.#tail = this.#tail.then(() => this.#use(message.chunk));
        this.#tail.catch((error) => this.#fail(error));
        return;
      case "ended":
        this.#tail.then(() => this.#ended.resolve(), () => {});
        return;
      case "failed":
        return this.#fail(new BodyError(message.code, message.detail));
    }
  }

  async #use(chunk: Uint8Array<ArrayBuffer>): Promise<void> {
    const { length } = chunk;
    await this.#sink.write(chunk);
    freeBuffer(chunk.buffer);
    this.#thread.send({ id: this.#id ?? 0, type: "used", bytes: length });
  }

  /** `undefined` when the result is too long. */
  async #decodeShort(): Promise<Uint8Array | undefined> {
    // Its decoder clears up to 16 MiB of memory first: 25 ms.
    if (this.#codings.includes("br")) return undefined;
    const short = new ShortSink();
    const decoder = this.#codings.reduce(
      (inner: BodySink, coding) => new Decoder(inner, coding),
      short,
    );
    try {
      await decoder.write(concatenated(this.#short));
      await decoder.end();
      return concatenated(short.chunks);
    } catch (error) {
      decoder.abandon();
      if (error instanceof RangeError) return undefined;
      throw error;
    }
  }

  #open(): Promise<void> {
    this.#id = this.#thread.open(this, this.#codings);
    const body = concatenated(this.#short);
    this.#short = [];
    return this.#send(body);
  }

  #send(chunk: Uint8Array<ArrayBuffer>): Promise<void> {
    const taken = new Promise<void>((resolve) => this.#taken.push(resolve));
    this.#thread.send({ id: this.#id ?? 0, type: "write", chunk: chunk.buffer });
    return Promise.race([taken, this.#failed.promise]);
  }

  #fail(error: unknown): void {
    this.#failed.reject(error);
    if (this.#id !== undefined) this.#thread.close(this.#id);
  }
}

/** Collects a body up to a bound; throws a `RangeError` beyond it. */
class ShortSink implements BodySink {
  readonly chunks: Uint8Array[] = [];
  #bytes = 0;

  write(chunk: Uint8Array): void {
    this.#bytes += chunk.length;
    if (this.#bytes > MAX_INLINE_DECODED) throw new RangeError("Too long");
    this.chunks.push(new Uint8Array(chunk));
  }

  end(): void {}
  abandon(): void {}
}

function concatenated(chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}
