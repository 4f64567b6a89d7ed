/**
 * Runs every code block of the README, the manual and `src/README.md`.
 *
 * Each document has a service of its own, started as the README says, and its
 * blocks run in their order: once directly, and once through Debian's nginx with its
 * default settings. A block that cannot run says so behind its language:
 * "```sh not run: REASON". A block whose comment names a refusal
 * (`# 422 {"code":"invalid", …`) has to be refused with that code; no other may
 * be refused. Blocks of other languages than these are samples.
 *
 * @module
 */

import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";

import { parseConfigFile } from "../../src/config/config_file.ts";
import { openSite } from "../site/site.ts";
import { needs } from "../support/needs.ts";
import { aFolder, ROOT, startPostrider } from "../support/process.ts";
import { startNginx } from "../support/proxies.ts";

interface Block {
  readonly language: string;
  /** Behind the language: empty, or why the block does not run. */
  readonly info: string;
  readonly code: string;
}

const MANUAL = [...Deno.readDirSync(`${ROOT}src/manual`)].map(({ name }) => `src/manual/${name}`);
const DOCUMENTS = ["README.md", "src/README.md", ...MANUAL.sort()];
const BLOCKS = new Map(
  DOCUMENTS.map((path) => [path, blocksOf(Deno.readTextFileSync(`${ROOT}${path}`))]),
);

const RUNNERS: Readonly<Record<string, (code: string, world: World) => Promise<void>>> = {
  sh: runShell,
  ts: runTypeScript,
  yaml: readAsSettings,
};

interface World {
  readonly url: string;
  readonly site: string;
  readonly folder: string;
}

const runnable = ({ language, info }: Block) => info === "" && language in RUNNERS;

const RUN = DOCUMENTS.filter((path) => BLOCKS.get(path)?.some(runnable));

Deno.test.each(
  ["directly", "through nginx with its defaults"].flatMap((way) =>
    RUN.map((path) => ({ path, way }))
  ),
)(
  "the code blocks of $path do what they say, $way",
  needs("curl", "nginx"),
  async ({ path, way }, t) => {
    await using folder = await aFolder();
    await using site = openSite();
    await using postrider = startPostrider({
      data: `${folder.path}/data`,
      env: { POSTRIDER_FETCH_ALLOW: site.host },
    });
    const { url: upstream } = await postrider.listening;
    const { url, proxy } = way === "directly"
      ? { url: upstream, proxy: undefined }
      : await startNginx(folder.path, upstream);
    await using _proxy = proxy;
    const world = { url, site: site.host, folder: folder.path };
    for (const { language, code } of (BLOCKS.get(path) ?? []).filter(runnable)) {
      await t.step(`${language}: ${code.split("\n")[0]}`, () => RUNNERS[language]?.(code, world));
    }
  },
);

Deno.test.each(DOCUMENTS)("a command of %s either runs or says why not", (path) => {
  for (const { language, info, code } of BLOCKS.get(path) ?? []) {
    const first = code.split("\n")[0];
    assert.match(info, /^$|^not run: \S.+/, `${path}: expected "not run: REASON" before ${first}`);
    if (info !== "" || language in RUNNERS) continue;
    assert.doesNotMatch(
      code,
      /^([A-Z_]+=\S+ +)*(curl|deno|npx|docker|apprise|sudo) /m,
      `${path}: expected the language "sh" before ${first}`,
    );
  }
});

Deno.test("the README has examples", () => {
  const count = BLOCKS.get("README.md")?.filter(runnable).length ?? 0;
  assert.ok(count > 5, `found only ${count} blocks`);
});

function blocksOf(markdown: string): Block[] {
  return [...markdown.matchAll(/^```(\w+) ?(.*)\n([^]*?)^```$/gm)]
    .map(([, language = "", info = "", code = ""]) => ({ language, info, code }));
}

async function runShell(code: string, { url, site, folder }: World): Promise<void> {
  const script = code.replaceAll("http://127.0.0.1:8000", url).replaceAll("127.0.0.1:9000", site);
  const { exit, output } = await run("bash", ["-euo", "pipefail", "-c", NPX + script], folder);
  assert.equal(exit, 0, output);
  const refusal = /"code":"(\w+)"/.exec(code)?.[1];
  if (refusal) assert.ok(output.includes(`"code":"${refusal}"`), output);
  else assert.ok(!output.includes("urn:postrider:problem"), output);
  // What a comment quotes of the response has to be in it.
  const [, quoted] = /^# … (.*?),? …$/m.exec(code) ?? [];
  if (quoted) assert.ok(output.includes(quoted), output);
  if (code.includes(":9000")) assert.ok(!output.includes('"state":"failed"'), output);
}

/** `npx -y deno@2.9.6 task` runs a task of this repository with this Deno, from any folder. */
const NPX =
  `npx() { [ "$1 $2 $3" = "-y deno@2.9.6 task" ] || return 2; "${Deno.execPath()}" task --config "${ROOT}deno.json" "\${@:4}"; }\n`;

async function runTypeScript(code: string, { url }: World): Promise<void> {
  const program = code.replace("http://127.0.0.1:8000", url);
  const { exit, output } = await run(Deno.execPath(), ["eval", "--ext=ts", program], ROOT);
  assert.equal(exit, 0, output);
  assert.ok(output.endsWith("succeeded delivered\n"), output);
}

/** The files that a block names need not exist. */
const FILES: Readonly<Record<string, string>> = {
  "/run/secrets/hooks": `whsec_${btoa("x".repeat(24))}`,
  "/run/secrets/relay_url": "smtps://user:pass@smtp.example.org",
  "/run/secrets/dkim.pem": generateKeyPairSync("rsa", {
    modulusLength: 1024,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  }).privateKey,
};

function readAsSettings(code: string): Promise<void> {
  const parsed = parseConfigFile(code, (path) => FILES[path] ?? "a-secret-of-some-length");
  assert.ok("file" in parsed, JSON.stringify("wrong" in parsed ? parsed.wrong : ""));
  return Promise.resolve();
}

async function run(
  program: string,
  args: string[],
  cwd: string,
): Promise<{ exit: number; output: string }> {
  const command = new Deno.Command(program, { args, cwd, env: { NO_COLOR: "1" } });
  const { code, stdout, stderr } = await command.output();
  const text = new TextDecoder();
  return { exit: code, output: text.decode(stderr) + text.decode(stdout) };
}
