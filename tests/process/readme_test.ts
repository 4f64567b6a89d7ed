/**
 * The manual does what it says: its `sh` blocks are run, in their order,
 * against a service that was started as it says.
 *
 * A block without a service to speak to (installing, starting, testing) is not
 * run. One whose comment names a refusal, `# 422 {"code":"address_refused"`,
 * has to be refused so; no other may be.
 *
 * @module
 */

import assert from "node:assert/strict";

import { openSite } from "../site/site.ts";
import { needs } from "../support/needs.ts";
import { aFolder, ROOT, startPostrider } from "../support/process.ts";

Deno.test("the commands of the README do what they say", needs("curl"), async (t) => {
  await using folder = await aFolder();
  await using site = openSite();
  await using postrider = startPostrider({
    data: `${folder.path}/data`,
    env: { POSTRIDER_FETCH_ALLOW: site.host },
  });
  const { url } = await postrider.listening;
  const blocks = shellBlocks(await Deno.readTextFile(`${ROOT}README.md`));
  assert.ok(blocks.length > 5, `found only ${blocks.length} blocks`);
  for (const block of blocks) {
    await t.step(block.split("\n")[0] ?? "", async () => {
      const script = block.replaceAll("http://127.0.0.1:8000", url)
        .replaceAll("127.0.0.1:9000", site.host);
      const { code, said } = await run(script, folder.path);
      assert.equal(code, 0, said);
      const refusal = /"code":"(\w+)"/.exec(block)?.[1];
      if (refusal) assert.ok(said.includes(`"code":"${refusal}"`), said);
      else assert.ok(!said.includes("urn:postrider:problem"), said);
      // What a comment quotes of an answer stands in it.
      const [, quoted] = /^# … (.*?),? …$/m.exec(block) ?? [];
      if (quoted) assert.ok(said.includes(quoted), said);
      if (block.includes(":9000")) assert.ok(!said.includes('"state":"failed"'), said);
    });
  }
});

function shellBlocks(markdown: string): string[] {
  return [...markdown.matchAll(/^```sh\n(.*?)^```$/gms)]
    .map(([, block = ""]) => block)
    .filter((block) => block.includes("127.0.0.1:8000"));
}

/** `deno task`, of this house and of this Deno, from any folder. */
const DENO_TASK = `deno() { "${Deno.execPath()}" task --config "${ROOT}deno.json" "\${@:2}"; }\n`;

async function run(script: string, cwd: string): Promise<{ code: number; said: string }> {
  const bash = new Deno.Command("bash", {
    args: ["-euo", "pipefail", "-c", DENO_TASK + script],
    cwd,
  });
  const { code, stdout, stderr } = await bash.output();
  const text = new TextDecoder();
  return { code, said: text.decode(stdout) + text.decode(stderr) };
}

Deno.test("the TypeScript of the README does what it says", async () => {
  await using folder = await aFolder();
  await using postrider = startPostrider({ data: `${folder.path}/data` });
  const { url } = await postrider.listening;
  const readme = await Deno.readTextFile(`${ROOT}README.md`);
  const [, program] = /^```ts\n(.*?)^```$/ms.exec(readme) ?? assert.fail("found no TypeScript");
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--ext=ts", program?.replace("http://127.0.0.1:8000", url) ?? ""],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder();
  assert.equal(code, 0, text.decode(stderr));
  assert.equal(text.decode(stdout), "succeeded delivered\n");
});
