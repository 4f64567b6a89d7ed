import assert from "node:assert/strict";
import {
  type FromThread,
  Stages,
  type ToThread,
} from "../../../src/channels/thread/thread_protocol.ts";

Deno.test("A channel thread delivers on a Worker of its own", async () => {
  const entry = new URL("../../../src/channels/thread/thread.ts", import.meta.url);
  const table = new URL("../support/echo_table.ts", import.meta.url).href;
  const worker = new Worker(entry, { type: "module" });
  const received: FromThread[] = [];
  let wake = () => {};
  worker.onmessage = ({ data }: MessageEvent<FromThread>) => {
    received.push(data);
    wake();
  };
  const next = async (): Promise<FromThread> => {
    while (received.length === 0) await new Promise<void>((resolve) => wake = resolve);
    return received.shift() as FromThread;
  };
  const send = (message: ToThread) => worker.postMessage(message);

  send({ type: "open", table, settings: null, stages: new Stages().shared });
  assert.deepEqual(await next(), { type: "opened", traits: { hang: { graceMs: 600_000 } } });
  send({ type: "ping", n: 5 });
  assert.deepEqual(await next(), { type: "pong", n: 5 });
  const attempt = { taskId: "tsk_1", number: 1, createdAt: 0, deadlineAt: 0, payload: "hi" };
  send({ type: "deliver", attempts: [{ ref: 1, channel: "echo", attempt }] });
  assert.deepEqual(await next(), {
    type: "settled",
    outcomes: [{ ref: 1, outcome: { kind: "delivered", result: "hi" } }],
  });
  send({ type: "close" });
  assert.deepEqual(await next(), { type: "closed" });
  worker.terminate();
});
