/**
 * Writes `src/deno.lock`: of `deno.lock`, the packages that `src/` imports, with the same versions
 * and digests. With it, the image and a first start download no test tools.
 *
 * Run as a program: `deno task lock`.
 *
 * @module
 */

import { ROOT } from "../support/process.ts";

/** A lock file of Deno, version 5. */
export interface Lock {
  readonly version: string;
  readonly specifiers: Readonly<Record<string, string>>;
  readonly npm: Readonly<Record<string, LockedPackage>>;
  readonly workspace: unknown;
}

/** A package in a lock file. */
export interface LockedPackage {
  /** SHA-512 of its archive, as `sha512-BASE64`. */
  readonly integrity: string;
  /** `NAME`, or `NAME@VERSION` where the lock has several versions. */
  readonly dependencies?: readonly string[];
  readonly optionalDependencies?: readonly string[];
}

/** The lock for programs that import these specifiers, such as `npm:zod@4.6.7`, and nothing else. */
export function lockFor(lock: Lock, specifiers: ReadonlySet<string>): Lock {
  const kept = new Set<string>();
  const versions = Map.groupBy(Object.keys(lock.npm), nameOf);
  const add = (reference: string): void => {
    const id = reference in lock.npm ? reference : versions.get(reference)?.[0];
    if (id === undefined || kept.has(id)) return;
    kept.add(id);
    for (const each of dependenciesOf(lock.npm[id])) add(each);
  };
  const named = Object.entries(lock.specifiers).filter(([specifier]) => specifiers.has(specifier));
  for (const [specifier, version] of named) {
    add(`${nameOf(specifier.replace(/^npm:/, ""))}@${version}`);
  }
  const count = Map.groupBy(kept, nameOf);
  // Deno leaves out the version where it is the only one.
  const shortened = (references: readonly string[]) =>
    references.map((each) => {
      const name = nameOf(each);
      return count.get(name)?.length === 1 ? name : each;
    });
  const npm = Object.entries(lock.npm).filter(([id]) => kept.has(id)).map(([id, entry]) => {
    const changed = Object.entries(entry).map(([field, value]) =>
      [field, /ependencies$/.test(field) ? shortened(value as readonly string[]) : value] as const
    );
    return [id, Object.fromEntries(changed) as unknown as LockedPackage] as const;
  });
  return { ...lock, specifiers: Object.fromEntries(named), npm: Object.fromEntries(npm) };
}

function dependenciesOf(entry: LockedPackage | undefined): readonly string[] {
  return [...entry?.dependencies ?? [], ...entry?.optionalDependencies ?? []];
}

/** The name of a package in `NAME@VERSION` or `NAME`. */
export function nameOf(id: string): string {
  const at = id.indexOf("@", 1);
  return at < 0 ? id : id.slice(0, at);
}

/** The npm specifiers that the files of a folder import by their names in `deno.json`. */
export async function importsOf(
  folder: string,
  imports: Readonly<Record<string, string>>,
): Promise<Set<string>> {
  const found = new Set<string>();
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) { for (const one of await importsOf(path, imports)) found.add(one); }
    else if (/\.tsx?$/.test(name)) {
      const text = await Deno.readTextFile(path);
      for (const [, specifier = ""] of text.matchAll(IMPORT)) {
        const key = Object.keys(imports).find((key) =>
          specifier === key || specifier.startsWith(`${key}/`)
        );
        if (key) found.add(imports[key] as string);
      }
    }
  }
  return found;
}

/** `import … from "x"`, `import "x"`, `import("x")`, and `@ts-types="x"`. */
const IMPORT = /(?:\bfrom |\bimport |\bimport\(|@ts-types=)"([^"]+)"/g;

/** What `src/deno.lock` has to be. */
export async function productLock(): Promise<string> {
  const { imports } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`));
  const lock = JSON.parse(await Deno.readTextFile(`${ROOT}deno.lock`)) as Lock;
  const product = lockFor(lock, await importsOf(`${ROOT}src`, imports));
  return `${JSON.stringify(product, undefined, 2)}\n`;
}

if (import.meta.main) await Deno.writeTextFile(`${ROOT}src/deno.lock`, await productLock());
