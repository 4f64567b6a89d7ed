import assert from "node:assert/strict";
import { LaneScheduler } from "../../../src/queue/lanes/lane_scheduler.ts";

/** Serves up to `most` turns, each of which finds one task. */
function serve(book: LaneScheduler, now: number, most: number): string[] {
  const served: string[] = [];
  while (served.length < most) {
    const turn = book.next(now);
    if (!turn) break;
    served.push(`${turn.priority}${turn.lane}`);
    book.took(turn, 1, Infinity);
  }
  return served;
}

Deno.test("the lowest priority number goes first, then the earliest due time", () => {
  const book = new LaneScheduler();
  book.offer("a", 5, 30);
  book.offer("b", 5, 10);
  book.offer("b", 9, 1);
  book.offer("c", 0, 50);
  book.offer("d", 0, 101);
  assert.deepEqual(serve(book, 100, 9), ["0c", "5b", "5a", "9b"]);
  assert.equal(book.nextAt(), 101);
});

Deno.test("a turn ends where another lane has an earlier due task", () => {
  const book = new LaneScheduler();
  book.offer("a", 5, 10);
  book.offer("b", 5, 20);
  assert.deepEqual(book.next(100), { lane: "a", priority: 5, room: 64, until: 20 });
});

Deno.test("a full lane is skipped until one of its tasks is done", () => {
  const book = new LaneScheduler();
  book.set("a", { limit: 1 });
  book.offer("a", 5, 10);
  book.offer("a", 0, 10);
  assert.deepEqual(serve(book, 100, 9), ["0a"]);
  assert.equal(book.nextAt(), Infinity);
  book.freed("a");
  assert.deepEqual(serve(book, 100, 9), ["5a"]);
});

Deno.test("a held lane is skipped until the hold ends, and a longer hold is not shortened", () => {
  const book = new LaneScheduler();
  book.offer("a", 5, 10);
  book.offer("b", 5, 20);
  assert.equal(book.set("a", { heldUntil: 500, reason: "429" }), true);
  assert.equal(book.set("a", { heldUntil: 300, reason: "503" }), false);
  assert.deepEqual(serve(book, 100, 9), ["5b"]);
  assert.equal(book.nextAt(), 500);
  assert.deepEqual(book.status(100, 9), [
    { lane: "b", running: 1, limit: 64 },
    { lane: "a", running: 0, limit: 64, heldUntil: 500, reason: "429" },
  ]);
  assert.deepEqual(serve(book, 500, 9), ["5a"]);
});

Deno.test("an earlier task moves its lane up, a later one does not move it down", () => {
  const book = new LaneScheduler();
  book.offer("a", 5, 200);
  book.offer("a", 5, 50);
  book.offer("a", 5, 300);
  assert.equal(book.nextAt(), 50);
});

Deno.test("a clock that is set back makes due tasks wait again only where the engine says so", () => {
  const book = new LaneScheduler();
  book.offer("a", 5, 90);
  const turn = book.next(100)!;
  book.took(turn, 0, 90);
  assert.equal(book.next(80), undefined);
  assert.equal(book.nextAt(), 90);
});

Deno.test("a cleared scheduler serves no lane, and still counts running tasks", () => {
  const book = new LaneScheduler();
  book.offer("a", 5, 10);
  book.started("a");
  book.clear();
  assert.equal(book.next(100), undefined);
  assert.deepEqual(book.status(100, 9), [{ lane: "a", running: 1, limit: 64 }]);
});
