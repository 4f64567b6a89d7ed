/**
 * Decodes bodies on a thread of their own, side by side.
 *
 * @module
 */

import { Worker } from "node:worker_threads";
import { joinBytes } from "../../lib/bytes.ts";
import { freeBuffer } from "../buffer_pool.ts";
import { type ComputeOptions, IDLE_MS } from "./compute.ts";
import type { FromDecoder, ToDecoder } from "./decode_protocol.ts";
import { BodyError, type BodySink, type Coding, Decoder } from "./decoder.ts";

/** Memory of JavaScript objects for all bodies that are decoded at once. */
const DECODE_MEMORY_MB = 64;
/** A shorter encoded body is decoded where it is read, up to `MAX_INLINE_DECODED` bytes. */
const MAX_INLINE_ENCODED = 16_384;
const MAX_INLINE_DECODED = 262_144;

interface Decoding {
  receive(message: FromDecoder): void;
}

/** Carries the messages of all bodies that are decoded. */
export class DecodeThread {
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
export class RemoteDecoder implements BodySink {
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
      await decoder.write(joinBytes(this.#short));
      await decoder.end();
      return joinBytes(short.chunks);
    } catch (error) {
      decoder.abandon();
      if (error instanceof RangeError) return undefined;
      throw error;
    }
  }

  #open(): Promise<void> {
    this.#id = this.#thread.open(this, this.#codings);
    const body = joinBytes(this.#short);
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
