import assert from "node:assert/strict";
import fc from "fast-check";
import {
  ExactJson,
  isKeptNumber,
  keepMembersAsText,
  parseExact,
  parseKeepingNumbers,
  parseWithNumbers,
} from "../../../src/lib/json/exact_json.ts";

const numbers: { text: string; value: number | string }[] = [
  { text: "12345678901234567891", value: "12345678901234567891" },
  { text: "-12345678901234567891", value: "-12345678901234567891" },
  { text: "9007199254740993", value: "9007199254740993" },
  { text: "9007199254740992", value: 9007199254740992 },
  { text: "1e400", value: "1e400" },
  { text: "1E-400", value: "1E-400" },
  { text: "1e23", value: 1e23 },
  { text: "1E+2", value: 100 },
  { text: "1.0", value: 1 },
  { text: "-0", value: -0 },
  { text: "0.1", value: 0.1 },
  { text: "0.10000000000000000000", value: 0.1 },
  { text: "0.1000000000000000055511151231257827", value: "0.1000000000000000055511151231257827" },
  { text: "123456789012345678", value: "123456789012345678" },
  { text: "100000000000000000000", value: 1e20 },
  { text: "0e999", value: 0 },
];

Deno.test.each(numbers)("parseExact() reads $text as $value", ({ text, value }) => {
  assert.deepEqual(parseExact(text), value);
  assert.deepEqual(parseExact(`{"a":[${text}, "${text}"]}`), { a: [value, text] });
});

Deno.test("parseKeepingNumbers() writes each number as it was", () => {
  const text = `{"n":[${numbers.map(({ text }) => text).join(",")}]}`;
  assert.equal(JSON.stringify(parseKeepingNumbers(text)), text);
  assert.ok(isKeptNumber(parseKeepingNumbers("1.0")));
  assert.ok(!isKeptNumber({ rawJSON: "1" }));
});

const CONTAINERS = new Set(["requests", "onSuccess", "fetch"]);

function kept(text: string): unknown {
  const value = JSON.parse(text);
  keepMembersAsText(text, value, "json", CONTAINERS);
  return value;
}

const texts: { text: string; at: (value: Any) => unknown; json: string }[] = [
  { text: '{"json":1.0}', at: (value) => value.json, json: "1.0" },
  {
    text: ' { "a" : "\\"}" , "json" : { "b" : [ 1e400 , "\\u00e9" ] } } ',
    at: (v) => v.json,
    json: '{ "b" : [ 1e400 , "\\u00e9" ] }',
  },
  { text: '{"json":"a\\\\","b":1}', at: (value) => value.json, json: '"a\\\\"' },
  { text: '{"json":null}', at: (value) => value.json, json: "null" },
  {
    text: '{"json":[],"json":{"b":1,"1":2,"b":3}}',
    at: (value) => value.json,
    json: '{"b":1,"1":2,"b":3}',
  },
  {
    text: '{"requests":[{"url":"x"},{"json":-0}]}',
    at: (value) => value.requests[1].json,
    json: "-0",
  },
  {
    text: '{"onSuccess":{"fetch":{"json":1.50}}}',
    at: (v) => v.onSuccess.fetch.json,
    json: "1.50",
  },
];

// deno-lint-ignore no-explicit-any -- JSON of many shapes
type Any = any;

Deno.test.each(texts)("keepMembersAsText() keeps $json of $text", ({ text, at, json }) => {
  const member = at(kept(text));
  assert.ok(member instanceof ExactJson);
  assert.equal(member.text, json);
});

Deno.test("keepMembersAsText() leaves members of other objects alone", () => {
  const text = '{"expect":{"json":{"/a":1}},"data":[{"json":2}],"x":"\\"json\\""}';
  assert.deepEqual(kept(text), JSON.parse(text));
});

Deno.test("keepMembersAsText() finds the text of any value, in any spelling", () => {
  fc.assert(fc.property(fc.json(), fc.constantFrom("", " ", "\n\t"), (json, space) => {
    const value = JSON.stringify(JSON.parse(json), undefined, space);
    const text = `{"a":${json},${space}"requests":[${json},{"json":${space}${value}${space}}]}`;
    const { requests } = kept(text) as { requests: [unknown, { json: ExactJson }] };
    assert.equal(requests[1].json.text, value);
  }));
});

Deno.test.each([
  { text: '{"fetch":5,"fetch":{"json":1}}', json: "1" },
  { text: '{"fetch":{"json":7},"fetch":{"url":"x"}}', json: undefined },
  { text: '{"fetch":{"json":7},"fetch":[{"json":8}]}', json: undefined },
  { text: '{"fetch":{"json":7},"fetch":{"json":8}}', json: "8" },
])("keepMembersAsText() keeps $json where names are repeated: $text", ({ text, json }) => {
  assert.equal((kept(text) as { fetch: { json?: ExactJson } }).fetch.json?.text, json);
});

Deno.test("an ExactJson within other JSON keeps its numbers", () => {
  const value = { json: new ExactJson('{"a":1.0, "b":12345678901234567891}') };
  assert.equal(JSON.stringify(value), '{"json":{"a":1.0,"b":12345678901234567891}}');
});

Deno.test("numbers that only stand in strings do not make parsing slow, others stay exact", () => {
  for (const text of ["1e400", " 1e400", "[1e400]", '{"a":1e400}', "[1,-12345678901234567891]"]) {
    assert.match(JSON.stringify(parseWithNumbers(text)), /1e400|-12345678901234567891/, text);
  }
  const value = { sha: "3e5f9a", long: "12345678901234567891" };
  assert.deepEqual(parseWithNumbers(JSON.stringify(value)), value);
  // Long texts are searched in another way.
  const long = '1e400, \\"'.repeat(1_000);
  const quoted = JSON.stringify(long);
  for (const number of ["1e400", "-1E400", "12345678901234567891", "0.12345678901234567"]) {
    for (const text of [`${number},${quoted}`, `${quoted},${number}`, `${quoted}, [${number} ]`]) {
      const parsed = JSON.stringify(parseWithNumbers(`[${text}]`));
      assert.ok(parsed.replaceAll(quoted, "").includes(number), text.slice(-30));
    }
  }
  const others = [long, 1, -2.5, true, null, "1e400"];
  assert.deepEqual(parseExact(JSON.stringify(others)), others);
});

Deno.test("parseExact() reads any number as a reviver that sees its source does", () => {
  const digits = fc.stringMatching(/^[0-9.eE+-]{1,40}$/);
  const blank = fc.constantFrom("", " ", "\n");
  const frame = fc.constantFrom<[string, string]>(["", ""], ["[", "]"], ['{"a":', "}"], [
    "{",
    ":1}",
  ]);
  fc.assert(fc.property(digits, blank, frame, (number, space, [before, after]) => {
    // A short text is searched in another way than a long one.
    for (const filler of ["", `${JSON.stringify("x".repeat(5_000))},`]) {
      const open = filler && before === "[" ? before + filler : before;
      const text = `${open}${space}${number}${space}${after}`;
      assert.deepEqual(outcome(() => parseExact(text)), outcome(() => parseRevived(text)), text);
    }
  }));
});

Deno.test("a number of a million digits is read in one pass", () => {
  // By a pattern, it would take hours.
  const number = `1.${"0".repeat(1_000_000)}1`;
  assert.deepEqual(parseExact(`[${number}]`), [number]);
});

function outcome(parse: () => unknown): unknown {
  try {
    return parse();
  } catch (error) {
    assert.ok(error instanceof SyntaxError, `${error}`);
    return "refused";
  }
}

function parseRevived(text: string): unknown {
  const json = JSON as unknown as {
    parse(
      text: string,
      revive: (_: string, value: unknown, at: { source?: string }) => unknown,
    ): unknown;
  };
  return json.parse(text, (_, value, { source = "" }) => {
    if (typeof value !== "number" || String(value) === source) return value;
    return isSameDecimal(source, String(value)) ? value : source;
  });
}

function isSameDecimal(one: string, other: string): boolean {
  const parts = (text: string) => {
    const [, sign, whole = "", fraction = "", exponent = 0] =
      /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/i.exec(text) ?? [];
    if (whole === "") return [text];
    const digits = BigInt(whole + fraction);
    let shift = BigInt(exponent) - BigInt(fraction.length);
    let rest = digits;
    while (rest > 0n && rest % 10n === 0n) {
      rest /= 10n;
      shift++;
    }
    return rest === 0n ? [0] : [sign, rest, shift];
  };
  return parts(one).join() === parts(other).join();
}
