import assert from "node:assert/strict";
import { ExactPathRouter } from "../../src/http/router.ts";

const router = new ExactPathRouter<string>();
router.add("GET", "/tasks/:id", "task");
router.add("GET", "/tasks/count", "count");
router.add("POST", "/tasks/retry", "retry all");
router.add("POST", "/tasks/:id/retry", "retry");
router.add("GET", "/hooks/:name/:n", "delivery");

Deno.test.each([
  { method: "GET", path: "/tasks/tsk_1", target: "task", params: { id: "tsk_1" } },
  { method: "GET", path: "/tasks/count", target: "count", params: {} },
  { method: "POST", path: "/tasks/retry", target: "retry all", params: {} },
  { method: "POST", path: "/tasks/a%2Fb/retry", target: "retry", params: { id: "a%2Fb" } },
  { method: "GET", path: "/hooks/a/2", target: "delivery", params: { name: "a", n: "2" } },
  { method: "DELETE", path: "/tasks/tsk_1" },
  { method: "GET", path: "/tasks" },
  { method: "GET", path: "/tasks/" },
  { method: "GET", path: "/tasks/count/" },
  { method: "constructor", path: "/tasks/count" },
])("$method $path leads to $target", ({ method, path, target, params }) => {
  const [[found]] = router.match(method, path);
  assert.equal(found?.[0], target);
  assert.deepEqual(found && { ...found[1] }, params);
});
