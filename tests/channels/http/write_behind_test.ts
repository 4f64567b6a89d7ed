import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { WriteBehind } from "../../../src/channels/http/write_behind.ts";

const KIB = 1_024;

/** A writer whose writes end when the test says so. */
function aDisk() {
  const writes: PromiseWithResolvers<void>[] = [];
  const written: number[] = [];
  const behind = new WriteBehind(async (bytes) => {
    const done = Promise.withResolvers<void>();
    writes.push(done);
    await done.promise;
    for (const byte of bytes) written.push(byte);
  });
  return { behind, writes, written };
}

function aPiece(bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, at) => at % 251);
}

Deno.test("Chunks are combined, and their memory is free at once", async () => {
  const written: number[] = [];
  const behind = new WriteBehind((bytes) => Promise.resolve(void written.push(...bytes)));
  const piece = aPiece(KIB);
  assert.equal(behind.take(piece), undefined);
  piece.fill(0);
  assert.deepEqual(written, []);
  await behind.flush();
  assert.deepEqual(written, [...aPiece(KIB)]);
});

Deno.test("While both buffers are full, chunks wait in order", async () => {
  const { behind, writes, written } = aDisk();
  const whole = aPiece(900 * KIB);
  const ends = [300 * KIB, 500 * KIB, 600 * KIB, 900 * KIB];
  const waits = ends.map((end, at) => behind.take(whole.subarray(ends[at - 1] ?? 0, end)));
  assert.deepEqual(waits.map((wait) => wait === undefined), [true, true, false, false]);
  assert.equal(writes.length, 1);
  writes[0]?.resolve();
  await waits[2];
  assert.equal(writes.length, 2);
  writes[1]?.resolve();
  await waits[3];
  const flushed = behind.flush();
  writes[2]?.resolve();
  while (writes.length < 4) await new Promise((resolve) => setImmediate(resolve));
  writes[3]?.resolve();
  await flushed;
  assert.equal(written.length, whole.length);
  assert.ok(written.every((byte, at) => byte === whole[at]));
});

Deno.test("A failed write rejects waiting chunks and flush()", async () => {
  const { behind, writes } = aDisk();
  behind.take(aPiece(512 * KIB));
  const waiting = behind.take(aPiece(1));
  writes[0]?.reject(new Error("full"));
  await assert.rejects(async () => await waiting, /full/);
  await assert.rejects(behind.flush(), /full/);
});
