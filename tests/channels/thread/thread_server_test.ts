import assert from "node:assert/strict";
import type { Attempt } from "../../../src/channels/channel.ts";
import {
  type FromThread,
  Stages,
  type ToThread,
} from "../../../src/channels/thread/thread_protocol.ts";
import { openThreadServer } from "../../../src/channels/thread/thread_server.ts";
import { FakeClock, settled } from "../../support/fake_clock.ts";
import openEchoes from "../support/echo_table.ts";

async function setup(settings: string | null = null) {
  const clock = new FakeClock();
  const sent: FromThread[] = [];
  const receive = openThreadServer({
    send: (message) => sent.push(message),
    clock,
    load: () => Promise.resolve(openEchoes),
  });
  const stages = new Stages();
  receive({ type: "open", table: "echo", settings, stages: stages.shared });
  await settled();
  return { clock, receive, stages, heard: () => sent.splice(0) };
}

function deliver(channel: string, ...refs: number[]): ToThread {
  return { type: "deliver", attempts: refs.map((ref) => ({ ref, channel, attempt: anAttempt() })) };
}

function anAttempt(): Attempt {
  return { taskId: "tsk_1", number: 1, createdAt: 0, deadlineAt: 1_000, payload: "hello" };
}

Deno.test("A thread reports the traits of its channels once they are open", async () => {
  const { heard } = await setup();
  assert.deepEqual(heard(), [{ type: "opened", traits: { hang: { graceMs: 600_000 } } }]);
});

Deno.test("A thread whose channels cannot be opened reports the reason", async () => {
  const { heard } = await setup("broken");
  const [message] = heard();
  assert.ok(message?.type === "failed_to_open");
  assert.match(message.detail, /no such relay/);
});

Deno.test("Outcomes of one turn are sent in one message", async () => {
  const { receive, heard } = await setup();
  heard();
  receive(deliver("echo", 1, 2, 3));
  await settled();
  const outcome = { kind: "delivered", result: "hello" };
  assert.deepEqual(heard(), [{
    type: "settled",
    outcomes: [{ ref: 1, outcome }, { ref: 2, outcome }, { ref: 3, outcome }],
  }]);
});

Deno.test("A stage is visible at once, without a message; figures are joined", async () => {
  const { clock, receive, stages, heard } = await setup();
  heard();
  receive(deliver("hang", 7));
  assert.deepEqual([stages.has(7, "sending"), stages.has(8, "sending")], [true, false]);
  assert.deepEqual(heard(), []);
  await clock.advance(250);
  const list = [{ ref: 7, bytes: 2, totalBytes: 3 }];
  assert.deepEqual(heard(), [{ type: "figures", list }]);
  await clock.advance(1_000);
  assert.deepEqual(heard(), []);
});

Deno.test("An abort reaches its attempt alone, with its cause", async () => {
  const { receive, heard } = await setup();
  receive(deliver("hang", 1, 2));
  heard();
  receive({ type: "abort", ref: 2, cause: "timeout" });
  receive({ type: "abort", ref: 99, cause: "timeout" });
  await settled();
  const outcome = { kind: "unknown", error: { code: "timeout", detail: "cut off" } };
  assert.deepEqual(heard(), [{ type: "settled", outcomes: [{ ref: 2, outcome }] }]);
});

Deno.test("A channel that throws makes a deferred outcome and a log line", async () => {
  const { receive, heard } = await setup();
  heard();
  receive(deliver("bug", 1));
  await settled();
  const [log, outcome] = heard();
  assert.ok(log?.type === "log" && outcome?.type === "settled");
  assert.match(String(log.fields.error), /x is not a function/);
  assert.equal(outcome.outcomes[0]?.outcome.kind, "deferred");
});

Deno.test("An unknown channel rejects the attempt", async () => {
  const { receive, heard } = await setup();
  heard();
  receive(deliver("pigeon", 1));
  await settled();
  const [message] = heard();
  assert.ok(message?.type === "settled");
  assert.equal(message.outcomes[0]?.outcome.kind, "rejected");
});

Deno.test("close() aborts the running attempts and reports its end", async () => {
  const { receive, heard } = await setup();
  receive(deliver("hang", 1));
  heard();
  receive({ type: "close" });
  await settled();
  assert.deepEqual(heard().map(({ type }) => type).sort(), ["closed", "settled"]);
});
