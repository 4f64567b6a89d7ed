/**
 * `GET /tasks/{id}/body`: the response body of a fetch as a safe download, whole
 * or in part.
 *
 * @module
 */

import { resolve } from "node:path";
import { create } from "content-disposition";
import { parse as parseRange } from "range-parser";
import { compact } from "../../lib/compact.ts";
import { membersOf } from "../../lib/json.ts";
import type { Ports } from "../../task/ports.ts";
import type { TaskRecord } from "../../task/task.ts";
import { query, type RequestContext } from "../context.ts";
import type { Dependencies } from "../dependencies.ts";
import { Refusal } from "../problems.ts";
import { listsTag } from "../request/encoding.ts";
import type { Route } from "../route.ts";
import { seenTask } from "../auth/access.ts";

/** Bytes read from the disk at once. */
const PIECE_BYTES = 262_144;

/** Bytes that can be read from any position. */
export interface Source {
  /** A file name. */
  readonly name: string;
  /** How many there are. */
  readonly bytes: number;
  /** The SHA-256 of all of them, hex; it is the ETag. */
  readonly sha256: string | undefined;
  /** The bytes from `start` to `end`, exclusive. */
  open(start: number, end: number): Promise<ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer>>;
}

/** The route. */
export function taskBodyRoutes({ engine, ports }: Dependencies): Route[] {
  async function body(context: RequestContext): Promise<Response> {
    const task = await seenTask(engine, context);
    query(context, []);
    return await serve(context, await sourceOf(task, ports));
  }
  return [{ method: "GET", path: "/tasks/{id}/body", answer: body }];
}

const ELSEWHERE =
  "The file is on another node: POSTRIDER_DOWNLOADS of this one is not on the volume " +
  "that all nodes share";

/** What tells where saved files are, and why this node may not have them. */
export type SavedFiles = Pick<Ports, "downloads" | "refuseSave">;

/** A response body, from its file or from the task. Throws a `Refusal` when it is not kept whole. */
export async function sourceOf({ id, result }: TaskRecord, ports: SavedFiles): Promise<Source> {
  const { saved, body, truncated, sha256 } = membersOf(result);
  const digest = typeof sha256 === "string" ? sha256 : undefined;
  const { name, path } = membersOf(saved);
  if (typeof name === "string" && typeof path === "string") {
    const folder = resolve(ports.downloads);
    const file = resolve(folder, path);
    const isInside = file.startsWith(`${folder}/`);
    const stat = isInside ? await Deno.stat(file).catch(() => undefined) : undefined;
    if (!stat?.isFile) {
      const isElsewhere = ports.refuseSave?.() !== undefined;
      throw new Refusal("not_found", isElsewhere ? ELSEWHERE : "The file was deleted");
    }
    return { name, bytes: stat.size, sha256: digest, open: (from, to) => readFile(file, from, to) };
  }
  if (typeof body !== "string" || truncated === true) {
    const detail = "No complete body is kept: submit with save, and wait until the task is final";
    throw new Refusal("not_found", detail);
  }
  const bytes = new TextEncoder().encode(body);
  return {
    name: `${id}.txt`,
    bytes: bytes.length,
    sha256: undefined,
    open: (start, end) => Promise.resolve(bytes.slice(start, end)),
  };
}

async function serve({ request, requestId }: RequestContext, source: Source): Promise<Response> {
  const { name, bytes, sha256 } = source;
  const etag = sha256 === undefined ? undefined : `"${sha256}"`;
  const headers = {
    // No browser treats the body as a page of this service.
    "content-type": "application/octet-stream",
    "content-disposition": create(name.toWellFormed(), { fallback: asciiOf(name) }),
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; sandbox",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "private, no-cache",
    "accept-ranges": "bytes",
    "x-request-id": requestId,
    ...compact({ etag }),
  };
  if (etag !== undefined && listsTag(request.headers.get("if-none-match"), etag)) {
    return new Response(null, { status: 304, headers });
  }
  const condition = request.headers.get("if-range");
  const range = condition === null || condition === etag ? request.headers.get("range") : null;
  const part = partOf(range, bytes);
  if (part === "none") {
    throw new Refusal("range_not_satisfiable", {
      detail: `Expected a range within its ${bytes} bytes`,
      headers: { "content-range": `bytes */${bytes}` },
    });
  }
  const [start, end] = part ?? [0, bytes];
  const length = { "content-length": String(end - start) };
  const init = part
    ? {
      status: 206,
      headers: {
        ...headers,
        ...length,
        "content-range": `bytes ${start}-${end - 1}/${bytes}`,
      },
    }
    : { status: 200, headers: { ...headers, ...length } };
  const hasContent = request.method !== "HEAD" && end > start;
  return new Response(hasContent ? await source.open(start, end) as BodyInit : null, init);
}

/** The `code` of range-parser for a range beyond the end. */
const UNSATISFIABLE = 2;

/**
 * RFC 9110 §14: one range of bytes. Several ranges and invalid ones are answered
 * with the whole body; `none` when the range is not satisfiable.
 */
function partOf(range: string | null, bytes: number): [start: number, end: number] | "none" | null {
  const { code, type, ranges } = parseRange(bytes, range ?? "");
  if (type.trim().toLowerCase() !== "bytes") return null;
  const [only, ...more] = ranges;
  if (!only) return code === UNSATISFIABLE ? "none" : null;
  return more.length > 0 ? null : [only.start, only.end + 1];
}

/** Part of a file as a stream, read as fast as the caller takes it. */
async function readFile(path: string, start: number, end: number) {
  const file = await Deno.open(path);
  await file.seek(start, Deno.SeekMode.Start);
  let left = end - start;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const piece = new Uint8Array(Math.min(left, PIECE_BYTES));
      const count = await file.read(piece).catch(() => null);
      if (count === null) {
        file.close();
        return controller.error(new Error("The file was truncated"));
      }
      left -= count;
      controller.enqueue(piece.subarray(0, count));
      if (left > 0) return;
      file.close();
      controller.close();
    },
    cancel: () => file.close(),
  }, { highWaterMark: 0 });
}

/** The name for clients that do not know `filename*`: no character of it needs an escape. */
function asciiOf(name: string): string {
  return name.replace(/[^\x20-\x7e]|["\\%]/g, "_");
}
