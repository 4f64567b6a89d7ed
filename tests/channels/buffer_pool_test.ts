import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { BufferPool } from "../../src/channels/buffer_pool.ts";

function aChunk(): Uint8Array<ArrayBuffer> {
  return new Uint8Array(65_536);
}

Deno.test("A chunk is freed once all of it has been read and the next one has come", () => {
  const chunks = new BufferPool();
  const first = aChunk();
  const head = chunks.hold(first.subarray(0, 100));
  chunks.release(head);
  const rest = chunks.hold(first.subarray(107));
  chunks.release(rest);
  assert.equal(first.buffer.detached, false);
  chunks.hold(aChunk());
  assert.equal(first.buffer.detached, true);
});

Deno.test("A chunk stays as long as any piece of it is in use", () => {
  const chunks = new BufferPool();
  const first = aChunk();
  const one = chunks.hold(first.subarray(0, 100));
  const two = chunks.hold(first.subarray(100));
  chunks.hold(aChunk());
  chunks.release(two);
  assert.equal(first.buffer.detached, false);
  chunks.release(one);
  assert.equal(first.buffer.detached, true);
});

Deno.test("Node's pool is never freed: others have their bytes there", () => {
  const chunks = new BufferPool();
  const pooled = Buffer.allocUnsafe(10);
  const chunk = chunks.hold(pooled);
  chunks.release(chunk);
  chunks.hold(aChunk());
  assert.equal(pooled.buffer.byteLength, Buffer.poolSize);
});

Deno.test("An empty piece takes nothing along", () => {
  const chunks = new BufferPool();
  const empty = new Uint8Array();
  const chunk = chunks.hold(empty);
  chunks.release(chunk);
  chunks.hold(aChunk());
  assert.equal(empty.buffer.detached, false);
});
