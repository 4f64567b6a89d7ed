import assert from "node:assert/strict";
import { readYaml } from "../../src/lib/yaml.ts";

const TEXT = `hooks:
  builds:
    preset: github
    tasks:
      - notify:
          to: ada@example.org
"a/b~c": 1
`;

Deno.test.each([
  { pointer: "/hooks/builds/preset", line: 3, column: 13 },
  { pointer: "/hooks/builds/tasks", line: 4, column: 5 },
  { pointer: "/hooks/builds/tasks/0/notify", line: 5, column: 9 },
  { pointer: "/hooks/builds/tasks/0/notify/to", line: 6, column: 15 },
  { pointer: "/hooks/builds/tasks/0/notify/missing", line: 5, column: 9 },
  { pointer: "/hooks/builds/secret", line: 2, column: 3 },
  { pointer: "/a~1b~0c", line: 7, column: 10 },
  { pointer: "", line: 1, column: 1 },
])("$pointer stands at $line:$column", ({ pointer, line, column }) => {
  const read = readYaml(TEXT);
  assert.ok("value" in read);
  assert.deepEqual(read.placeOf(pointer), { line, column });
});

Deno.test.each([
  { text: "a: [1", says: /Flow sequence/, line: 1 },
  { text: "a: 1\na: 2", says: /unique/, line: 2 },
  { text: "a:\n\tb: 1", says: /[Tt]ab/, line: 2 },
])("what is no YAML is told with its line: %j", ({ text, says, line }) => {
  const read = readYaml(text);
  assert.ok("faults" in read);
  assert.match(read.faults[0]?.detail ?? "", says);
  assert.equal(read.faults[0]?.line, line);
});

Deno.test("a few lines that stand for millions are refused", () => {
  let text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (let n = 1; n < 9; n++) {
    text += `a${n}: &a${n} [${Array(10).fill(`*a${n - 1}`).join(",")}]\n`;
  }
  const read = readYaml(text);
  assert.ok("faults" in read);
  assert.match(read.faults[0]?.detail ?? "", /alias/);
});

Deno.test("an empty text says nothing", () => {
  const read = readYaml("# nothing\n");
  assert.ok("value" in read && read.value === undefined);
});
