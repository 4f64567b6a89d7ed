/**
 * `/admin`: reloading the settings, and backing up the queue.
 *
 * @module
 */

import { query, type RequestContext, respond } from "../context.ts";
import type { Dependencies } from "../dependencies.ts";
import { API_HEADERS, Refusal, refuseIssues } from "../problems.ts";
import type { Route } from "../route.ts";

/** Free space that is left for tasks that are stored during a backup, in bytes. */
const KEPT_FREE_BYTES = 64 * 2 ** 20;

/** What to do with an engine that cannot be backed up here, or why it needs no backup. */
const INSTEAD: Readonly<Record<string, string>> = {
  postgres: "use pg_dump",
  memory: "its tasks end with the process",
};

/** Routes for administrators. */
export function adminRoutes({ reload, engine, ports, clock, log }: Dependencies): Route[] {
  async function reloadNow(context: RequestContext): Promise<Response> {
    query(context, []);
    const reloaded = await reload();
    if ("issues" in reloaded) throw refuseIssues(reloaded.issues);
    return respond(context, 200, { reloaded: true, ...reloaded });
  }

  async function backup(context: RequestContext): Promise<Response> {
    query(context, []);
    const { queueFile } = ports;
    if (!engine.backup || !queueFile) {
      const instead = INSTEAD[engine.name] ?? "use its own tools";
      throw new Refusal("not_supported", `Cannot back up a ${engine.name} queue: ${instead}`);
    }
    const { fileBytes, logBytes, freeBytes = Infinity } = await queueFile.usage();
    const needed = fileBytes + logBytes + KEPT_FREE_BYTES;
    if (freeBytes < needed) {
      throw new Refusal(
        "storage_full",
        `Cannot back up: the copy needs ${needed} bytes on the disk of the queue, ${freeBytes} are free`,
      );
    }
    const path = queueFile.backupPath(crypto.randomUUID());
    const remove = () => Deno.remove(path).catch(() => {});
    try {
      await engine.backup(path);
      const file = await Deno.open(path);
      const { size } = await file.stat();
      log.info("Queue backed up", { bytes: size, by: context.caller.name });
      const time = new Date(clock.now()).toISOString().replace(/[-:]|\.\d+/g, "");
      return new Response(removedAfter(file, remove), {
        headers: {
          ...API_HEADERS,
          "content-type": "application/vnd.sqlite3",
          "content-length": `${size}`,
          "content-disposition": `attachment; filename="postrider-${time}.db"`,
          "x-request-id": context.requestId,
        },
      });
    } catch (error) {
      await remove();
      throw error;
    }
  }

  return [
    {
      method: "POST",
      path: "/admin/reload",
      scopes: ["admin"],
      takesNoBody: true,
      answer: reloadNow,
    },
    { method: "POST", path: "/admin/backup", scopes: ["admin"], takesNoBody: true, answer: backup },
  ];
}

/** The content of a file, which is removed when it has been read or the reader disconnects. */
function removedAfter(
  file: Deno.FsFile,
  remove: () => Promise<void>,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const { readable, writable } = new TransformStream<
    Uint8Array<ArrayBuffer>,
    Uint8Array<ArrayBuffer>
  >();
  file.readable.pipeTo(writable).catch(() => {}).finally(remove);
  return readable;
}
