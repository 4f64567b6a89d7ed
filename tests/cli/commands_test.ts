import assert from "node:assert/strict";
import { COMMANDS, type Screen } from "../../src/cli/commands.ts";
import { openClient } from "../../src/client.ts";
import { Api } from "../support/api.ts";

/** An API, a screen that records its lines, and a function that runs a command. */
async function setup() {
  const api = await Api.open();
  const printed: string[] = [];
  const shown: string[][] = [];
  const screen: Screen = {
    print: (lines) => void printed.push(...lines),
    columns: 120,
    clock: api.clock,
  };
  const send = (input: string | URL | Request, init?: RequestInit) =>
    api.raw(String(input).replace("http://here", ""), init);
  const client = openClient({ url: "http://here", fetch: send as typeof fetch });
  const live = { ...screen, replace: (lines: readonly string[]) => void shown.push([...lines]) };
  const run = (line: string, on: Screen = screen) => {
    const [name = "", ...args] = line.split(" ");
    return (COMMANDS[name] ?? assert.fail())(client, on, args);
  };
  return {
    api,
    printed,
    shown,
    live,
    run,
    [Symbol.asyncDispose]: () => api[Symbol.asyncDispose](),
  };
}

Deno.test("send, status, cancel, retry and tasks print the state of a task", async () => {
  await using world = await setup();
  const { run, printed } = world;
  assert.equal(await run("send https://example.org/ --delay 1h --tag x"), 0);
  const [id] = printed.pop()?.split("  ") ?? [];
  assert.match(id ?? "", /^tsk_/);
  await run(`status ${id}`);
  assert.match(printed.join("\n"), new RegExp(`${id}  fetch  queued\n  due 2026-01-01T01:00`));
  await run(`cancel ${id}`);
  assert.equal(printed.at(-1), `${id}  cancelled`);
  await run("retry --tag x");
  assert.equal(printed.at(-1), "1 queued again, 0 expired");
  await run("cancel --tag x");
  assert.equal(printed.at(-1), "1 cancelled, 0 being aborted");
  await run("tasks --state cancelled");
  assert.match(printed.at(-1) ?? "", /^cancelled +fetch +0/);
  await run("status");
  assert.match(printed.join("\n"), /tasks +1 cancelled/);
});

Deno.test("send --wait prints the final task, and its exit code says whether it succeeded", async () => {
  await using world = await setup();
  const { api, run, printed } = world;
  const good = run("send --to ada@example.org --subject S --text T --wait");
  await api.finish();
  assert.equal(await good, 0);
  const bad = run("send https://example.org/ --wait");
  await api.finish(1, { kind: "rejected", error: { code: "http_404", detail: "Gone" } });
  assert.equal(await bad, 1);
  assert.match(printed.at(-1) ?? "", /attempt 1 .* rejected +http_404: Gone/);
});

Deno.test("tasks on a terminal redraws after each event until the service closes", async () => {
  await using world = await setup();
  const { api, run, live, shown } = world;
  const following = run("tasks", live);
  while (shown.length < 1) await api.clock.advance(250);
  await api.accept();
  while (shown.length < 2) await api.clock.advance(250);
  assert.match(shown.at(-1)?.[1] ?? "", /^queued/);
  api.closing.abort();
  await api.clock.advance(250);
  assert.equal(await following, 0);
});

Deno.test("cancel and retry take the id of a batch", async () => {
  await using world = await setup();
  const { body } = await world.api.post("/fetch", {
    urls: ["https://a.example/", "https://b.example/"],
    delay: "1h",
  });
  await world.run(`cancel ${body.id}`);
  assert.equal(world.printed.at(-1), `${body.id}  2 cancelled, 0 being aborted`);
  await world.run(`retry ${body.id}`);
  assert.equal(world.printed.at(-1), `${body.id}  2 queued again, 0 expired`);
});

Deno.test("cancel and retry without ids or a filter are refused", async () => {
  await using world = await setup();
  await world.api.accept();
  for (const line of ["cancel", "retry"]) await assert.rejects(world.run(line), /expected ids/);
  assert.equal((await world.api.engine.counts()).queued, 1);
});
