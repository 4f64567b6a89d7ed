/**
 * One attempt of the channel `http`, from its first request to its final response.
 *
 * @module
 */

import { saveNameOf } from "../../lib/file_name.ts";
import type { Outcome } from "../../task/outcome.ts";
import type { FetchPayload } from "../../task/payloads.ts";
import type { TaskError } from "../../task/task.ts";
import type { DeliverContext } from "../channel.ts";
import { SharedFault } from "../http2/fault.ts";
import { BodyDigest, BodyError, type BodySink, decodeInto, tooLarge } from "./body.ts";
import { classifyFault, classifyResponse, isSafe, unexpected } from "./classify.ts";
import type { Download } from "./download.ts";
import type { Exchanged, ResponseHead } from "./exchange.ts";
import { unmetExpectation } from "./expectations.ts";
import { TextExtractor } from "./text_extractor.ts";
import { BodyConsumer } from "./body_consumer.ts";
import { type HttpRequest, isRedirect } from "./redirect.ts";
import { evidenceOf, KEPT_BYTES, resultOf, type Saved } from "./result.ts";

/** Progress is reported once this many bytes have arrived. */
const PROGRESS_FROM_BYTES = 65_536;
/** A redirect's body is read up to this many bytes, so that the connection can be reused. */
const REDIRECT_BODY_BYTES = 65_536;

/** What an attempt needs besides its payload. */
export interface HttpAttemptOptions {
  /** The abort signal and the progress callback of the attempt. */
  readonly context: DeliverContext;
  /** Where the body is saved, when the task asks for it. */
  readonly download?: Download | undefined;
  /** Milliseconds since the attempt began. */
  readonly elapsed: () => number;
}

/** One attempt and its state across redirects. */
export class HttpAttempt {
  /** The abort signal and the progress callback of the attempt. */
  readonly context: DeliverContext;
  /** The redirects followed so far. */
  readonly hops: { status: number; url: string }[] = [];
  readonly #payload: FetchPayload;
  readonly #download: Download | undefined;
  readonly #elapsed: () => number;
  #consumer: BodyConsumer | undefined;
  #totalBytes: number | undefined;
  #saving = false;
  #resumed = false;
  /** Unsafe requests that were sent, minus those that the server returned unprocessed. */
  #effects = 0;

  /** Starts with no redirects followed and nothing sent. */
  constructor(payload: FetchPayload, { context, download, elapsed }: HttpAttemptOptions) {
    this.#payload = payload;
    this.context = context;
    this.#download = download;
    this.#elapsed = elapsed;
  }

  /** Called just before a request is sent. */
  sending(method: string): void {
    if (isSafe(method)) return;
    this.#effects++;
    this.context.progress({ stage: "sending" });
  }

  /** Called when the server did not process the last request. */
  untouched(method: string): void {
    if (!isSafe(method)) this.#effects--;
  }

  /** Whether this response is a redirect that the task follows. */
  isFollowed({ status, headers }: ResponseHead): boolean {
    return this.#payload.redirects > 0 && isRedirect(status, headers.location);
  }

  /** Returns the sink that takes the body of a response. */
  receive(method: string, head: ResponseHead): BodySink {
    if (this.isFollowed(head)) return redirectBody();
    const { maxBytes } = this.#payload;
    const length = Number(head.headers["content-length"] ?? NaN);
    const coding = head.headers["content-encoding"];
    this.#totalBytes = Number.isSafeInteger(length) && method !== "HEAD" ? length : undefined;
    if (this.#totalBytes !== undefined && this.#totalBytes > maxBytes && coding === undefined) {
      throw tooLarge(maxBytes);
    }
    return decodeInto(this.#consume(method, head), coding);
  }

  /** Reports progress; `bytes` counts the encoded bytes of the body so far. */
  reportProgress(bytes: number): void {
    if (bytes < PROGRESS_FROM_BYTES) return;
    const kept = this.#saving ? this.#download?.kept ?? 0 : 0;
    const totalBytes = this.#totalBytes;
    this.context.progress({
      bytes: kept + bytes,
      ...(kept === 0 ? {} : { keptBytes: kept }),
      ...(totalBytes === undefined ? {} : { totalBytes: kept + totalBytes }),
    });
  }

  /** The outcome when a request or a redirect is refused. */
  rejected(error: TaskError): Outcome {
    return { kind: "rejected", error, evidence: { hops: this.hops } };
  }

  /** The outcome when no complete response arrived. */
  faulted(cause: unknown, exchanged: Exchanged, now: number): Outcome {
    const { head } = exchanged;
    const evidence = { ...evidenceOf(exchanged), hops: this.hops };
    if (this.context.signal.aborted) {
      const code = String(this.context.signal.reason);
      const error = { code, detail: ABORTS[code] ?? "The attempt was aborted" };
      return { kind: this.#effects > 0 ? "unknown" : "deferred", error, evidence };
    }
    // The status of a refusal is enough; its body does not matter.
    if (head && head.status >= 400) {
      const outcome = classifyResponse(head, this.#payload.expect, "GET", now);
      if (outcome.kind !== "delivered") return { ...outcome, evidence };
    }
    const shared = cause instanceof SharedFault ? { shared: true as const } : {};
    return { ...classifyFault(cause, this.#effects > 0), ...shared, evidence };
  }

  /** The outcome of a complete response. */
  async completed(
    { url, method }: HttpRequest,
    exchanged: Exchanged & { readonly head: ResponseHead },
    now: number,
  ): Promise<Outcome> {
    const { head, timings } = exchanged;
    const evidence = evidenceOf(exchanged);
    const outcome = this.#evaluate(head, method, now);
    const consumer = this.#consumer;
    if (!consumer) throw new Error("A complete response has no body consumer");
    let saved: Saved | undefined;
    try {
      if (outcome.kind === "delivered") saved = await this.#save(url, head);
      else if (this.#saving) this.#download?.giveUp();
    } catch (error) {
      return { ...classifyFault(error, this.#effects > 0), evidence };
    }
    const { hops } = this;
    const { extract } = this.#payload;
    const result = resultOf({ url, head, hops, timings, consumer, extract, saved });
    if (!outcome.hold || url.origin === new URL(this.#payload.url).origin) {
      return { ...outcome, evidence, result };
    }
    // A delay that another host asks for must not hold the lane of this host.
    const { hold: _, ...rest } = outcome;
    return { ...rest, evidence, result } as Outcome;
  }

  /** What the response means, with the caller's expectations applied. */
  #evaluate(head: ResponseHead, method: string, now: number): Outcome {
    const { expect } = this.#payload;
    if (head.status === 416 && this.#download?.kept) {
      this.#download.giveUp();
      const detail = "The server has nothing after the saved part; the next attempt starts over";
      return { kind: "deferred", error: { code: "http_416", detail } };
    }
    const outcome = classifyResponse(head, expect, method, now);
    if (!expect || outcome.kind !== "delivered") return outcome;
    const tookMs = this.#elapsed();
    const extractor = this.#consumer?.extractor;
    const detail = unmetExpectation(expect, { head, extractor, tookMs });
    return detail === undefined ? outcome : { ...outcome, ...unexpected(detail, method) };
  }

  #consume(method: string, head: ResponseHead): BodyConsumer {
    const { maxBytes, expect, extract } = this.#payload;
    const whole = Boolean(extract?.json ?? extract?.css ?? expect?.json);
    const extractor = extract || whole
      ? new TextExtractor({ ...extract, contentType: head.headers["content-type"], whole })
      : undefined;
    this.#saving = this.#download !== undefined &&
      classifyResponse(head, expect, method, 0).kind === "delivered";
    const download = this.#saving ? this.#download : undefined;
    const consumer = new BodyConsumer(new BodyDigest(maxBytes, KEPT_BYTES), extractor, download);
    this.#consumer = consumer;
    if (!download) return consumer;
    const requested = download.kept > 0;
    this.#resumed = download.begin(head, (piece) => consumer.replay(piece));
    if (this.#resumed) consumer.awaitReplay(download.settled());
    else if (requested && head.status === 206) {
      throw new BodyError("bad_response", "The server sent another range than the one requested");
    }
    return consumer;
  }

  async #save(url: URL, head: ResponseHead): Promise<Saved | undefined> {
    const { save } = this.#payload;
    if (!this.#saving || !this.#download || save === undefined) return undefined;
    const name = saveNameOf(save, head.headers["content-disposition"], url);
    await this.#download.finish(name);
    return { name, path: `${this.#download.folder}/${name}`, resumed: this.#resumed };
  }
}

const ABORTS: Record<string, string> = {
  timeout: "No complete response arrived within the attempt's timeout",
  cancelled: "The task was cancelled",
  shutdown: "The service stopped",
  drain: "The service stopped",
};

/** Discards the body of a redirect that is followed, up to a bound. */
function redirectBody(): BodySink {
  let bytes = 0;
  return {
    write(piece) {
      bytes += piece.length;
      if (bytes > REDIRECT_BODY_BYTES) throw tooLarge(REDIRECT_BODY_BYTES);
    },
    end() {},
    abandon() {},
  };
}
