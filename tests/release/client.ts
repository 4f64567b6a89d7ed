/**
 * Makes the client for programs without TypeScript: `src/client.ts` as one file of plain
 * JavaScript, and one file with all its types. The service serves both.
 *
 * Run as a program: `deno task client`, or `deno task client FOLDER` for the files of an npm package.
 *
 * @module
 */

import ts from "typescript";
import { ROOT } from "../support/process.ts";

/** The two files, which belong together. */
export interface ClientFiles {
  readonly "client.js": string;
  readonly "client.d.ts": string;
}

const HEAD =
  "// Made of src/client.ts by `deno task client`. Runs in Node 20, Deno, Bun and browsers.\n";
const OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  lib: ["lib.es2023.d.ts", "lib.esnext.disposable.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"],
  types: [],
  strict: true,
  exactOptionalPropertyTypes: true,
  verbatimModuleSyntax: true,
  allowImportingTsExtensions: true,
  skipLibCheck: true,
  declaration: true,
  emitDeclarationOnly: true,
};

/** Makes both files. Throws an `Error` when the types are wrong or two of them have one name. */
export function clientFiles(): ClientFiles {
  const path = `${ROOT}src/client.ts`;
  const { outputText } = ts.transpileModule(Deno.readTextFileSync(path), {
    compilerOptions: { ...OPTIONS, declaration: false, emitDeclarationOnly: false },
  });
  return { "client.js": HEAD + outputText, "client.d.ts": HEAD + typesOf(path) };
}

/** All types that the module exports, and those that they need, in one text. */
function typesOf(path: string): string {
  const program = ts.createProgram([path], OPTIONS);
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(path);
  // Only this file: what it imports may need modules of the runtime, which its types do not name.
  const [problem] = ts.getPreEmitDiagnostics(program, source);
  if (problem) throw new Error(ts.flattenDiagnosticMessageText(problem.messageText, "\n"));
  const module = source && checker.getSymbolAtLocation(source);
  const exported = new Set(
    module ? checker.getExportsOfModule(module).map(({ name }) => name) : [],
  );
  const declared = new Map<string, ts.Statement[]>();
  program.emit(undefined, (name, text) => {
    const file = ts.createSourceFile(name, text, ts.ScriptTarget.ES2022, true);
    for (const statement of file.statements) {
      for (const each of namesOf(statement)) {
        declared.set(each, [...declared.get(each) ?? [], statement]);
      }
    }
  });
  const needed = new Map<string, ts.Statement>();
  const add = (name: string): void => {
    const [statement, other] = declared.get(name) ?? [];
    if (!statement || needed.has(name)) return;
    if (other) throw new Error(`Cannot join the types: two are named ${name}`);
    needed.set(name, statement);
    visit(statement);
  };
  const visit = (node: ts.Node): void => {
    if (ts.isTypeReferenceNode(node) && ts.isIdentifier(node.typeName)) add(node.typeName.text);
    if (ts.isExpressionWithTypeArguments(node) && ts.isIdentifier(node.expression)) {
      add(node.expression.text);
    }
    if (ts.isTypeQueryNode(node) && ts.isIdentifier(node.exprName)) add(node.exprName.text);
    ts.forEachChild(node, visit);
  };
  for (const name of exported) add(name);
  const texts = [...needed].map(([name, statement]) => {
    const text = statement.getFullText().trim().replace(/^\/\*\*[^]*?@module\s*\*\/\s*/, "");
    const plain = text.replace(/^((?:\/\*\*[^]*?\*\/\s*)?)export /, "$1");
    return exported.has(name) ? plain.replace(/^((?:\/\*\*[^]*?\*\/\s*)?)/, "$1export ") : plain;
  });
  // Without this line every declaration of a module is exported.
  return `${texts.join("\n")}\nexport {};\n`;
}

function namesOf(statement: ts.Statement): string[] {
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.map(({ name }) => name.getText());
  }
  const isNamed = ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement) ||
    ts.isClassDeclaration(statement) || ts.isFunctionDeclaration(statement);
  return isNamed && statement.name ? [statement.name.text] : [];
}

/** The files of the npm package `@postrider/client`, which is not published. */
export async function packageFiles(): Promise<Readonly<Record<string, string>>> {
  const { version, license } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`));
  const manifest = {
    name: "@postrider/client",
    version,
    description: "A client of Postrider, a queue for notifications and HTTP requests",
    license,
    type: "module",
    exports: { ".": { types: "./client.d.ts", default: "./client.js" } },
    files: ["client.js", "client.d.ts"],
    engines: { node: ">=20" },
    sideEffects: false,
  };
  return {
    ...clientFiles(),
    "package.json": `${JSON.stringify(manifest, undefined, 2)}\n`,
    "README.md": "# @postrider/client\n\nSee the manual of Postrider, `/manual/clients`.\n",
    LICENSE: await Deno.readTextFile(`${ROOT}LICENSE`),
  };
}

if (import.meta.main) {
  const [folder] = Deno.args;
  const files = folder === undefined ? clientFiles() : await packageFiles();
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(`${folder ?? `${ROOT}src/http/assets`}/${name}`, text);
  }
}
