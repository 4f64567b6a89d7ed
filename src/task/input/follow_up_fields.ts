/**
 * The fields by which a caller says what is to follow a task.
 *
 * @module
 */

import { z } from "zod";
import { anObject } from "./batch_input.ts";

const EXPECTED = {
  callback: "Expected an absolute http: or https: URL",
  chain: 'Expected {"notify": {…}} or {"fetch": {…}}',
};

const chain = anObject(EXPECTED.chain);

/** For the schemas of whole requests. */
export const followUpFields = {
  callback: z.string({ error: EXPECTED.callback }).optional().meta({
    description: "Told of the end by a signed POST (Standard Webhooks).",
    examples: ["https://example.org/hooks/postrider"],
  }),
  onSuccess: chain.optional().meta({
    description: 'Made when it has succeeded: {"notify": {…}} or {"fetch": {…}}, one level; ' +
      "{{task.result.status}} is filled in by path.",
  }),
  onFailure: chain.optional().meta({
    description: "The same when it has failed for good, or expired.",
  }),
};

/** What is to follow a task, as the caller wrote it. */
export interface RawFollowUps {
  /** A URL. */
  readonly callback?: unknown;
  /** A request of either kind. */
  readonly onSuccess?: unknown;
  /** A request of either kind. */
  readonly onFailure?: unknown;
}

/** What of it was given. */
export function parseFollowUpFields(
  { callback, onSuccess, onFailure }: RawFollowUps,
): { rawFollowUps?: RawFollowUps } {
  return callback === undefined && onSuccess === undefined && onFailure === undefined
    ? {}
    : { rawFollowUps: { callback, onSuccess, onFailure } };
}
