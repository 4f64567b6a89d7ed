import assert from "node:assert/strict";
import { parseNotify } from "../../../src/task/input/notify.ts";
import { draftShortNotify } from "../../../src/task/input/new_task.ts";
import { openIds } from "../../../src/lib/ids.ts";
import { notifyPorts } from "../../support/notify_ports.ts";

const NOW = Date.UTC(2026, 0, 1, 12, 3, 0);
const MAIL = { laneOf: () => "mail:localhost:25", from: { address: "post@example.org" } };
const DIGEST = { key: "builds", window: "10m" };

function drafted(more: Record<string, unknown>, now = NOW) {
  const parsed = parseNotify({ to: "ada@example.org", subject: "x", ...more }, notifyPorts());
  assert.ok("value" in parsed, JSON.stringify(parsed));
  const ids = openIds(() => now, (bytes) => bytes.fill(7));
  const [request] = parsed.value.requests;
  assert.ok(request);
  return draftShortNotify(request, { ids, now }, MAIL).drafted.map(({ task }) => task);
}

Deno.test("what is gathered falls due together, at the end of its window", () => {
  const [first] = drafted({ digest: DIGEST });
  const [second] = drafted({ digest: DIGEST }, NOW + 6 * 60_000);
  const [third] = drafted({ digest: DIGEST }, NOW + 8 * 60_000);
  assert.equal(first?.dueAt, Date.UTC(2026, 0, 1, 12, 10));
  assert.equal(second?.dueAt, first?.dueAt);
  assert.equal(third?.dueAt, Date.UTC(2026, 0, 1, 12, 20));
});

Deno.test("only what goes to the same place by the same key shares a lane", () => {
  const lanes = [
    drafted({ digest: DIGEST }),
    drafted({ digest: { ...DIGEST, key: "other" } }),
    drafted({ digest: DIGEST, cc: "bob@example.org" }),
    drafted({ digest: DIGEST, to: "ntfys://push.example.org/s3cr3t" }),
  ].map(([task]) => task?.lane ?? "");
  assert.equal(new Set(lanes).size, lanes.length);
  assert.equal(lanes[0], drafted({ digest: DIGEST, subject: "y" })[0]?.lane);
  assert.ok(lanes.every((lane) => lane.startsWith("digest:") && !lane.includes("s3cr3t")));
});

Deno.test.each([
  { digest: {}, pointers: ["/digest/key", "/digest/window"] },
  { digest: { ...DIGEST, window: "soon" }, pointers: ["/digest/window"] },
  { digest: { ...DIGEST, window: "8d" }, pointers: ["/digest/window"] },
  { digest: { ...DIGEST, key: "" }, pointers: ["/digest/key"] },
  { digest: { ...DIGEST, max: 65 }, pointers: ["/digest/max"] },
  { digest: { ...DIGEST, most: 2 }, pointers: ["/digest/most"] },
])("a digest $digest is refused at $pointers", ({ digest, pointers }) => {
  const { issues } = parseNotify({ to: "a@example.org", subject: "x", digest }, notifyPorts());
  assert.deepEqual(issues?.map(({ pointer }) => pointer), pointers);
});

Deno.test("a digest has no key of its own beside it", () => {
  const body = { to: "a@example.org", subject: "x", digest: DIGEST, key: "k" };
  assert.deepEqual(parseNotify(body, notifyPorts()).issues?.map(({ pointer }) => pointer), [
    "/key",
  ]);
});
