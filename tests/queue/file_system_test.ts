import assert from "node:assert/strict";
import { networkFileSystemAt, networkFileSystemOf } from "../../src/queue/file_system.ts";

const MOUNTS = `/dev/vda / ext4 rw,relatime 0 0
nas:/export /srv nfs4 rw,vers=4.2 0 0
/dev/vdb /srv/local xfs rw 0 0
ada@host:/ /home/ada/my\\040files fuse.sshfs rw 0 0
/dev/vdc /hidden ext4 rw 0 0
//win/share /hidden cifs rw 0 0
`;

Deno.test.each([
  { path: "/data/q.db", network: undefined },
  { path: "/srv/q.db", network: "nfs4" },
  { path: "/srv/local/q.db", network: undefined },
  { path: "/srvlike/q.db", network: undefined },
  { path: "/home/ada/my files/q.db", network: "fuse.sshfs" },
  { path: "/hidden/q.db", network: "cifs" },
])("$path lies on $network", ({ path, network }) => {
  assert.equal(networkFileSystemOf(path, MOUNTS), network);
});

Deno.test("a file that is not there is on no network, and neither is none", () => {
  assert.equal(networkFileSystemAt("memory:"), undefined);
  assert.equal(networkFileSystemAt("sqlite:/nowhere/q.db"), undefined);
});
