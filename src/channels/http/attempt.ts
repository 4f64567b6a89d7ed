/**
 * An attempt of the channel `http`, from its first request to its last answer.
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
import { classifyAnswer, classifyFault, isSafe, unexpected } from "./classify.ts";
import type { Download } from "./download.ts";
import type { Exchanged, ResponseHead } from "./exchange.ts";
import { unmetExpectation } from "./expectations.ts";
import { TextExtractor } from "./text_extractor.ts";
import { BodyConsumer } from "./body_consumer.ts";
import { type HttpRequest, isRedirect } from "./redirect.ts";
import { evidenceOf, KEPT_BYTES, resultOf, type Saved } from "./result.ts";

/** Beyond so many bytes, progress is told. */
const TOLD_BYTES = 65_536;
/** A redirect's page for people is read so far, for the connection's sake. */
const PASSED_BYTES = 65_536;

/** What an attempt has beside its payload. */
export interface HttpAttemptOptions {
  /** What the attempt was given. */
  readonly context: DeliverContext;
  /** Where the body is saved, if it is. */
  readonly download?: Download | undefined;
  /** Milliseconds since the attempt began. */
  readonly elapsed: () => number;
}

/** One attempt on its way from redirect to redirect. */
export class HttpAttempt {
  /** What the attempt was given. */
  readonly context: DeliverContext;
  /** The redirects followed so far. */
  readonly hops: { status: number; url: string }[] = [];
  readonly #payload: FetchPayload;
  readonly #download: Download | undefined;
  readonly #elapsed: () => number;
  #receipt: BodyConsumer | undefined;
  #totalBytes: number | undefined;
  #saving = false;
  #resumed = false;
  /** Unsafe requests that have left, less those that the server has handed back untouched. */
  #effects = 0;

  /** Sets out. */
  constructor(payload: FetchPayload, { context, download, elapsed }: HttpAttemptOptions) {
    this.#payload = payload;
    this.context = context;
    this.#download = download;
    this.#elapsed = elapsed;
  }

  /** A request is about to leave. */
  sending(method: string): void {
    if (isSafe(method)) return;
    this.#effects++;
    this.context.progress({ stage: "sending" });
  }

  /** The request that was last to leave was not touched. */
  untouched(method: string): void {
    if (!isSafe(method)) this.#effects--;
  }

  /** Whether an answer only shows the way to another. */
  isPassed({ status, headers }: ResponseHead): boolean {
    return this.#payload.redirects > 0 && isRedirect(status, headers.location);
  }

  /** What takes the body of an answer. */
  receive(method: string, head: ResponseHead): BodySink {
    if (this.isPassed(head)) return passing();
    const { maxBytes } = this.#payload;
    const length = Number(head.headers["content-length"] ?? NaN);
    const coding = head.headers["content-encoding"];
    this.#totalBytes = Number.isSafeInteger(length) && method !== "HEAD" ? length : undefined;
    if (this.#totalBytes !== undefined && this.#totalBytes > maxBytes && coding === undefined) {
      throw tooLarge(maxBytes);
    }
    return decodeInto(this.#take(method, head), coding);
  }

  /** So many encoded bytes of the body have come. */
  told(bytes: number): void {
    if (bytes < TOLD_BYTES) return;
    const kept = this.#saving ? this.#download?.kept ?? 0 : 0;
    const totalBytes = this.#totalBytes;
    this.context.progress({
      bytes: kept + bytes,
      ...(kept === 0 ? {} : { keptBytes: kept }),
      ...(totalBytes === undefined ? {} : { totalBytes: kept + totalBytes }),
    });
  }

  /** Ends where nobody may go on. */
  rejected(error: TaskError): Outcome {
    return { kind: "rejected", error, evidence: { hops: this.hops } };
  }

  /** Ends without a whole answer. */
  faulted(cause: unknown, exchanged: Exchanged, now: number): Outcome {
    const { head } = exchanged;
    const evidence = { ...evidenceOf(exchanged), hops: this.hops };
    if (this.context.signal.aborted) {
      const code = String(this.context.signal.reason);
      const error = { code, detail: ABORTS[code] ?? "The attempt was cut off" };
      return { kind: this.#effects > 0 ? "unknown" : "deferred", error, evidence };
    }
    // A refusal is as good as its status: what the body would have said does not matter.
    if (head && head.status >= 400) {
      const outcome = classifyAnswer(head, this.#payload.expect, "GET", now);
      if (outcome.kind !== "delivered") return { ...outcome, evidence };
    }
    const shared = cause instanceof SharedFault ? { shared: true as const } : {};
    return { ...classifyFault(cause, this.#effects > 0), ...shared, evidence };
  }

  /** Ends with an answer. */
  async answered(
    { url, method }: HttpRequest,
    exchanged: Exchanged & { readonly head: ResponseHead },
    now: number,
  ): Promise<Outcome> {
    const { head, timings } = exchanged;
    const evidence = evidenceOf(exchanged);
    const outcome = this.#judge(head, method, now);
    const receipt = this.#receipt;
    if (!receipt) throw new Error("An answer was taken for a redirect");
    let saved: Saved | undefined;
    try {
      if (outcome.kind === "delivered") saved = await this.#save(url, head);
      else if (this.#saving) this.#download?.giveUp();
    } catch (error) {
      return { ...classifyFault(error, this.#effects > 0), evidence };
    }
    const { hops } = this;
    const { extract } = this.#payload;
    const result = resultOf({ url, head, hops, timings, receipt, extract, saved });
    if (!outcome.hold || url.origin === new URL(this.#payload.url).origin) {
      return { ...outcome, evidence, result };
    }
    // What another host wishes is no reason to hold the lane of this one.
    const { hold: _, ...rest } = outcome;
    return { ...rest, evidence, result } as Outcome;
  }

  /** What the answer means, the caller's expectations considered. */
  #judge(head: ResponseHead, method: string, now: number): Outcome {
    const { expect } = this.#payload;
    if (head.status === 416 && this.#download?.kept) {
      this.#download.giveUp();
      const detail = "The server has nothing beyond what was saved; the next attempt begins anew";
      return { kind: "deferred", error: { code: "http_416", detail } };
    }
    const outcome = classifyAnswer(head, expect, method, now);
    if (!expect || outcome.kind !== "delivered") return outcome;
    const tookMs = this.#elapsed();
    const detail = unmetExpectation(expect, { head, reading: this.#receipt?.reading, tookMs });
    return detail === undefined ? outcome : { ...outcome, ...unexpected(detail, method) };
  }

  #take(method: string, head: ResponseHead): BodyConsumer {
    const { maxBytes, expect, extract } = this.#payload;
    const whole = Boolean(extract?.json ?? extract?.css ?? expect?.json);
    const reading = extract || whole
      ? new TextExtractor({ ...extract, contentType: head.headers["content-type"], whole })
      : undefined;
    this.#saving = this.#download !== undefined &&
      classifyAnswer(head, expect, method, 0).kind === "delivered";
    const download = this.#saving ? this.#download : undefined;
    const receipt = new BodyConsumer(new BodyDigest(maxBytes, KEPT_BYTES), reading, download);
    this.#receipt = receipt;
    if (!download) return receipt;
    const asked = download.kept > 0;
    this.#resumed = download.begin(head, (piece) => receipt.review(piece));
    if (this.#resumed) receipt.awaitReview(download.settled());
    else if (asked && head.status === 206) {
      throw new BodyError("bad_response", "The server sent another part than it was asked for");
    }
    return receipt;
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
  timeout: "No whole answer came within the attempt's timeout",
  cancelled: "The task was cancelled",
  shutdown: "The service stopped",
  drain: "The service stopped",
};

/** Takes the body of a redirect that is followed, and stops it when it is no page. */
function passing(): BodySink {
  let bytes = 0;
  return {
    write(piece) {
      bytes += piece.length;
      if (bytes > PASSED_BYTES) throw tooLarge(PASSED_BYTES);
    },
    end() {},
    abandon() {},
  };
}
