/**
 * One attempt of the channel `http`, from its first request to its final response.
 *
 * @module
 */

import { saveNameOf } from "../../lib/file_name.ts";
import { secretsOf } from "../../task/echoed_secrets.ts";
import type { Outcome } from "../../task/outcome.ts";
import type { FetchPayload } from "../../task/payloads.ts";
import { laneOf } from "../../task/input/fetch.ts";
import type { Json, TaskError } from "../../task/task.ts";
import type { Validator, Validators } from "./validators.ts";
import type { DeliverContext } from "../channel.ts";
import { describeFault } from "../faults.ts";
import { SharedFault } from "../http2/fault.ts";
import { type Compute, TooCostlyError } from "../compute/compute.ts";
import { BodyError } from "../compute/decoder.ts";
import type { BodySink } from "../compute/decoder.ts";
import { isSafe } from "../upstream.ts";
import { BodyDigest, codingsOf, tooLarge, transferCodingsOf } from "./body.ts";
import { classifyError, classifyResponse, unexpected, unusable } from "./classify.ts";
import { contentRangeOf, type Download, isWhole } from "./download.ts";
import type { Exchanged, ResponseHead } from "./exchange.ts";
import { unmetExpectation } from "./expectations.ts";
import { extractFrom, unmetJsonOf } from "./extraction.ts";
import { TextExtractor } from "./text_extractor.ts";
import { BodyConsumer } from "./body_consumer.ts";
import { type HttpRequest, isRedirect } from "./redirect.ts";
import { evidenceOf, KEPT_BYTES, resultOf, type ResultParts, type Saved } from "./result.ts";

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
  /** Decodes bodies and extracts from them. */
  readonly compute: Compute;
  /** What identified earlier responses, for `ifChanged`. */
  readonly validators: Validators | undefined;
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
  readonly #compute: Compute;
  readonly #validators: Validators | undefined;
  #consumer: BodyConsumer | undefined;
  #totalBytes: number | undefined;
  #saving = false;
  #resumed = false;
  #keptBytes = 0;
  /** Unsafe requests that were sent, minus those that the server returned unprocessed. */
  #effects = 0;

  /** Starts with no redirects followed and nothing sent. */
  constructor(
    payload: FetchPayload,
    { context, download, elapsed, compute, validators }: HttpAttemptOptions,
  ) {
    this.#payload = payload;
    this.context = context;
    this.#download = download;
    this.#elapsed = elapsed;
    this.#compute = compute;
    this.#validators = payload.ifChanged && validators;
  }

  /** What identified the last response, when only a changed one is wanted. */
  async findValidator(): Promise<Validator | undefined> {
    return await this.#validators?.find(this.#owner, this.#payload.url);
  }

  get #owner(): string {
    return this.#payload.ifChanged?.owner ?? "";
  }

  #isUnchanged({ status }: ResponseHead): boolean {
    return status === 304 && this.#payload.ifChanged !== undefined;
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
    const { redirects, expect } = this.#payload;
    // A redirect that is expected is the response.
    return redirects > 0 && !expect?.status?.includes(status) &&
      isRedirect(status, headers.location);
  }

  /** Returns the sink that takes the body of a response. */
  receive(method: string, head: ResponseHead): BodySink {
    if (this.isFollowed(head)) return redirectBody();
    const { maxBytes } = this.#payload;
    const length = Number(head.headers["content-length"] ?? NaN);
    const coding = head.headers["content-encoding"];
    this.#totalBytes = Number.isSafeInteger(length) && method !== "HEAD" ? length : undefined;
    const isTooLong = this.#totalBytes !== undefined && this.#totalBytes > maxBytes;
    // An unsafe request is delivered by its status: as much of the body is read as is allowed.
    if (isTooLong && coding === undefined && this.#effects === 0) throw tooLarge(maxBytes);
    if (this.#isUnaskedPart(head)) {
      const detail =
        `The server answered ${head.status} with a part of the body, which was not requested`;
      throw new BodyError("bad_response", detail);
    }
    const codings = [
      ...codingsOf(coding),
      ...transferCodingsOf(head.headers["transfer-encoding"]),
    ];
    const consumer = this.#consume(method, head);
    return codings.length === 0 ? consumer : this.#compute.decode(consumer, codings);
  }

  /** Reports progress; `bytes` counts the encoded bytes of the body so far. */
  reportProgress(bytes: number): void {
    if (bytes < PROGRESS_FROM_BYTES) return;
    const download = this.#saving ? this.#download : undefined;
    const before = download?.kept ?? 0;
    const totalBytes = this.#resumed ? download?.total : this.#totalBytes;
    this.context.progress({
      bytes: before + bytes,
      ...(this.#keptBytes === 0 ? {} : { keptBytes: this.#keptBytes }),
      ...(totalBytes === undefined ? {} : { totalBytes }),
    });
  }

  /** The outcome when a request or a redirect is refused. */
  rejected(error: TaskError): Outcome {
    return { kind: "rejected", error, evidence: { hops: this.hops } };
  }

  /**
   * The outcome when no complete response arrived. Once a head has arrived, its status
   * says whether the request was delivered; the body only says whether it can be used.
   */
  faulted(cause: unknown, { url }: HttpRequest, exchanged: Exchanged, now: number): Outcome {
    const { head } = exchanged;
    const { method, expect } = this.#payload;
    const evidence = { ...evidenceOf(exchanged), hops: this.hops };
    const base = { evidence, ...this.#laneOf(url) };
    const { aborted, reason } = this.context.signal;
    const isStopped = aborted && reason !== "timeout";
    const error = aborted ? abortError(String(reason)) : this.#located(describeFault(cause), url);
    const answer = head && classifyResponse(head, expect, method, now);
    if (answer && answer.kind !== "delivered" && !isStopped) {
      return { ...this.#ownHold(answer, url), ...base };
    }
    if (head && answer?.kind === "delivered") {
      if (this.#effects > 0) return { ...this.#deliveredWithout(error, url, exchanged), ...base };
      if (!isStopped) return { ...unusable(error), ...base };
    }
    const shared = cause instanceof SharedFault ? { shared: true as const } : {};
    return { ...classifyError(error, this.#effects > 0), ...shared, ...base };
  }

  /** The request for the part of a file that the server has left out; `undefined` when it is whole. */
  async rest(request: HttpRequest): Promise<HttpRequest | undefined> {
    if (!this.#resumed || !this.#download || !await this.#download.isPartial()) return undefined;
    return { ...request, headers: { ...request.headers, ...this.#download.headers } };
  }

  /** The outcome of a complete response. */
  async completed(
    request: HttpRequest,
    exchanged: Exchanged & { readonly head: ResponseHead },
    now: number,
  ): Promise<Outcome> {
    const { url, method } = request;
    const { head } = exchanged;
    const evidence = evidenceOf(exchanged);
    this.#consumer?.finish();
    const outcome = await this.#evaluate(head, method, now);
    let saved: Saved | undefined;
    try {
      if (outcome.kind === "delivered") saved = await this.#save(url, head);
      else if (this.#saving) this.#download?.giveUp();
    } catch (error) {
      return this.faulted(error, request, exchanged, now);
    }
    const notModified = this.#isUnchanged(head);
    if (outcome.kind === "delivered" && !notModified) await this.#keepValidator(url, head);
    const { extract } = this.#payload;
    const extractor = notModified ? undefined : this.#consumer?.extractor;
    const extracted = extract && extractor &&
      await extractFrom(extract, extractor, this.#compute, this.context.signal);
    const result = this.#result(url, exchanged, { saved, extracted, notModified });
    return { ...this.#ownHold(outcome, url), evidence, result, ...this.#laneOf(url) };
  }

  /** The outcome of an unsafe request whose status says that it was delivered, without its body. */
  #deliveredWithout(bodyError: TaskError, url: URL, exchanged: Exchanged): Outcome {
    const { expect, extract, save } = this.#payload;
    const { head } = exchanged;
    if (!head) throw new Error("A delivered request has no status and headers");
    const result = this.#result(url, { ...exchanged, head }, { bodyError });
    if (expect) {
      const detail = unmetExpectation(expect, {
        head,
        tookMs: this.#elapsed(),
        secrets: secretsOf(this.#payload),
      });
      if (detail !== undefined) return { ...unexpected(detail, this.#payload.method), result };
    }
    if (!expect?.json && !extract && save === undefined) return { kind: "delivered", result };
    // A task that was stopped is cancelled; in all other cases it must not be sent again.
    const { aborted, reason } = this.context.signal;
    const isCancelled = aborted && (reason === "cancelled" || reason === "shutdown");
    const kind = isCancelled ? "deferred" : "rejected";
    return { kind, error: bodyError, delivery: "delivered", result };
  }

  #result(
    url: URL,
    { head, timings }: Exchanged & { readonly head: ResponseHead },
    body: Pick<ResultParts, "saved" | "bodyError" | "extracted" | "notModified">,
  ): Json {
    const { hops } = this;
    return resultOf({ url, head, hops, timings, consumer: this.#consumer, ...body });
  }

  /** The outcome without the delay that another host asks for: it must not hold the lane of the task. */
  #ownHold(outcome: Outcome, url: URL): Outcome {
    if (!outcome.hold || !this.#isElsewhere(url)) return outcome;
    const { hold: _, ...rest } = outcome;
    return rest as Outcome;
  }

  #laneOf(url: URL): { readonly otherLane?: string } {
    return this.#isElsewhere(url) ? { otherLane: laneOf(url) } : {};
  }

  #located(error: TaskError, url: URL): TaskError {
    if (!this.#isElsewhere(url)) return error;
    return { ...error, detail: `${error.detail} (${url.host}, after a redirect)` };
  }

  #isElsewhere(url: URL): boolean {
    return this.hops.length > 0 && url.origin !== new URL(this.#payload.url).origin;
  }

  /** What the response means, with the caller's expectations applied. */
  async #evaluate(head: ResponseHead, method: string, now: number): Promise<Outcome> {
    const { expect } = this.#payload;
    if (this.#isUnchanged(head)) return { kind: "delivered" };
    if (head.status === 416 && this.#download?.kept) {
      this.#download.giveUp();
      const detail = "The server has nothing after the saved part; the next attempt starts over";
      return { kind: "deferred", error: { code: "http_416", detail } };
    }
    const outcome = classifyResponse(head, expect, method, now);
    if (!expect || outcome.kind !== "delivered") return outcome;
    const tookMs = this.#elapsed();
    const extractor = this.#consumer?.extractor;
    const { signal } = this.context;
    const secrets = secretsOf(this.#payload);
    try {
      const detail = unmetExpectation(expect, { head, tookMs, secrets }) ??
        (expect.json &&
          await unmetJsonOf(expect.json, extractor, this.#compute, { secrets, signal }));
      return detail === undefined ? outcome : { ...outcome, ...unexpected(detail, method) };
    } catch (error) {
      // The request has been answered: another attempt would repeat its effect, or its cost.
      if (error instanceof TooCostlyError) {
        const { code, message: detail } = error;
        return { kind: "rejected", error: { code, detail }, delivery: "delivered" };
      }
      if (signal.aborted) return outcome;
      throw error;
    }
  }

  /** A GET asks for the whole, unless the caller asks for a range. A download checks it itself. */
  #isUnaskedPart(head: ResponseHead): boolean {
    const { method, headers, expect } = this.#payload;
    if (method !== "GET" || this.#download || headers.range !== undefined) return false;
    if (expect?.status?.includes(206)) return false;
    const range = contentRangeOf(head.headers);
    return (head.status === 206 || (head.status === 200 && range !== undefined)) && !isWhole(range);
  }

  #consume(method: string, head: ResponseHead): BodyConsumer {
    const { maxBytes, expect, extract } = this.#payload;
    const whole = Boolean(extract?.json ?? extract?.css ?? expect?.json);
    const extractor = extract || whole
      ? new TextExtractor({ ...extract, contentType: head.headers["content-type"], whole })
      : undefined;
    this.#saving = this.#download !== undefined && !WITHOUT_CONTENT.has(head.status) &&
      classifyResponse(head, expect, method, 0).kind === "delivered";
    const download = this.#saving ? this.#download : undefined;
    const consumer = new BodyConsumer(new BodyDigest(maxBytes, KEPT_BYTES), extractor, download);
    const resumed = download?.begin(head, (chunk) => consumer.replay(chunk)) ?? false;
    // A further part of the same file, in the same attempt.
    if (download && resumed && this.#resumed && this.#consumer) return this.#consumer;
    this.#consumer = consumer;
    this.#resumed = resumed;
    this.#keptBytes = resumed && download ? download.kept : 0;
    if (resumed && download) consumer.awaitReplay(download.settled());
    return consumer;
  }

  async #keepValidator(url: URL, head: ResponseHead): Promise<void> {
    if (head.status >= 300) return;
    // Without it, the next request asks for the whole response: nothing else is lost.
    await this.#validators?.keep(this.#owner, this.#payload.url, url, head).catch(() => {});
  }

  async #save(url: URL, head: ResponseHead): Promise<Saved | undefined> {
    const { save } = this.#payload;
    if (!this.#saving || !this.#download || save === undefined) return undefined;
    const name = saveNameOf(save, head.headers["content-disposition"], url);
    await this.#download.finish(name);
    return { name, path: `${this.#download.folder}/${name}`, resumed: this.#resumed };
  }
}

/** Responses that have no content to save: there is no file then, not even an empty one. */
const WITHOUT_CONTENT = new Set([204, 205, 304]);

function abortError(code: string): TaskError {
  return { code, detail: ABORTS[code] ?? "The attempt was aborted" };
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
