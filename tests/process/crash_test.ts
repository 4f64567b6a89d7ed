import assert from "node:assert/strict";

import { aFolder, type Api, startPostrider } from "../support/process.ts";
import { startUpstream } from "../support/upstream.ts";

const KILLS = 20;
/** Accepted tasks after which the process is killed: anywhere between idle and busy. */
const afterAccepted = (round: number) => 1 + (round * 37) % 150;

Deno.test("nothing that was acknowledged is lost by twenty kill -9 under load", async () => {
  await using data = await aFolder();
  await using upstream = startUpstream();
  const accepted = new Map<string, string>();
  for (let round = 0; round < KILLS; round++) {
    await using service = startPostrider({ data: data.path, env: upstream.env });
    const api = await service.listening;
    const target = accepted.size + afterAccepted(round);
    const callers = Array.from({ length: 8 }, async (_, caller) => {
      for (let turn = 0;; turn++) {
        const path = `/${round}/${caller}/${turn}`;
        const id = await submit(api, `${upstream.url}${path}`);
        if (id === undefined) return;
        accepted.set(id, path);
        if (accepted.size >= target) service.kill("SIGKILL");
      }
    });
    await Promise.all(callers);
    assert.notEqual(await service.exit, 0);
  }

  await using service = startPostrider({ data: data.path, env: upstream.env });
  const api = await service.listening;
  assert.ok(accepted.size > KILLS);
  for (const [id, path] of accepted) {
    const task = await api.final(id);
    // A process that dies three times over the same attempt gives it up, and says so.
    if (task.state !== "succeeded") assert.equal(task.reason, "crashed", JSON.stringify(task));
    const asked = upstream.asked.get(path) ?? 0;
    if (task.state === "succeeded") assert.ok(asked >= 1, `${id} was never made`);
    if (asked > 1) assert.equal(task.possibleDuplicate, true, `${id} was made ${asked} times`);
  }
  const { queued, running } = await api.counts();
  assert.deepEqual({ queued, running }, { queued: 0, running: 0 });
});

Deno.test("a task that a crash ends for good is one log line of the next start", async () => {
  await using data = await aFolder();
  await using upstream = startUpstream();
  const ids: string[] = [];
  {
    await using service = startPostrider({ data: data.path, env: upstream.env });
    const api = await service.listening;
    for (let i = 0; i < 2; i++) {
      const task = { url: `${upstream.url}/hold`, method: "POST", onUnknown: "stop" };
      ids.push((await api.call<{ id: string }>("/fetch", task)).body.id);
    }
    await upstream.held(2);
    service.kill("SIGKILL");
    await service.exit;
  }
  await using service = startPostrider({ data: data.path, env: upstream.env });
  const [line] = await service.lines.find(/^.*"Task failed".*$/);
  const { task, target, code, reason, next } = JSON.parse(line);
  assert.ok(ids.includes(task));
  const { host } = new URL(upstream.url);
  assert.deepEqual([target, code, reason], [`http://${host}`, "crashed", "unknown"]);
  assert.equal(next, `check whether it had its effect, then POST /tasks/${task}/retry`);
  const other = ids.find((id) => id !== task);
  await service.lines.find(new RegExp(`"Task failed".*"task":"${other}"`));
});

Deno.test("what ran at a crash is made again within five seconds of the restart, and marked", async () => {
  await using data = await aFolder();
  await using upstream = startUpstream();
  const ids: (string | undefined)[] = [];
  {
    await using service = startPostrider({ data: data.path, env: upstream.env });
    const api = await service.listening;
    for (let n = 0; n < 3; n++) ids.push(await submit(api, `${upstream.url}/hold`));
    await upstream.held(3);
    service.kill("SIGKILL");
    await service.exit;
  }
  const restarted = performance.now();
  await using service = startPostrider({ data: data.path, env: upstream.env });
  const api = await service.listening;
  await upstream.held(6);
  assert.ok(performance.now() - restarted < 5_000);
  upstream.release();
  for (const id of ids) {
    const task = await api.final(id ?? "");
    assert.deepEqual({
      state: task.state,
      attempt: task.attempt,
      possibleDuplicate: task.possibleDuplicate,
    }, { state: "succeeded", attempt: 2, possibleDuplicate: true });
  }
});

/** The id that was acknowledged, or `undefined` once the service is gone. */
async function submit(api: Api, url: string): Promise<string | undefined> {
  try {
    const { status, body } = await api.call<{ id: string }>("/fetch", { url });
    assert.equal(status, 202, JSON.stringify(body));
    return body.id;
  } catch (error) {
    if (error instanceof TypeError) return undefined; // The connection broke, and nothing was promised.
    throw error;
  }
}
