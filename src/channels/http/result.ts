/**
 * Builds the result of an attempt, as it is stored with the task.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import type { Extraction } from "../../task/extract.ts";
import type { Json } from "../../task/task.ts";
import type { Exchanged, ResponseHead } from "./exchange.ts";
import { extractFrom } from "./extract.ts";
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
  /** The body. */
  readonly consumer: BodyConsumer;
  /** What to extract from the body. */
  readonly extract: Extraction | undefined;
  /** Where it was saved. */
  readonly saved: Saved | undefined;
}

/** Builds the result. */
export function resultOf(
  { url, head: { status, headers }, hops, timings, consumer, extract, saved }: ResultParts,
): Json {
  const { digest, extractor } = consumer;
  const contentType = headers["content-type"];
  const cut = digest.bytes > KEPT_BYTES;
  const body = textOf(digest.beginning(), contentType, cut);
  return {
    // The 206 completed the file.
    status: saved?.resumed ? 200 : status,
    url: url.href,
    hops: [...hops],
    headers: { ...headers },
    ...compact({ contentType }),
    bytes: digest.bytes,
    sha256: digest.sha256(),
    timings,
    ...compact({ body }),
    truncated: body !== undefined && cut,
    ...(extract === undefined || !extractor
      ? {}
      : { extracted: extractFrom(extract, extractor) as Json }),
    ...(saved === undefined ? {} : { saved: { ...saved } }),
  };
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
