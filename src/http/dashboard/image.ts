/**
 * A saved image of a response, as the page of its task shows it.
 *
 * Only raster images, by their first bytes and not by what a server says; whatever
 * else it is, a browser treats it as nothing but an image.
 *
 * @module
 */

import type { RequestContext } from "../context.ts";
import { Refusal } from "../problems.ts";
import { type SavedFiles, sourceOf } from "../routes/task_body.ts";
import type { TaskRecord } from "../../task/task.ts";

const MAX_BYTES = 10 * 2 ** 20;

/** The types that are shown, by the first bytes of a file (as Latin 1). */
const MAGIC: readonly [type: string, pattern: RegExp][] = [
  ["image/png", /^\x89PNG\r\n/],
  ["image/jpeg", /^\xff\xd8\xff/],
  ["image/gif", /^GIF8[79]a/],
  ["image/webp", /^RIFF[^]{4}WEBP/],
];

/** Whether the page of a task may show its result as an image. */
export function mayBeImage({ result }: Pick<TaskRecord, "result">): boolean {
  const { contentType, saved } = Object(result) as { contentType?: unknown; saved?: unknown };
  return saved !== undefined && /^image\/(?:png|jpeg|gif|webp)\b/i.test(String(contentType));
}

/** A response with the image. */
export async function imageOf(
  { requestId }: RequestContext,
  task: TaskRecord,
  ports: SavedFiles,
): Promise<Response> {
  const source = await sourceOf(task, ports);
  if (source.bytes > MAX_BYTES) {
    throw new Refusal("not_found", "The image is too large to be shown");
  }
  const bytes = await new Response(await source.open(0, source.bytes) as BodyInit).bytes();
  const head = String.fromCharCode(...bytes.subarray(0, 16));
  const type = MAGIC.find(([, pattern]) => pattern.test(head))?.[0];
  if (type === undefined) throw new Refusal("not_found", "The saved file is no image");
  return new Response(bytes, {
    headers: {
      "content-type": type,
      "x-content-type-options": "nosniff",
      "content-security-policy": "default-src 'none'; sandbox",
      "cross-origin-resource-policy": "same-origin",
      "cache-control": "private, no-cache",
      "x-request-id": requestId,
    },
  });
}
