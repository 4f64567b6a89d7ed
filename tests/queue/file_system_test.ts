import assert from "node:assert/strict";
import { statfsSync } from "node:fs";
import { networkFileSystemAt, networkFileSystemOf } from "../../src/queue/file_system.ts";

Deno.test.each([
  { type: 0xef53, network: undefined }, // ext4
  { type: 0x0102_1994, network: undefined }, // tmpfs
  { type: 0x6969, network: "nfs" },
  { type: 0xff53_4d42, network: "cifs" },
  { type: 0xff53_4d42 | 0, network: "cifs" }, // with a sign
  { type: 0x6573_5546, network: "fuse" },
])("a file system of type $type is on $network", ({ type, network }) => {
  assert.equal(networkFileSystemOf(type), network);
});

Deno.test("a file is on the file system that statfs names, a missing file on none", async () => {
  const path = await Deno.makeTempFile();
  try {
    assert.ok(statfsSync(path).type > 0);
    const expected = networkFileSystemOf(statfsSync(path).type);
    assert.equal(networkFileSystemAt(`sqlite:${path}`), expected);
  } finally {
    await Deno.remove(path);
  }
  assert.equal(networkFileSystemAt("sqlite:/nowhere/q.db"), undefined);
  assert.equal(networkFileSystemAt("memory:"), undefined);
});

Deno.test("the start command grants the permission that statfs needs", async () => {
  const { default: config } = await import("../../deno.json", { with: { type: "json" } });
  assert.match(config.tasks.start.command, /--allow-sys=\S*\bstatfs\b/);
  assert.match(
    await Deno.readTextFile(new URL("../../Dockerfile", import.meta.url)),
    /--allow-sys=\S*\bstatfs\b/,
  );
});
