/**
 * What a file lies on: over a network neither locks nor syncs are what they say.
 *
 * @module
 */

import { parseQueueUrl } from "./open.ts";

/** Names as `/proc/mounts` has them; `fuse.…` is judged by what follows the dot. */
const OVER_A_NETWORK = new Set([
  "9p",
  "afs",
  "ceph",
  "cifs",
  "glusterfs",
  "lustre",
  "ncpfs",
  "nfs",
  "nfs4",
  "s3fs",
  "smb3",
  "smbfs",
  "sshfs",
]);

/**
 * The kind of network file system on which an absolute `path` lies, told from
 * the text of `/proc/mounts`; `undefined` when it is on a local disk.
 */
export function networkFileSystemOf(path: string, mounts: string): string | undefined {
  let longest = "";
  let kind = "";
  for (const line of mounts.split("\n")) {
    const [, point = "", type = ""] = line.split(" ");
    const folder = point.replace(
      /\\([0-7]{3})/g,
      (_, code) => String.fromCharCode(parseInt(code, 8)),
    );
    const inside = path === folder || path.startsWith(folder.endsWith("/") ? folder : `${folder}/`);
    // A later mount on the same point hides the earlier one.
    if (folder === "" || !inside || folder.length < longest.length) continue;
    [longest, kind] = [folder, type];
  }
  return OVER_A_NETWORK.has(kind.replace(/^fuse\./, "")) ? kind : undefined;
}

/** The same for the file of a queue's URL; `undefined` without one, or where nothing tells of mounts. */
export function networkFileSystemAt(url: string): string | undefined {
  const queue = parseQueueUrl(url);
  if (queue.kind !== "sqlite") return undefined;
  try {
    const path = Deno.realPathSync(queue.path);
    return networkFileSystemOf(path, Deno.readTextFileSync("/proc/mounts"));
  } catch {
    return undefined;
  }
}
