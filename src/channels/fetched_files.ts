/**
 * Attachments that a notification names by their URL: fetched at each attempt,
 * through the guard, before the channel itself delivers.
 *
 * @module
 */

import { readJsonText } from "../lib/json/held_text.ts";
import { laneOf } from "../task/input/fetch.ts";
import type { Outcome } from "../task/outcome.ts";
import type { Attachment, FetchPayload } from "../task/payloads.ts";
import type { TaskError } from "../task/task.ts";
import type { Attempt, Channel, DeliverContext } from "./channel.ts";

/** What the fetches need. */
export interface FileSource {
  /** Makes the requests. */
  readonly http: Channel;
  /** The folder of all downloads. */
  readonly downloads: string | undefined;
}

/** All files of one message, in bytes: as many as fit into a submit of 32 MiB as base64. */
const MAX_BYTES = 24 * 2 ** 20;
/** The name of the saved file. */
const FILE = "file";

const UNREADABLE: Outcome = {
  kind: "deferred",
  error: { code: "storage_failed", detail: "Cannot read the file on this machine" },
};

/** A channel that gets the files of its messages before it delivers them. */
export function withFetchedFiles(channel: Channel, source: FileSource): Channel {
  const { graceMs, oneThread } = channel;
  return {
    ...(graceMs === undefined ? {} : { graceMs }),
    ...(oneThread === undefined ? {} : { oneThread }),
    async deliver(attempt, context) {
      const held = readJsonText(attempt.payload);
      // Few messages have such a file, and parsing a payload twice is expensive.
      if (!held.text.includes('"url":')) return await channel.deliver(attempt, context);
      const payload = JSON.parse(held.text) as { attachments?: readonly Attachment[] };
      const attachments: Attachment[] = [];
      let left = MAX_BYTES;
      for (const [index, file] of (payload.attachments ?? []).entries()) {
        if (file.url === undefined) {
          attachments.push(file);
          continue;
        }
        const fetched = await fetchFile(file, { attempt, context, source, index, left });
        if ("outcome" in fetched) return fetched.outcome;
        left -= fetched.bytes.length;
        const { url: _, ...rest } = file;
        attachments.push({ ...rest, content: fetched.bytes.toBase64() });
      }
      const text = held.restore(JSON.stringify({ ...payload, attachments }));
      const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
      return await channel.deliver({ ...attempt, payload: bytes }, context);
    },
    close: () => channel.close?.() ?? Promise.resolve(),
  };
}

interface FileFetch {
  readonly attempt: Attempt;
  readonly context: DeliverContext;
  readonly source: FileSource;
  readonly index: number;
  readonly left: number;
}

async function fetchFile(
  { url = "", filename }: Attachment,
  { attempt, context, source: { http, downloads }, index, left }: FileFetch,
): Promise<{ readonly bytes: Uint8Array } | { readonly outcome: Outcome }> {
  const request: FetchPayload = {
    url,
    method: "GET",
    headers: {},
    redirects: 5,
    maxBytes: left,
    save: FILE,
  };
  const folder = `${attempt.taskId}/attachment-${index}`;
  const { carry: _, ...rest } = attempt;
  const path = `${downloads}/${folder}`;
  try {
    const outcome = withFile(
      await http.deliver(
        { ...rest, folder, payload: JSON.stringify(request) },
        // Nothing of the message has left yet.
        { ...context, progress() {} },
      ),
    );
    if (outcome.kind !== "delivered") return { outcome: failed(outcome, filename, url) };
    const bytes = await Deno.readFile(`${path}/${FILE}`).catch(() => undefined);
    return bytes ? { bytes } : { outcome: failed(UNREADABLE, filename, url) };
  } finally {
    await Deno.remove(path, { recursive: true }).catch(() => {});
    // Fails while the folder still holds other attachments.
    await Deno.remove(`${downloads}/${attempt.taskId}`).catch(() => {});
  }
}

/** A response without a file, such as 204 or a 3xx that leads nowhere, is rejected. */
function withFile(outcome: Outcome): Outcome {
  if (outcome.kind !== "delivered") return outcome;
  const { status, saved } = outcome.result as { status?: number; saved?: unknown };
  if (status !== undefined && status < 300 && saved !== undefined) return outcome;
  return {
    kind: "rejected",
    error: { code: `http_${status}`, detail: `The server answered ${status} without a file` },
  };
}

/** The outcome of a message whose file could not be fetched: nothing was sent, so nothing is recorded for its receiver's lane. */
function failed(outcome: Outcome, filename: string, url: string): Outcome {
  const { code = "unknown", detail = "" }: Partial<TaskError> = "error" in outcome
    ? outcome.error
    : {};
  const error = { code, detail: `Attachment "${filename}": ${detail}` };
  const otherLane = laneOf(new URL(url));
  if (outcome.kind === "rejected") return { kind: "rejected", error, otherLane };
  const retryAfterMs = outcome.kind === "deferred" ? outcome.retryAfterMs : undefined;
  return {
    kind: "deferred",
    error,
    otherLane,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}
