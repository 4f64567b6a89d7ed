/**
 * What the manual says about deploying: the unit is rated by systemd and its command is run, the
 * manifests fit the types of Kubernetes, and Compose takes its file.
 *
 * @module
 */

import assert from "node:assert/strict";
import { parseAllDocuments } from "yaml";
import { needs } from "../support/needs.ts";
import { aFolder, ROOT, startPostrider } from "../support/process.ts";

const PAGE = Deno.readTextFileSync(`${ROOT}src/manual/deploying.md`);
const blocks = (language: string) =>
  [...PAGE.matchAll(new RegExp(`^\`\`\`${language}.*\\n([^]*?)^\`\`\`$`, "gm"))]
    .map(([, code = ""]) => code);
const UNIT = blocks("ini")[0] ?? "";

async function run(program: string, args: string[], cwd = ROOT) {
  const { code, stdout, stderr } = await new Deno.Command(program, { args, cwd }).output();
  const text = new TextDecoder();
  return { code, output: text.decode(stdout) + text.decode(stderr) };
}

/** A value of the unit, its lines joined. */
function unitValue(name: string): string {
  const joined = UNIT.replaceAll("\\\n", " ");
  return new RegExp(`^${name}=(.*)$`, "m").exec(joined)?.[1] ?? "";
}

Deno.test(
  "the unit is valid, and exposed less than 3 of 10",
  needs("systemd-analyze"),
  async () => {
    await using folder = await aFolder();
    const path = `${folder.path}/postrider.service`;
    await Deno.writeTextFile(path, UNIT.replaceAll("/usr/local/bin/deno", Deno.execPath()));
    const verified = await run("systemd-analyze", ["verify", "--man=no", path]);
    assert.deepEqual(verified, { code: 0, output: "" });
    const args = ["security", "--offline=yes", "--no-pager", "--threshold=30", path];
    const { code, output } = await run("systemd-analyze", args);
    assert.equal(code, 0, output);
    const rating = /exposure level for \S+: (\S+)/.exec(output)?.[1];
    assert.ok(PAGE.includes(`rates the exposure at ${rating} of 10`), output);
  },
);

Deno.test("the command of the unit starts the service, with a reload and a drain", async () => {
  await using folder = await aFolder();
  const paths = {
    "/usr/local/bin/deno": Deno.execPath(),
    "/opt/postrider/": ROOT,
    "/var/lib/postrider": folder.path,
  };
  const command = Object.entries(paths).reduce(
    (text, [path, here]) => text.replaceAll(path, here),
    unitValue("ExecStart"),
  );
  await Deno.writeTextFile(`${folder.path}/api_keys`, "me:a-long-secret\n");
  await Deno.writeTextFile(`${folder.path}/postrider.yaml`, "");
  await using postrider = startPostrider({
    data: folder.path,
    command: command.split(/\s+/),
    env: {
      POSTRIDER_API_KEYS_FILE: `${folder.path}/api_keys`,
      POSTRIDER_CONFIG: `${folder.path}/postrider.yaml`,
    },
  });
  const api = await postrider.listening;
  assert.equal((await api.call("/livez")).status, 200);
  postrider.kill("SIGHUP");
  await postrider.lines.find(/Settings reloaded/);
  postrider.kill("SIGTERM");
  assert.equal(await postrider.exit, 0);
});

Deno.test("the manifests have the fields that Kubernetes knows, with the right types", async () => {
  await using folder = await aFolder();
  const [whole = "", rolling = ""] = blocks("yaml");
  const manifests = parseAllDocuments(whole).map((document) => document.toJS());
  const kinds = manifests.map(({ kind }) => kind);
  assert.deepEqual(kinds, ["PersistentVolumeClaim", "Deployment", "Service"]);
  const [partial] = parseAllDocuments(rolling).map((document) => document.toJS());
  const [, deployment] = structuredClone(manifests);
  const { replicas, strategy, template } = partial.spec;
  const [container] = deployment.spec.template.spec.containers;
  container.env.push(...template.spec.containers[0].env);
  const several = { ...deployment, spec: { ...deployment.spec, replicas, strategy } };
  const lines = [...manifests, several].map((manifest, index) =>
    `export const m${index}: I${manifest.kind} = ${JSON.stringify(manifest)};`
  );
  const path = `${folder.path}/manifests.ts`;
  const check = async (text: string) => {
    await Deno.writeTextFile(
      path,
      `import type { IPersistentVolumeClaim, IService } from "kubernetes-models/v1";\n` +
        `import type { IDeployment } from "kubernetes-models/apps/v1";\n${text}\n`,
    );
    return await run(Deno.execPath(), ["check", "-q", "--config", `${ROOT}deno.json`, path]);
  };
  assert.deepEqual(await check(lines.join("\n")), { code: 0, output: "" });
  const misspelt = await check(lines.join("\n").replace("readOnlyRootFilesystem", "readOnlyRoot"));
  assert.match(misspelt.output, /readOnlyRoot/);
  assert.equal(misspelt.code, 1);
});

Deno.test(
  "Compose takes its file, which gives the service few privileges",
  needs("docker-compose"),
  async () => {
    await using folder = await aFolder();
    await Deno.copyFile(`${ROOT}compose.yaml`, `${folder.path}/compose.yaml`);
    const { code, output } = await run("docker-compose", ["config"], folder.path);
    assert.equal(code, 0, output);
    const nodes = await run("docker-compose", ["--profile", "nodes", "config"], folder.path);
    assert.equal(nodes.code, 0, nodes.output);
    for (const line of ["POSTRIDER_ROLE: api", "POSTRIDER_ROLE: worker", "image: postgres:17"]) {
      assert.ok(nodes.output.includes(line), nodes.output);
    }
    for (const line of ["read_only: true", "- ALL", "- no-new-privileges:true", "max-size: 10m"]) {
      assert.ok(output.includes(line), output);
    }
  },
);
