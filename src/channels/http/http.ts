/**
 * The channel `http`: sends a request and returns its response as a result.
 *
 * Redirects are followed here, because the guard checks each of them.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import { textOfJson } from "../../lib/json/held_text.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Outcome } from "../../task/outcome.ts";
import type { FetchPayload } from "../../task/payloads.ts";
import type { Attempt, Channel, DeliverContext } from "../channel.ts";
import type { Compute } from "../compute/compute.ts";
import { inlineCompute } from "../compute/inline_compute.ts";
import type { Guard } from "../guard/guard.ts";
import type { EgressProxy } from "../guard/egress_proxy.ts";
import { guardedOpener } from "../guard/guarded_connector.ts";
import { classifyFault } from "./classify.ts";
import { BodyError } from "../compute/decoder.ts";
import { contentRangeOf, type Download, openDownload, SaveError } from "./download.ts";
import { exchange, type Exchanged, type ResponseHead } from "./exchange.ts";
import { HttpAttempt } from "./attempt.ts";
import { followRedirect, type HttpRequest } from "./redirect.ts";
import { CookieJar } from "./cookies.ts";
import { conditionOf, openValidators, type Validator, type Validators } from "./validators.ts";
import { requestOf } from "./request.ts";
import { openSavedLimit, type SavedLimit } from "./saved_limit.ts";
import { openUpstreams, type Upstreams } from "./upstreams.ts";

/** Bounds on waiting, in milliseconds. */
export interface HttpWaits {
  /** For a connection to one address, TLS included. */
  readonly connect: number;
  /** Between two chunks of a body. */
  readonly idle: number;
}

/** What the channel needs. */
export interface HttpOptions {
  /** Decides where connections may go. */
  readonly guard: Guard;
  /** For `User-Agent`. */
  readonly version: string;
  /** Measures the timings and bounds the waits. */
  readonly clock: Clock;
  /** Further CA certificates, PEM. */
  readonly ca?: string | undefined;
  /** The proxy that all connections go through. */
  readonly egressProxy?: EgressProxy | undefined;
  /** The folder of all downloads; nothing is saved without one. */
  readonly downloads?: string | undefined;
  /** Why nothing can be saved there; the attempt is then made again later, on another node perhaps. */
  readonly refusesSave?: string | undefined;
  /** The size of all downloads together, in bytes; no limit when absent. */
  readonly maxSavedBytes?: number | undefined;
  /** How long what identifies a response is kept for `ifChanged`, in milliseconds; a week when absent. */
  readonly retentionMs?: number | undefined;
  /** Decodes bodies and extracts from them; on this thread when absent. */
  readonly compute?: Compute;
  /** Bounds on waiting besides the attempt's own deadline. */
  readonly waits?: Partial<HttpWaits>;
}

const WAITS: HttpWaits = { connect: 10_000, idle: 60_000 };

/** The longest pause within the body of a redirect that is followed: its head says all. */
const REDIRECT_IDLE_MS = 1_000;

/** Opens the channel. It ignores `HTTP_PROXY`: a proxy would resolve names unguarded. */
export function openHttpChannel(options: HttpOptions): Channel {
  return new HttpChannel(options);
}

class HttpChannel implements Channel {
  readonly #options: HttpOptions;
  readonly #waits: HttpWaits;
  readonly #compute: Compute;
  readonly #upstreams: Upstreams;
  readonly #validators: Validators | undefined;
  readonly #savedLimit: SavedLimit | undefined;

  constructor(options: HttpOptions) {
    const { guard, clock, ca, egressProxy, compute = inlineCompute() } = options;
    this.#compute = compute;
    this.#waits = { ...WAITS, ...options.waits };
    this.#options = options;
    const connectMs = this.#waits.connect;
    const { downloads, maxSavedBytes, retentionMs = 7 * 86_400_000 } = options;
    this.#savedLimit = downloads === undefined || maxSavedBytes === undefined
      ? undefined
      : openSavedLimit(downloads, maxSavedBytes, clock);
    this.#validators = downloads === undefined
      ? undefined
      : openValidators({ folder: `${downloads}/.validators`, retentionMs, clock });
    this.#upstreams = openUpstreams({
      open: guardedOpener(guard, { clock, ca, connectMs }, egressProxy),
      clock,
      beginMs: connectMs,
    });
  }

  async deliver(attempt: Attempt, context: DeliverContext): Promise<Outcome> {
    const { clock, downloads, refusesSave } = this.#options;
    const payload = JSON.parse(textOfJson(attempt.payload)) as FetchPayload;
    const begunAt = clock.monotonic();
    if (payload.save !== undefined && refusesSave !== undefined) {
      return { kind: "deferred", error: { code: "storage_failed", detail: refusesSave } };
    }
    let download: Download | undefined;
    try {
      if (payload.save !== undefined && downloads !== undefined && payload.method !== "HEAD") {
        const resume = payload.method === "GET" && payload.headers.range === undefined;
        download = await openDownload(downloads, attempt.folder ?? attempt.taskId, {
          resume,
          limit: this.#savedLimit,
        });
      }
      const elapsed = () => clock.monotonic() - begunAt;
      const httpAttempt = new HttpAttempt(payload, {
        context,
        download,
        elapsed,
        compute: this.#compute,
        validators: this.#validators,
      });
      const known = payload.ifChanged && await httpAttempt.findValidator();
      return await this.#run(payload, attempt, httpAttempt, known, download?.headers);
    } catch (error) {
      if (error instanceof SaveError) return classifyFault(error, false);
      throw error;
    } finally {
      await download?.leave();
    }
  }

  async #run(
    payload: FetchPayload,
    attempt: Attempt,
    httpAttempt: HttpAttempt,
    known: Validator | undefined,
    ours: Readonly<Record<string, string>> = {},
  ): Promise<Outcome> {
    const { clock, guard, version } = this.#options;
    const first = requestOf(payload, attempt, version, ours);
    if ("code" in first) return httpAttempt.rejected(first);
    let cookies: CookieJar | undefined;
    let request = first;
    for (;;) {
      const refused = guard.refuseUrl(request.url);
      if (refused) return httpAttempt.rejected(refused);
      const exchanged = await this.#exchange(withState(request, cookies, known), httpAttempt);
      const { head, fault } = exchanged;
      if (fault && (!head || !httpAttempt.isFollowed(head))) {
        return httpAttempt.faulted(fault.cause, request, exchanged, clock.now());
      }
      if (!head) throw new Error("An exchange ended without a head and without a fault");
      const location = head.headers.location;
      if (location === undefined || !httpAttempt.isFollowed(head)) {
        const mismatch = request.method === "HEAD" ? undefined : rangeFault(head, exchanged.bytes);
        if (mismatch) return httpAttempt.faulted(mismatch, request, exchanged, clock.now());
        const rest = await httpAttempt.rest(request);
        if (!rest) return await httpAttempt.completed(request, { ...exchanged, head }, clock.now());
        request = rest;
        continue;
      }
      if (httpAttempt.hops.length >= payload.redirects) {
        const detail = `More than ${payload.redirects} redirects`;
        return httpAttempt.rejected({ code: "too_many_redirects", detail });
      }
      if (head.cookies) {
        cookies ??= new CookieJar();
        cookies.take(request.url, head.cookies, clock.now());
      }
      httpAttempt.hops.push({ status: head.status, url: request.url.href });
      const next = followRedirect(request, head.status, location);
      if ("code" in next) return httpAttempt.rejected(next);
      request = next;
    }
  }

  close(): Promise<void> {
    return this.#upstreams.close();
  }

  #exchange(request: HttpRequest, httpAttempt: HttpAttempt): Promise<Exchanged> {
    return exchange(this.#upstreams, request, {
      signal: httpAttempt.context.signal,
      clock: this.#options.clock,
      idleMsOf: (head) =>
        Math.min(this.#waits.idle, httpAttempt.isFollowed(head) ? REDIRECT_IDLE_MS : Infinity),
      onSending: () => httpAttempt.sending(request.method),
      onUntouched: () => httpAttempt.untouched(request.method),
      onHead: (head) => httpAttempt.receive(request.method, head),
      onBytes: (bytes) => httpAttempt.reportProgress(bytes),
    });
  }
}

/** The request with the cookies of earlier redirects, and asking only for what has changed. */
function withState(
  request: HttpRequest,
  cookies: CookieJar | undefined,
  known: Validator | undefined,
): HttpRequest {
  if (!cookies && !known) return request;
  const { url, headers } = request;
  const cookie = cookies ? cookies.header(url, headers.cookie) : headers.cookie;
  const isKnown = known?.url === url.href && headers["if-none-match"] === undefined &&
    headers["if-modified-since"] === undefined;
  return {
    ...request,
    headers: { ...headers, ...compact({ cookie }), ...(isKnown ? conditionOf(known) : {}) },
  };
}

/** The fault of a 206 whose body does not have the length of its `Content-Range`. */
function rangeFault(head: ResponseHead, bytes: number): BodyError | undefined {
  const range = head.status === 206 ? contentRangeOf(head.headers) : undefined;
  const expected = range && range.end - range.start + 1;
  if (expected === undefined || expected === bytes) return undefined;
  const detail = `The server sent ${bytes} bytes of a range of ${expected}`;
  return new BodyError("bad_response", detail);
}
