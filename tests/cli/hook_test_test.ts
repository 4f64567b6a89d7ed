import assert from "node:assert/strict";
import { hookTest } from "../../src/cli/hook_test.ts";

const CONFIG = `
hooks:
  builds:
    preset: github
    secret: a-long-secret
    filter: event == "push"
    fetch:
      url: https://ci.example.org/build?token=hush&commit={{ payload.after }}
      onSuccess: {notify: {to: ada@example.org, subject: "Built {{ payload.after }}"}}
`;

async function run(payload: unknown, ...args: string[]): Promise<{ code: number; said: string }> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/postrider.yaml`, CONFIG);
    await Deno.writeTextFile(`${folder}/payload.json`, JSON.stringify(payload));
    let said = "";
    const env = { POSTRIDER_CONFIG: `${folder}/postrider.yaml` };
    const code = hookTest(
      args.map((arg) => arg.replace("FILE", `${folder}/payload.json`)),
      env,
      (text) => said += text,
    );
    return { code, said };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("hook-test shows the tasks of a payload with their secrets masked", async () => {
  const { code, said } = await run({ after: "abc" }, "builds", "FILE", "--event", "push");
  const { verdict, tasks: [task] } = JSON.parse(said);
  assert.deepEqual({ code, verdict }, { code: 0, verdict: { kind: "accepted", event: "push" } });
  assert.equal(task.label, "GET https://ci.example.org/build?token=***&commit=abc");
  assert.deepEqual(task.followUps, ["chain on succeeded: Built abc ada@example.org"]);
  assert.ok(!said.includes("hush"));
});

Deno.test.each([
  { payload: { after: "abc" }, args: ["builds", "FILE"], code: 0, says: "filtered" },
  {
    payload: {},
    args: ["builds", "FILE", "--header", "X-GitHub-Event: push"],
    code: 1,
    says: "undefined variable: payload.after",
  },
  { payload: {}, args: ["none", "FILE"], code: 2, says: "expected one of the file's: builds" },
  { payload: {}, args: ["builds", "/nowhere"], code: 2, says: "nowhere" },
  { payload: {}, args: ["builds"], code: 2, says: "Usage" },
  { payload: {}, args: ["builds", "FILE", "--wat"], code: 2, says: "Usage" },
])("hook-test $args exits with $code and prints $says", async ({ payload, args, code, says }) => {
  const got = await run(payload, ...args);
  assert.equal(got.code, code, got.said);
  assert.ok(got.said.includes(says), got.said);
});
