import assert from "node:assert/strict";
import { ROOT } from "../support/process.ts";
import { clientFiles } from "./client.ts";
import { importsOf, type Lock, lockFor, productLock } from "./lock.ts";
import { productBill } from "./sbom.ts";

const LOCK: Lock = {
  version: "5",
  specifiers: { "npm:a@1": "1.0.0", "npm:test@^2": "2.0.0" },
  npm: {
    "a@1.0.0": { integrity: "sha512-YQ==", dependencies: ["b@1.0.0", "@s/c"] },
    "b@1.0.0": { integrity: "sha512-Yg==", dependencies: ["a"] },
    "b@2.0.0": { integrity: "sha512-Yg==" },
    "@s/c@3.0.0_a@1.0.0": { integrity: "sha512-Yw==" },
    "test@2.0.0": { integrity: "sha512-dA==", dependencies: ["b@2.0.0"] },
  },
  workspace: { dependencies: ["npm:a@1", "npm:test@^2"] },
};

Deno.test("a lock for some imports has what they need, in Deno's spelling", () => {
  const { specifiers, npm, workspace } = lockFor(LOCK, new Set(["npm:a@1"]));
  assert.deepEqual(specifiers, { "npm:a@1": "1.0.0" });
  assert.deepEqual(npm, {
    "a@1.0.0": { integrity: "sha512-YQ==", dependencies: ["b", "@s/c"] },
    "b@1.0.0": { integrity: "sha512-Yg==", dependencies: ["a"] },
    "@s/c@3.0.0_a@1.0.0": { integrity: "sha512-Yw==" },
  });
  assert.deepEqual(workspace, LOCK.workspace);
});

Deno.test("src/deno.lock is what src/ imports: after a change run deno task lock", async () => {
  const written = await Deno.readTextFile(`${ROOT}src/deno.lock`);
  assert.ok(written === await productLock(), "expected the output of deno task lock");
  const { npm } = JSON.parse(written) as Lock;
  for (const tool of ["playwright-core", "fast-check", "smtp-server", "axe-core"]) {
    assert.deepEqual(Object.keys(npm).filter((id) => id.startsWith(`${tool}@`)), []);
  }
});

Deno.test("every import of deno.json is used by src/ or by tests/", async () => {
  const { imports } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`));
  const used = new Set([
    ...await importsOf(`${ROOT}src`, imports),
    ...await importsOf(`${ROOT}tests`, imports),
  ]);
  const typesOnly = ["@types/nodemailer", "@types/smtp-server"];
  const unused = Object.keys(imports).filter((name) => !used.has(imports[name]));
  assert.deepEqual(unused.filter((name) => !typesOnly.includes(name)), []);
});

Deno.test("the bill of materials names every package of the product once, with its digest", async () => {
  const { components, dependencies, metadata } = await productBill();
  const { npm } = JSON.parse(await Deno.readTextFile(`${ROOT}src/deno.lock`)) as Lock;
  const refs = components.map((component) => component["bom-ref"]);
  assert.equal(new Set(refs).size, Object.keys(npm).length + 1);
  assert.ok(refs.includes(`pkg:github/denoland/deno@v${Deno.version.deno}`));
  for (const component of components.slice(1)) {
    assert.match(component.purl ?? "", /^pkg:npm\/(?:%40[\w.-]+\/)?[\w.-]+@\d+\.\d+\.\d+/);
    assert.match(
      "hashes" in component ? component.hashes[0]?.content ?? "" : "",
      /^[0-9a-f]{128}$/,
    );
  }
  const known = new Set([...refs, metadata.component["bom-ref"]]);
  assert.equal(dependencies.length, Object.keys(npm).length + 1);
  for (const { ref, dependsOn } of dependencies) {
    assert.ok([ref, ...dependsOn].every((one) => known.has(one)), String(ref));
  }
});

Deno.test("the client as JavaScript is that of src/client.ts: after a change run deno task client", async () => {
  for (const [name, text] of Object.entries(clientFiles())) {
    const served = await Deno.readTextFile(`${ROOT}src/http/assets/${name}`);
    assert.ok(served === text, `expected the output of deno task client in ${name}`);
  }
  assert.doesNotMatch(clientFiles()["client.js"], /^import /m);
  assert.doesNotMatch(clientFiles()["client.d.ts"], /^import /m);
});
