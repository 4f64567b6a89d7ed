import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { BufferPool } from "../../src/channels/buffer_pool.ts";

function aBuffer(): Uint8Array<ArrayBuffer> {
  return new Uint8Array(65_536);
}

Deno.test("A buffer is freed once it has been released and the next one has come", () => {
  const pool = new BufferPool();
  const first = aBuffer();
  const head = pool.hold(first.subarray(0, 100));
  pool.release(head);
  const rest = pool.hold(first.subarray(107));
  pool.release(rest);
  assert.equal(first.buffer.detached, false);
  pool.hold(aBuffer());
  assert.equal(first.buffer.detached, true);
});

Deno.test("A buffer is kept as long as any piece of it is in use", () => {
  const pool = new BufferPool();
  const first = aBuffer();
  const one = pool.hold(first.subarray(0, 100));
  const two = pool.hold(first.subarray(100));
  pool.hold(aBuffer());
  pool.release(two);
  assert.equal(first.buffer.detached, false);
  pool.release(one);
  assert.equal(first.buffer.detached, true);
});

Deno.test("Node's shared pool is never freed", () => {
  const pool = new BufferPool();
  const pooled = Buffer.allocUnsafe(10);
  const held = pool.hold(pooled);
  pool.release(held);
  pool.hold(aBuffer());
  assert.equal(pooled.buffer.byteLength, Buffer.poolSize);
});

Deno.test("An empty piece frees nothing", () => {
  const pool = new BufferPool();
  const empty = new Uint8Array();
  const held = pool.hold(empty);
  pool.release(held);
  pool.hold(aBuffer());
  assert.equal(empty.buffer.detached, false);
});
