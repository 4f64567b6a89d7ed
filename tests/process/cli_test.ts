import assert from "node:assert/strict";

import config from "../../deno.json" with { type: "json" };
import { aFolder, ROOT, startPostrider } from "../support/process.ts";

/** Runs one of the tasks of `deno.json` as `deno task` does. */
async function run(name: "tasks" | "send" | "status" | "cancel", url: string, ...more: string[]) {
  const [, ...args] = config.tasks[name].command.split(" ");
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args, ...more],
    cwd: ROOT,
    env: { POSTRIDER_URL: url, POSTRIDER_KEY: "a-long-secret", NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder();
  return { code, out: text.decode(stdout), err: text.decode(stderr) };
}

Deno.test("the terminal's commands work with a running service and a key", async () => {
  await using folder = await aFolder();
  await using postrider = startPostrider({
    data: folder.path,
    env: { POSTRIDER_API_KEYS: "ada:a-long-secret" },
  });
  const { url } = await postrider.listening;
  const sent = await run(
    "send",
    url,
    "--to",
    "ada@example.org",
    "--subject",
    "S",
    "--text",
    "T",
    "--wait",
  );
  assert.equal(sent.code, 0, sent.err);
  assert.match(sent.out, /^tsk_\w+ +notify +succeeded delivered\n +attempt 1/);
  assert.match((await run("status", url)).out, /tasks +1 succeeded/);
  assert.match((await run("tasks", url)).out, /^STATE.*\nsucceeded +notify/);
  const refused = await run("cancel", url, "tsk_unknown");
  assert.equal(refused.code, 1);
  assert.match(refused.err, /No such task/);
  assert.equal((await run("cancel", url)).code, 2);
  const help = await run("tasks", url, "--help");
  assert.equal(help.code, 0);
  assert.match(help.out, /^Usage: deno task COMMAND/);
  assert.equal((await run("status", "http://127.0.0.1:1")).code, 1);
});
