/**
 * Builds the result of an attempt, as it is stored with the task.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import type { Json, TaskError } from "../../task/task.ts";
import { type Exchanged, type ResponseHead, shownHeaders } from "./exchange.ts";
import type { Extracted } from "./extract.ts";
import type { BodyConsumer } from "./body_consumer.ts";
import { textOf } from "./text.ts";

/** Bytes of text that are stored with the task. */
export const KEPT_BYTES = 65_536;

/** Where a body was saved. */
export interface Saved {
  /** The file's name. */
  readonly name: string;
  /** Below the downloads folder. */
  readonly path: string;
  /** Whether the part of an earlier attempt was continued. */
  readonly resumed: boolean;
}

/** What a result is built from. */
export interface ResultParts {
  /** URL of the last request. */
  readonly url: URL;
  /** Status and headers of the response. */
  readonly head: ResponseHead;
  /** The redirects that led to it. */
  readonly hops: readonly { status: number; url: string }[];
  /** Of the last exchange. */
  readonly timings: Exchanged["timings"];
  /** The body, as far as it was read. */
  readonly consumer: BodyConsumer | undefined;
  /** What was extracted from the body. */
  readonly extracted?: Extracted | undefined;
  /** Where it was saved. */
  readonly saved?: Saved | undefined;
  /** Whether the response has not changed since the last one. */
  readonly notModified?: boolean | undefined;
  /** Why the body is not complete. */
  readonly bodyError?: TaskError | undefined;
}

/** Builds the result. */
export function resultOf(
  {
    url,
    head: { status, headers },
    hops,
    timings,
    consumer,
    extracted,
    saved,
    notModified,
    bodyError,
  }: ResultParts,
): Json {
  const contentType = headers["content-type"];
  const digest = consumer?.digest;
  const cut = bodyError !== undefined || (digest?.bytes ?? 0) > KEPT_BYTES;
  const body = digest && textOf(digest.beginning(), contentType, cut);
  return compact({
    // The 206 completed the file.
    status: saved?.resumed ? 200 : status,
    url: url.href,
    hops: [...hops],
    headers: shownHeaders(headers),
    contentType,
    notModified: notModified || undefined,
    // Both are of the whole body.
    bytes: bodyError ? undefined : digest?.bytes,
    sha256: bodyError ? undefined : digest?.sha256(),
    timings,
    body,
    truncated: bodyError !== undefined || (body !== undefined && cut),
    bodyError: bodyError && { ...bodyError },
    extracted: extracted as Json | undefined,
    saved: saved && { ...saved },
  }) as unknown as Json;
}

/** What is recorded of an exchange with the attempt. */
export function evidenceOf({ head, remote, bytes, timings }: Exchanged) {
  return {
    ...(head === undefined ? {} : { status: head.status }),
    ...compact({ remote }),
    ...(bytes === 0 ? {} : { bytes }),
    timings,
  };
}
