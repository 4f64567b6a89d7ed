/**
 * What a file lies on: over a network neither locks nor syncs are what they say.
 *
 * @module
 */

import { statfsSync } from "node:fs";
import { parseQueueUrl } from "./open.ts";

/** By the numbers that Linux gives them: statfs(2). */
const OVER_A_NETWORK: ReadonlyMap<number, string> = new Map([
  [0x0102_1997, "9p"],
  [0x5346_414f, "afs"],
  [0x00c3_6400, "ceph"],
  [0xff53_4d42, "cifs"],
  [0x6573_5546, "fuse"], // sshfs, s3fs, glusterfs; a local one cannot be told from them
  [0x0bd0_0bd0, "lustre"],
  [0x6969, "nfs"],
  [0x517b, "smb"],
  [0xfe53_4d42, "smb2"],
]);

/** The kind of network file system that a number of statfs(2) stands for; `undefined` for a local one. */
export function networkFileSystemOf(type: number): string | undefined {
  // Some machines count with a sign.
  return OVER_A_NETWORK.get(type >>> 0);
}

/** The kind that the file of a queue's URL lies on; `undefined` without one, or where nothing tells. */
export function networkFileSystemAt(url: string): string | undefined {
  const queue = parseQueueUrl(url);
  if (queue.kind !== "sqlite") return undefined;
  // Without the right to ask, Deno would ask whoever sits at the terminal.
  const right = Deno.permissions.querySync({ name: "sys", kind: "statfs" });
  if (right.state !== "granted") return undefined;
  try {
    return networkFileSystemOf(statfsSync(queue.path).type);
  } catch {
    return undefined;
  }
}
