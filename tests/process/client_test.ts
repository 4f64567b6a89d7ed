/**
 * The client for programs without TypeScript, as the service hands it out: in Node, by its types,
 * and as an npm package.
 *
 * @module
 */

import assert from "node:assert/strict";
import { packageFiles } from "../release/client.ts";
import { needs } from "../support/needs.ts";
import { aFolder, startPostrider } from "../support/process.ts";
import { startUpstream } from "../support/upstream.ts";

async function run(program: string, args: string[], cwd: string) {
  const { code, stdout, stderr } = await new Deno.Command(program, { args, cwd }).output();
  const text = new TextDecoder();
  return { code, output: text.decode(stdout) + text.decode(stderr) };
}

/** A port on which nothing listens. */
function closedPort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

const PROGRAM = (from: string, url: string, upstream: string) => `
import { openClient, PostriderError } from "${from}";
const client = openClient({ url: "${url}" });
const sent = await client.notify({ to: "ada@example.org", subject: "Hello", text: "From Node" });
const final = await client.wait(sent.id);
const batch = await client.fetchMany({ urls: ["${upstream}/ok", "${upstream}/ok"] });
let results = 0;
for await (const task of client.results(batch.id)) if (task.state === "succeeded") results++;
const refused = await client.task("tsk_x").catch((error) => error);
const away = await openClient({ url: "http://127.0.0.1:${closedPort()}" }).status().catch((error) => error);
console.log(final.state, final.delivery, results, refused instanceof PostriderError, refused.code);
console.log(away.code, /ECONNREFUSED|refused/i.test(away.message));
`;

Deno.test("the client that the service hands out works in Node", needs("node"), async () => {
  await using folder = await aFolder();
  await using upstream = startUpstream();
  await using postrider = startPostrider({ data: folder.path, env: upstream.env });
  const { url } = await postrider.listening;
  const response = await fetch(`${url}/client.js`);
  assert.match(response.headers.get("content-type") ?? "", /^text\/javascript/);
  await Deno.writeTextFile(`${folder.path}/client.mjs`, await response.text());
  const program = PROGRAM("./client.mjs", url, upstream.url);
  await Deno.writeTextFile(`${folder.path}/program.mjs`, program);
  const { code, output } = await run("node", ["program.mjs"], folder.path);
  assert.equal(code, 0, output);
  assert.equal(output, "succeeded delivered 2 true not_found\nunreachable true\n");
  const etag = response.headers.get("etag") ?? "";
  const again = await fetch(`${url}/client.js`, { headers: { "if-none-match": etag } });
  await again.body?.cancel();
  assert.equal(again.status, 304);
});

Deno.test("the client's types describe it", async () => {
  await using folder = await aFolder();
  const files = await packageFiles();
  await Deno.writeTextFile(`${folder.path}/client.d.ts`, files["client.d.ts"] ?? "");
  await Deno.writeTextFile(`${folder.path}/client.js`, files["client.js"] ?? "");
  const check = async (text: string) => {
    await Deno.writeTextFile(
      `${folder.path}/program.ts`,
      `// @ts-types="./client.d.ts"\nimport { openClient, type TaskState } from "./client.js";\n` +
        `const client = openClient();\n${text}\n`,
    );
    return await run(Deno.execPath(), ["check", "-q", "--no-config", "program.ts"], folder.path);
  };
  const right = `const { id } = await client.notify({ to: "a@example.org", text: "x" });
const state: TaskState = (await client.wait(id)).state; console.log(state);`;
  assert.deepEqual(await check(right), { code: 0, output: "" });
  for (
    const wrong of [`client.notify({ too: "a" });`, `client.fetch({ url: 1 });`, "client.nope();"]
  ) {
    assert.equal((await check(wrong)).code, 1, wrong);
  }
});

Deno.test(
  "the client as a package installs without a network, and is imported by its name",
  needs("node", "npx"),
  async () => {
    await using folder = await aFolder();
    const [source, target] = [`${folder.path}/source`, `${folder.path}/target`];
    for (const path of [source, target]) await Deno.mkdir(path);
    for (const [name, text] of Object.entries(await packageFiles())) {
      await Deno.writeTextFile(`${source}/${name}`, text);
    }
    const packed = await run("npm", ["pack", "--json", "--ignore-scripts"], source);
    assert.equal(packed.code, 0, packed.output);
    const [{ filename, files }] = JSON.parse(packed.output.slice(packed.output.indexOf("[")));
    assert.deepEqual(
      files.map(({ path }: { path: string }) => path).sort(),
      ["LICENSE", "README.md", "client.d.ts", "client.js", "package.json"],
    );
    const args = ["install", "--offline", "--no-audit", "--no-fund", `${source}/${filename}`];
    const installed = await run("npm", args, target);
    assert.equal(installed.code, 0, installed.output);
    const program =
      `import { openClient } from "@postrider/client"; console.log(typeof openClient);`;
    const { output } = await run("node", ["--input-type=module", "-e", program], target);
    assert.equal(output, "function\n");
  },
);
