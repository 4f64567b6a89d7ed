/**
 * An attempt of the channel `http`, from its first request to its last answer.
 *
 * @module
 */

import type { Outcome } from "../task/outcome.ts";
import type { FetchPayload } from "../task/payloads.ts";
import type { Json, TaskError } from "../task/task.ts";
import type { DeliverContext } from "./channel.ts";
import { BodyDigest, type BodySink, decodeInto, tooLarge } from "./http_body.ts";
import { classifyFault, classifyStatus, isSafe } from "./http_classify.ts";
import type { Exchanged, ResponseHead } from "./http_exchange.ts";
import { isRedirect } from "./http_redirect.ts";
import { textOf } from "./http_text.ts";

/** How much text is kept with the task. */
const KEPT_BYTES = 65_536;
/** Beyond so many bytes, progress is told. */
const TOLD_BYTES = 65_536;
/** A redirect's page for people is read so far, for the connection's sake. */
const PASSED_BYTES = 65_536;

/** One attempt on its way from redirect to redirect. */
export class Journey {
  /** What the attempt was given. */
  readonly context: DeliverContext;
  /** The redirects followed so far. */
  readonly hops: { status: number; url: string }[] = [];
  readonly #payload: FetchPayload;
  #digest: BodyDigest | undefined;
  #totalBytes: number | undefined;
  #effectPossible = false;

  /** Sets out. */
  constructor(payload: FetchPayload, context: DeliverContext) {
    this.#payload = payload;
    this.context = context;
  }

  /** A request is about to leave. */
  sending(method: string): void {
    if (isSafe(method)) return;
    this.#effectPossible = true;
    this.context.progress({ stage: "sending" });
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
    this.#digest = new BodyDigest(maxBytes, KEPT_BYTES);
    return decodeInto(this.#digest, coding);
  }

  /** So many encoded bytes of the body have come. */
  told(bytes: number): void {
    if (bytes < TOLD_BYTES) return;
    const totalBytes = this.#totalBytes;
    this.context.progress({ bytes, ...(totalBytes === undefined ? {} : { totalBytes }) });
  }

  /** Ends where nobody may go on. */
  rejected(error: TaskError): Outcome {
    return { kind: "rejected", error, evidence: { hops: this.hops } };
  }

  /** Ends without a whole answer. */
  faulted(cause: unknown, exchanged: Exchanged, now: number): Outcome {
    const { head } = exchanged;
    const evidence = { ...this.#evidence(exchanged), hops: this.hops };
    if (this.context.signal.aborted) {
      const code = String(this.context.signal.reason);
      const error = { code, detail: ABORTS[code] ?? "The attempt was cut off" };
      return { kind: this.#effectPossible ? "unknown" : "deferred", error, evidence };
    }
    // A refusal is as good as its status: what the body would have said does not matter.
    if (head && head.status >= 400) {
      return { ...classifyStatus(head.status, head.headers["retry-after"], now), evidence };
    }
    return { ...classifyFault(cause, this.#effectPossible), evidence };
  }

  /** Ends with an answer. */
  answered(url: URL, head: ResponseHead, exchanged: Exchanged, now: number): Outcome {
    const outcome = classifyStatus(head.status, head.headers["retry-after"], now);
    const evidence = this.#evidence(exchanged);
    const result = this.#result(url, head, exchanged.timings);
    if (!outcome.hold || url.origin === new URL(this.#payload.url).origin) {
      return { ...outcome, evidence, result };
    }
    // What another host wishes is no reason to hold the lane of this one.
    const { hold: _, ...rest } = outcome;
    return { ...rest, evidence, result } as Outcome;
  }

  #evidence({ head, remote, timings }: Exchanged) {
    return {
      ...(head === undefined ? {} : { status: head.status }),
      ...(remote === undefined ? {} : { remote }),
      timings,
    };
  }

  #result(url: URL, { status, headers }: ResponseHead, timings: Exchanged["timings"]): Json {
    const digest = this.#digest;
    if (!digest) throw new Error("An answer was taken for a redirect");
    const contentType = headers["content-type"];
    const cut = digest.bytes > KEPT_BYTES;
    const body = textOf(digest.beginning(), contentType, cut);
    return {
      status,
      url: url.href,
      hops: this.hops,
      headers,
      ...(contentType === undefined ? {} : { contentType }),
      bytes: digest.bytes,
      sha256: digest.sha256(),
      timings,
      ...(body === undefined ? {} : { body }),
      truncated: body !== undefined && cut,
    };
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
