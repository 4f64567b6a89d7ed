import assert from "node:assert/strict";
import { engineContract } from "./contract.ts";

/**
 * Tests of the contract that an engine does not pass, by name, with the reason. There is none.
 * `src/DECISIONS.md`, "What differs on PostgreSQL", lists where that engine keeps a promise less
 * strictly than the contract can test with one caller and a clock of its own.
 */
const EXCEPTIONS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  memory: {},
  sqlite: {},
  postgres: {},
};

/** The names of the contract's tests, without the engine's. */
function contractNames(): string[] {
  const names: string[] = [];
  const { test } = Deno;
  const record = (given: string | { name: string }) => {
    names.push((typeof given === "string" ? given : given.name).replace(/^engine: /, ""));
  };
  Reflect.set(Deno, "test", Object.assign(record, { each: test.each, ignore: record }));
  try {
    engineContract("engine", () => Promise.reject(new Error("Not to be opened")));
  } finally {
    Reflect.set(Deno, "test", test);
  }
  return names;
}

Deno.test("every engine runs the whole contract, except what is listed here by name", async (t) => {
  const names = contractNames();
  assert.ok(names.length > 90, `${names.length} tests`);
  assert.equal(new Set(names).size, names.length, "each has a name of its own");
  for (const [engine, excepted] of Object.entries(EXCEPTIONS)) {
    const ran = names.length - Object.keys(excepted).length;
    await t.step(`${engine}: ${ran} of ${names.length} tests`, async () => {
      for (const name of Object.keys(excepted)) assert.ok(names.includes(name), name);
      const source = await Deno.readTextFile(new URL(`${engine}_test.ts`, import.meta.url));
      assert.match(source, new RegExp(`engineContract\\("${engine}", `));
    });
  }
});
