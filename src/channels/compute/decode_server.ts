/**
 * Decodes many bodies side by side, within bounds on what they cost together.
 *
 * Bounded are the decoded bytes that are in flight, of one body and of all, how
 * many decoders with a large window are open, and by how much a body may grow.
 *
 * @module
 */

import { BodyError, type BodySink, Decoder, hasLargeWindow } from "./decoder.ts";
import type { FromDecoder, ToDecoder } from "./decode_protocol.ts";

/** A body beyond `GROWTH_FROM_BYTES` that is this many times its encoded size is refused. */
const MAX_GROWTH = 500;
const GROWTH_FROM_BYTES = 16 * 2 ** 20;
/** Decoded bytes on their way to the channel thread, of one body and of all. */
const MAX_IN_FLIGHT = 524_288;
const MAX_IN_FLIGHT_OF_ALL = 4 * 2 ** 20;
/** Decoders that take up to 16 MiB each; other bodies wait. */
const MAX_LARGE_WINDOWS = 4;

/** Handles messages; `send` carries the responses, with memory that is handed over. */
export function openDecodeServer(
  send: (message: FromDecoder, transfer: ArrayBuffer[]) => void,
): (message: ToDecoder) => void {
  const server = new DecodeServer(send);
  return (message) => server.receive(message);
}

class DecodeServer {
  readonly #send: (message: FromDecoder, transfer: ArrayBuffer[]) => void;
  readonly #bodies = new Map<number, Body>();
  readonly #inFlight = new Credit(MAX_IN_FLIGHT_OF_ALL);
  readonly #windows = new Credit(MAX_LARGE_WINDOWS);

  constructor(send: (message: FromDecoder, transfer: ArrayBuffer[]) => void) {
    this.#send = send;
  }

  receive(message: ToDecoder): void {
    const { id } = message;
    if (message.type === "open") {
      const body = new Body({
        codings: message.codings,
        inFlight: this.#inFlight,
        windows: this.#windows,
        onDecoded: (chunk) => this.#send({ id, type: "decoded", chunk }, [chunk.buffer]),
        onTaken: () => this.#send({ id, type: "taken" }, []),
        onEnd: (error) => this.#end(id, error),
      });
      this.#bodies.set(id, body);
      return;
    }
    const body = this.#bodies.get(id);
    switch (message.type) {
      case "write":
        return body?.write(new Uint8Array(message.chunk));
      case "end":
        return body?.end();
      case "used":
        return body?.used(message.bytes);
      case "abandon":
        this.#bodies.delete(id);
        return body?.close();
    }
  }

  #end(id: number, error: unknown): void {
    const body = this.#bodies.get(id);
    if (!body) return;
    if (error === undefined) return this.#send({ id, type: "ended" }, []);
    this.#bodies.delete(id);
    body.close();
    const { code, message: detail } = error instanceof BodyError
      ? error
      : new BodyError("bad_response", "The body cannot be decoded");
    this.#send({ id, type: "failed", code, detail }, []);
  }
}

interface BodyOptions {
  readonly codings: Extract<ToDecoder, { type: "open" }>["codings"];
  readonly inFlight: Credit;
  readonly windows: Credit;
  readonly onDecoded: (chunk: Uint8Array<ArrayBuffer>) => void;
  readonly onTaken: () => void;
  readonly onEnd: (error?: unknown) => void;
}

/** One body: its chunks are decoded one after the other. */
class Body {
  readonly #options: BodyOptions;
  readonly #own = new Credit(MAX_IN_FLIGHT);
  readonly #windows: number;
  #sink: BodySink | undefined;
  #tail: Promise<void>;
  #encoded = 0;
  #decoded = 0;
  #inFlight = 0;
  #heldWindows = 0;
  #isClosed = false;

  constructor(options: BodyOptions) {
    this.#options = options;
    this.#windows = options.codings.filter(hasLargeWindow).length;
    this.#tail = this.#open();
    this.#tail.catch(() => {});
  }

  write(chunk: Uint8Array): void {
    this.#encoded += chunk.length;
    this.#then(async () => {
      await this.#sink?.write(chunk);
      this.#options.onTaken();
    });
  }

  end(): void {
    this.#then(async () => {
      await this.#sink?.end();
      this.#releaseWindows();
      this.#options.onEnd();
    });
  }

  used(bytes: number): void {
    this.#inFlight -= bytes;
    this.#own.give(bytes);
    this.#options.inFlight.give(bytes);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#sink?.abandon();
    this.#releaseWindows();
    this.used(this.#inFlight);
  }

  async #open(): Promise<void> {
    const { codings, windows } = this.#options;
    await windows.take(Math.min(this.#windows, MAX_LARGE_WINDOWS));
    this.#heldWindows = Math.min(this.#windows, MAX_LARGE_WINDOWS);
    if (this.#isClosed) return this.#releaseWindows();
    const poster: BodySink = { write: (chunk) => this.#post(chunk), end() {}, abandon() {} };
    this.#sink = codings.reduce((inner: BodySink, coding) => new Decoder(inner, coding), poster);
  }

  async #post(chunk: Uint8Array): Promise<void> {
    this.#decoded += chunk.length;
    if (this.#decoded > GROWTH_FROM_BYTES && this.#decoded > MAX_GROWTH * this.#encoded) {
      throw new BodyError(
        "too_large",
        `The body decodes to more than ${MAX_GROWTH} times its size`,
      );
    }
    const copy = new Uint8Array(chunk);
    await this.#own.take(copy.length);
    await this.#options.inFlight.take(copy.length);
    if (this.#isClosed) return this.#options.inFlight.give(copy.length);
    this.#inFlight += copy.length;
    this.#options.onDecoded(copy);
  }

  #then(step: () => Promise<void>): void {
    this.#tail = this.#tail.then(() => this.#isClosed ? undefined : step());
    this.#tail.catch((error) => {
      if (!this.#isClosed) this.#options.onEnd(error);
    });
  }

  #releaseWindows(): void {
    this.#options.windows.give(this.#heldWindows);
    this.#heldWindows = 0;
  }
}

/** An amount that is taken and given back; who comes first is served first. */
class Credit {
  #left: number;
  readonly #waiting: { readonly amount: number; readonly go: () => void }[] = [];

  constructor(amount: number) {
    this.#left = amount;
  }

  take(amount: number): Promise<void> | undefined {
    if (this.#waiting.length === 0 && amount <= this.#left) {
      this.#left -= amount;
      return undefined;
    }
    return new Promise((go) => this.#waiting.push({ amount, go }));
  }

  give(amount: number): void {
    this.#left += amount;
    for (
      let [first] = this.#waiting;
      first && first.amount <= this.#left;
      [first] = this.#waiting
    ) {
      this.#waiting.shift();
      this.#left -= first.amount;
      first.go();
    }
  }
}
