/**
 * Prints what Postrider is made of: a software bill of materials in CycloneDX 1.6, made of
 * `src/deno.lock`. The same lock gives the same text.
 *
 * Run as a program: `deno task sbom`.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { ROOT } from "../support/process.ts";
import { type Lock, nameOf } from "./lock.ts";

/** What is described: the product, and the Deno that runs it. */
export interface Product {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly deno: string;
}

/** The bill of materials for a product and its lock. */
export function billOf({ name, version, license, deno }: Product, lock: Lock) {
  const runtime = `pkg:github/denoland/deno@v${deno}`;
  const refs = new Map(Object.keys(lock.npm).map((id) => [id, purlOf(id)]));
  const refOf = (reference: string) =>
    refs.get(reference) ?? refs.get([...refs.keys()].find((id) => nameOf(id) === reference) ?? "");
  const direct = Object.entries(lock.specifiers).map(([specifier, version]) =>
    refOf(`${nameOf(specifier.replace(/^npm:/, ""))}@${version}`)
  );
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      component: {
        type: "application",
        "bom-ref": name,
        name,
        version,
        licenses: [{ license: { id: license } }],
      },
    },
    components: [
      { type: "platform", "bom-ref": runtime, name: "deno", version: deno, purl: runtime },
      ...Object.entries(lock.npm).map(([id, { integrity }]) => ({
        type: "library",
        "bom-ref": refs.get(id),
        name: nameOf(id),
        version: versionOf(id),
        purl: refs.get(id),
        hashes: [{
          alg: "SHA-512",
          content: Buffer.from(integrity.replace(/^sha512-/, ""), "base64").toString("hex"),
        }],
      })),
    ],
    dependencies: [
      { ref: name, dependsOn: [runtime, ...direct] },
      ...Object.entries(lock.npm).map(([id, { dependencies = [], optionalDependencies = [] }]) => ({
        ref: refs.get(id),
        dependsOn: [...dependencies, ...optionalDependencies].map(refOf).filter((ref) => ref),
      })),
    ],
  };
}

/** A package URL: https://github.com/package-url/purl-spec */
function purlOf(id: string): string {
  return `pkg:npm/${nameOf(id).replace("@", "%40")}@${versionOf(id)}`;
}

/** The lock names the peers of a package behind `_`. */
function versionOf(id: string): string {
  return id.slice(nameOf(id).length + 1).replace(/_.*$/, "");
}

/** The bill of materials of this version. */
export async function productBill() {
  const { version, license } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`));
  const lock = JSON.parse(await Deno.readTextFile(`${ROOT}src/deno.lock`)) as Lock;
  return billOf({ name: "postrider", version, license, deno: Deno.version.deno }, lock);
}

if (import.meta.main) {
  const text = `${JSON.stringify(await productBill(), undefined, 2)}\n`;
  await new Response(text).body?.pipeTo(Deno.stdout.writable);
}
