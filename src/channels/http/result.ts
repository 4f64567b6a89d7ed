/**
 * What an attempt brings back, as it is kept with the task.
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

/** How much text is kept with the task. */
export const KEPT_BYTES = 65_536;

/** Where a body was saved. */
export interface Saved {
  /** The file's name. */
  readonly name: string;
  /** Beneath the folder of all downloads. */
  readonly path: string;
  /** Whether an earlier attempt's part was gone on with. */
  readonly resumed: boolean;
}

/** All that a result is made of. */
export interface ResultParts {
  /** The last one's. */
  readonly url: URL;
  /** Of the answer. */
  readonly head: ResponseHead;
  /** The redirects that led to it. */
  readonly hops: readonly { status: number; url: string }[];
  /** The last exchange's. */
  readonly timings: Exchanged["timings"];
  /** What was taken in of the body. */
  readonly receipt: BodyConsumer;
  /** What is to be picked out of it. */
  readonly extract: Extraction | undefined;
  /** Where it was saved. */
  readonly saved: Saved | undefined;
}

/** Makes the result. */
export function resultOf(
  { url, head: { status, headers }, hops, timings, receipt, extract, saved }: ResultParts,
): Json {
  const { digest, reading } = receipt;
  const contentType = headers["content-type"];
  const cut = digest.bytes > KEPT_BYTES;
  const body = textOf(digest.beginning(), contentType, cut);
  return {
    // The rest of a file makes it whole.
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
    ...(extract === undefined || !reading
      ? {}
      : { extracted: extractFrom(extract, reading) as Json }),
    ...(saved === undefined ? {} : { saved: { ...saved } }),
  };
}

/** What was seen of an exchange, for the attempt's record. */
export function evidenceOf({ head, remote, bytes, timings }: Exchanged) {
  return {
    ...(head === undefined ? {} : { status: head.status }),
    ...compact({ remote }),
    ...(bytes === 0 ? {} : { bytes }),
    timings,
  };
}
