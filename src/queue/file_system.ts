/**
 * Detects network file systems, on which locks and syncs are not reliable.
 *
 * @module
 */

import { statfsSync } from "node:fs";
import { parseQueueUrl } from "./open.ts";

/** File system types of statfs(2) on Linux. */
const NETWORK_FILE_SYSTEMS: ReadonlyMap<number, string> = new Map([
  [0x0102_1997, "9p"],
  [0x5346_414f, "afs"],
  [0x00c3_6400, "ceph"],
  [0xff53_4d42, "cifs"],
  [0x6573_5546, "fuse"], // sshfs, s3fs, glusterfs; local ones have the same number
  [0x0bd0_0bd0, "lustre"],
  [0x6969, "nfs"],
  [0x517b, "smb"],
  [0xfe53_4d42, "smb2"],
]);

/** The network file system of that statfs(2) type; `undefined` for a local one. */
export function networkFileSystemOf(type: number): string | undefined {
  // Some platforms return a signed number.
  return NETWORK_FILE_SYSTEMS.get(type >>> 0);
}

/** The network file system that holds the queue's file; `undefined` for a local one, or when it cannot be found out. */
export function networkFileSystemAt(url: string): string | undefined {
  const queue = parseQueueUrl(url);
  if (queue.kind !== "sqlite") return undefined;
  // Without the permission Deno would prompt on the terminal.
  const permission = Deno.permissions.querySync({ name: "sys", kind: "statfs" });
  if (permission.state !== "granted") return undefined;
  try {
    return networkFileSystemOf(statfsSync(queue.path).type);
  } catch {
    return undefined;
  }
}
