import assert from "node:assert/strict";

import { sleep, systemClock } from "../../src/lib/clock.ts";
import { needs, needsRoot } from "../support/needs.ts";
import { aFolder, type Api, type Postrider, START, startPostrider } from "../support/process.ts";
import { startUpstream } from "../support/upstream.ts";

/** Within this many milliseconds a second signal is the same Ctrl+C. */
const SAME_KEYSTROKE_MS = 500;

Deno.test({
  name:
    "Ctrl+C in a terminal cancels ten running and a thousand queued tasks within two seconds, " +
    "and one request revives them",
  ...needs("script", "npx"),
  async fn() {
    await using data = await aFolder();
    await using upstream = startUpstream();
    const env = { ...upstream.env, POSTRIDER_CONCURRENCY: "10" };
    const typed = `npx -y deno@${Deno.version.deno} task start`;
    const command = ["script", "-qefc", typed, "/dev/null"];
    await using service = startPostrider({ data: data.path, env, command });
    const api = await service.listening;
    await submit(api, upstream.url, 1_010);
    await upstream.held(10);
    assert.deepEqual(await api.counts(), { ...NONE, running: 10, queued: 1_000 });

    const pressed = performance.now();
    await service.type("\x03");
    assert.equal(await service.exit, 130, service.lines.said.join("\n"));
    const tookMs = performance.now() - pressed;
    assert.ok(tookMs < 2_000, `it took ${tookMs} ms`);
    await service.lines.find(/1[, ]?000/);

    await using again = startPostrider({ data: data.path, env });
    const revived = await again.listening;
    assert.deepEqual(await revived.counts(), { ...NONE, cancelled: 1_010 });
    upstream.release();
    const { status, body } = await revived.call("/tasks/retry?reason=shutdown", {});
    assert.equal(status, 202);
    assert.deepEqual(body, { retried: 1_010, expired: 0 });
    await until(revived, ({ succeeded }) => succeeded === 1_010);
  },
});

Deno.test({
  name: "SIGTERM to npx drains the service when npm's shell is bash",
  ...needs("npx"),
  async fn() {
    await using data = await aFolder();
    const env = { npm_config_script_shell: "bash" };
    const command = ["npx", "-y", `deno@${Deno.version.deno}`, "task", "start"];
    await using service = startPostrider({ data: data.path, env, command });
    await service.listening;
    service.kill("SIGTERM");
    await service.lines.find(/Drained/);
    await service.exit;
  },
});

Deno.test("aborted tasks have the delivery unknown, and queued tasks were never attempted", async () => {
  await using data = await aFolder();
  await using upstream = startUpstream();
  const env = { ...upstream.env, POSTRIDER_CONCURRENCY: "2" };
  const url = `${upstream.url}/hold`;
  const requests = [{ url, method: "POST", body: "x" }, { url }, { url }];
  let ids: string[] = [];
  {
    await using service = startPostrider({ data: data.path, env });
    const api = await service.listening;
    ids = accepted(await api.call("/fetch", { requests }));
    await upstream.held(2);
    service.kill("SIGINT");
    assert.equal(await service.exit, 130);
  }
  await using again = startPostrider({ data: data.path, env });
  const api = await again.listening;
  const tasks = await Promise.all(ids.map((id) => api.final(id)));
  for (const { state, reason } of tasks) {
    assert.deepEqual({ state, reason }, { state: "cancelled", reason: "shutdown" });
  }
  assert.deepEqual(tasks.map(({ attempt, delivery }) => [attempt, delivery]), [
    [1, "unknown"], // A POST whose bytes had left.
    [1, "not_delivered"], // A GET, which has no effect.
    [0, "not_delivered"],
  ]);
});

Deno.test("SIGTERM lets running attempts finish, stores new submits, and keeps the rest", async () => {
  await using data = await aFolder();
  await using upstream = startUpstream();
  const env = { ...upstream.env, POSTRIDER_CONCURRENCY: "2", POSTRIDER_DRAIN: "30s" };
  const ids: string[] = [];
  {
    await using service = startPostrider({ data: data.path, env });
    const api = await service.listening;
    ids.push(...await submit(api, upstream.url, 5));
    await upstream.held(2);
    assert.equal((await api.call("/readyz")).status, 200);
    service.kill("SIGTERM");
    await untilStatus(api, "/readyz", 503);
    assert.equal((await api.call("/livez")).status, 200);
    ids.push(...await submit(api, upstream.url, 1));
    upstream.release();
    assert.equal(await service.exit, 0, service.lines.said.join("\n"));
    assert.equal(upstream.asked.get("/hold"), 2, "nothing else was begun");
  }
  await using again = startPostrider({ data: data.path, env });
  const api = await again.listening;
  for (const id of ids) {
    const task = await api.final(id);
    assert.deepEqual({ state: task.state, attempt: task.attempt }, {
      state: "succeeded",
      attempt: 1,
    });
    assert.ok(!task.possibleDuplicate);
  }
});

Deno.test("SIGTERM ends with 0 when an attempt outlasts the drain, and the attempt runs again after the restart", async () => {
  await using data = await aFolder();
  await using upstream = startUpstream();
  const env = { ...upstream.env, POSTRIDER_DRAIN: "200ms" };
  let id = "";
  {
    await using service = startPostrider({ data: data.path, env });
    [id = ""] = await submit(await service.listening, upstream.url, 1);
    await upstream.held(1);
    service.kill("SIGTERM");
    assert.equal(await service.exit, 0, service.lines.said.join("\n"));
  }
  upstream.release();
  await using again = startPostrider({ data: data.path, env });
  assert.equal((await (await again.listening).final(id)).state, "succeeded");
});

Deno.test.each([
  { first: "SIGTERM", second: "SIGTERM", code: 143 },
  { first: "SIGTERM", second: "SIGINT", code: 130 },
] as { first: Deno.Signal; second: Deno.Signal; code: number }[])(
  "$first and a later $second end the process at once with $code",
  async ({ first, second, code }) => {
    await using data = await aFolder();
    await using upstream = startUpstream();
    await using service = await hanging(data.path, upstream);
    service.kill(first);
    await sleep(systemClock, SAME_KEYSTROKE_MS + 100); // The rule is about real time.
    service.kill(second);
    assert.equal(await service.exit, code);
  },
);

Deno.test("a second SIGTERM right after the first is ignored", async () => {
  await using data = await aFolder();
  await using upstream = startUpstream();
  await using service = await hanging(data.path, upstream);
  service.kill("SIGTERM");
  service.kill("SIGTERM");
  await untilStatus(await service.listening, "/readyz", 503);
  upstream.release();
  assert.equal(await service.exit, 0);
});

Deno.test.each([
  { signal: "SIGINT", code: 130 },
  { signal: "SIGTERM", code: 0 },
] as { signal: Deno.Signal; code: number }[])(
  "as PID 1 the process ends with $code on $signal",
  needsRoot("unshare"),
  async ({ signal, code }) => {
    await using data = await aFolder();
    const command = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", ...START];
    await using service = startPostrider({ data: data.path, command });
    await service.listening;
    const children = `/proc/${service.pid}/task/${service.pid}/children`;
    Deno.kill(Number(await Deno.readTextFile(children)), signal);
    assert.equal(await service.exit, code, service.lines.said.join("\n"));
  },
);

const NONE = { queued: 0, running: 0, succeeded: 0, failed: 0, cancelled: 0, expired: 0 };

/** A service with one attempt that hangs. */
async function hanging(
  data: string,
  upstream: ReturnType<typeof startUpstream>,
): Promise<Postrider> {
  const service = startPostrider({ data, env: { ...upstream.env, POSTRIDER_DRAIN: "30s" } });
  await submit(await service.listening, upstream.url, 1);
  await upstream.held(1);
  return service;
}

async function submit(api: Api, upstream: string, count: number): Promise<string[]> {
  const urls = Array<string>(count).fill(`${upstream}/hold`);
  return accepted(await api.call("/fetch", { urls }));
}

function accepted({ status, body }: { status: number; body: unknown }): string[] {
  assert.equal(status, 202, JSON.stringify(body));
  return (body as { tasks: { id: string }[] }).tasks.map(({ id }) => id);
}

async function until(api: Api, holds: (counts: Record<string, number>) => boolean): Promise<void> {
  while (!holds(await api.counts())) await sleep(systemClock, 20);
}

async function untilStatus(api: Api, path: string, status: number): Promise<void> {
  while ((await api.call(path)).status !== status) await sleep(systemClock, 5);
}
