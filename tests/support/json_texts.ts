/**
 * JSON texts that parsers and writers tend to change or to misread, after the kinds of
 * JSONTestSuite: numbers, strings, structures, white space, and texts that are no JSON.
 *
 * @module
 */

/** A valid text, and its value as programs get it. */
export interface JsonSample {
  readonly text: string;
  readonly value: unknown;
  /** The text that a writer makes of it who keeps the digits of large numbers. */
  readonly rewritten: string;
}

/** Each with the value that a double can hold; without one, the digits stay as they are. */
const NUMBERS: readonly (readonly [text: string, value?: number])[] = [
  ["0", 0],
  ["-0", 0],
  ["-0.0", 0],
  ["0e0", 0],
  ["0E-5", 0],
  ["0e99999", 0],
  ["-0e-999", 0],
  ["1", 1],
  ["1.0", 1],
  ["1.00000000000000000000", 1],
  ["1e0", 1],
  ["1E0", 1],
  ["1E+2", 100],
  ["1e-2", 0.01],
  ["1.50", 1.5],
  ["123.456e5", 12345600],
  ["0.1", 0.1],
  ["0.10", 0.1],
  ["0.30000000000000004", 0.30000000000000004],
  ["3.141592653589793", 3.141592653589793],
  ["3.14159265358979323846"],
  ["9007199254740991", 9007199254740991],
  ["9007199254740992", 9007199254740992],
  ["9007199254740993"],
  ["-9007199254740993"],
  ["9223372036854775807"],
  ["9223372036854775808"],
  ["-9223372036854775808"],
  ["18446744073709551615"],
  ["18446744073709551616"],
  ["12345678901234567890"],
  ["12345678901234567891"],
  ["100000000000000000000", 1e20],
  ["1e21", 1e21],
  ["1000000000000000000000", 1e21],
  ["1e22", 1e22],
  ["1e23", 1e23],
  ["99999999999999999999999"],
  ["1.7976931348623157e308", 1.7976931348623157e308],
  ["1.7976931348623159e308"],
  ["1e308", 1e308],
  ["1e309"],
  ["1e400"],
  ["-1e400"],
  ["1E400"],
  ["1e+400"],
  ["1e9999999999"],
  ["5e-324", 5e-324],
  ["2e-324"],
  ["1e-400"],
  ["-1e-400"],
  ["2.2250738585072014e-308", 2.2250738585072014e-308],
  ["0.1000000000000000055511151231257827021181583404541015625"],
  ["123456789.123456789123456789"],
  [`1${"0".repeat(308)}`, 1e308],
  [`1${"0".repeat(309)}`],
  ["9".repeat(500)],
  [`0.${"3".repeat(500)}`],
  [`-0.${"0".repeat(400)}1`],
];

const STRINGS: readonly string[] = [
  '""',
  '" "',
  '"a"',
  '"\\"\\\\\\/\\b\\f\\n\\r\\t"',
  '"/"',
  '"\\/"',
  '"\\u0041"',
  '"\\u00e9 \\u00E9 é"',
  '"e\\u0301 é"',
  '"\\u0000"',
  '"a\\u0000b\\u0000"',
  '"\\u0001\\u001f\\u007f"',
  '"\u007f\u0080\u009f"',
  '"\\u2028\\u2029"',
  '"\u2028\u2029"',
  '"\\ufeff"',
  '"\ufeff"',
  '"\\ufffe\\uffff"',
  '"\uffff"',
  '"\\ufffd"',
  '"\\ud83d\\ude00"',
  '"\\uD83D\\uDE00"',
  '"😀"',
  '"\\ud800"',
  '"\\udc00"',
  '"\\udc00\\ud800"',
  '"\\ud83d x \\ude00"',
  '"\\ud800\\ud800\\udc00"',
  '"\\udbff\\udfff"',
  '"𝄞\\ud834\\udd1e"',
  '"日本語"',
  '"עברית \u202e"',
  '"\\\\u0041"',
  '"\\\\\\\\"',
  '"\\\\\\""',
  '"{}[],:"',
  '"1e400"',
  '"12345678901234567891"',
  '"null"',
  '"</script><!--"',
  '"%7B%7B %00"',
  '"{ {task.id} }"',
  '"held:1:2:0"',
  `"${"x".repeat(20_000)}"`,
  `"${"\\u00e9".repeat(2_000)}"`,
];

const STRUCTURES: readonly string[] = [
  "null",
  "true",
  "false",
  "[]",
  "{}",
  "[[]]",
  "[{}]",
  '{"":0}',
  '{"a":1,"a":2}',
  '{"a":1,"a":1}',
  '{"a":{"b":1},"a":{"c":2}}',
  '{"b":1,"10":2,"2":3,"a":4}',
  '{"\\u0061":1,"a":2}',
  '{"\\u0000":"\\u0000"}',
  '{"\\ud800":1}',
  '{"a\\"b":"c\\"d"}',
  '{"__proto__":{"x":1},"constructor":null,"toJSON":2,"length":3}',
  '{"json":1.0,"requests":[{"json":1.50,"url":"x"}],"fetch":{"json":2.0},"urls":["u"]}',
  '{"rawJSON":"1"}',
  "[1,2,3]",
  "[1.0,1e400,-0]",
  '[null,true,false,0,"",[],{}]',
  `[${"0,".repeat(2_000)}0]`,
  `{${Array.from({ length: 300 }, (_, at) => `"k${at}":${at}.0`).join(",")}}`,
  `${"[".repeat(55)}${"]".repeat(55)}`,
  `${'{"a":'.repeat(55)}1${"}".repeat(55)}`,
  `${'[{"a":'.repeat(27)}1.0${"}]".repeat(27)}`,
];

const SPACES: readonly string[] = [
  "[ ]",
  "{ }",
  "[\n]",
  "[ 1 ]",
  "[1 , 2]",
  "[\t1,\r\n2\r]",
  '{ "a" : 1 }',
  '{"a"\n:\n1}',
  '{\t"a":\t[\t]\t}',
  '{"a":1 ,"b":2}',
  `[${" ".repeat(3_000)}1]`,
  '[ " a  b " ]',
];

const exactly: Record<string, number | string> = Object.fromEntries(
  NUMBERS.map(([text, value]) => [text, value ?? text]),
);

/** The value of a text; numbers by the list above. */
function valueOf(text: string): unknown {
  const parse = JSON.parse as (text: string, reviver: Reviver) => unknown;
  return parse(text, (_, value, { source = "" }) => {
    return typeof value === "number" ? exactly[source] ?? value : value;
  });
}

type Reviver = (name: string, value: unknown, context: { source?: string }) => unknown;

function rewritten(text: string): string {
  const isNumber = Object.hasOwn(exactly, text);
  if (isNumber) return typeof exactly[text] === "string" ? text : JSON.stringify(exactly[text]);
  return JSON.stringify(JSON.parse(text)).replace("[1,null,0]", "[1,1e400,0]");
}

/** The valid texts. */
export const VALID: readonly JsonSample[] = [
  ...NUMBERS.map(([text]) => text),
  ...STRINGS,
  ...STRUCTURES,
  ...SPACES,
].map((text) => ({ text, value: valueOf(text), rewritten: rewritten(text) }));

/** Texts that are no JSON. */
export const INVALID: readonly string[] = [
  ...["", " ", "01", "-01", "00", "+1", "-", "--1", "1.", ".5", "-.5", "1.e1", "1e", "1e+", "1E-"],
  ...["1e1.5", "0x10", "0b1", "0o7", "1_000", "1,000", "1n", "NaN", "-NaN", "Infinity"],
  ...["-Infinity", "１", "1 2", "1a", "- 1", "²", "1e１"],
  ...["'a'", '"a', 'a"', '"\\x41"', '"\\a"', '"\\u12"', '"\\u12g4"', '"\\U0041"', '"\\"', '"\t"'],
  ...['"\n"', '"a\u0000b"', '"\u001f"', '"\\\n"', "“a”", '"a" "b"', '"\\ud8"', "`a`"],
  ...["[", "]", "{", "}", "[1", "[1,", "[1,]", "[,1]", "[,]", "[1,,2]", "[1 2]", "[1:2]", "[1;2]"],
  ...['{"a"}', '{"a":}', "{:1}", "{1:1}", "{a:1}", "{'a':1}", '{"a":1,}', '{,"a":1}', '{"a" 1}'],
  ...['{"a":1 "b":2}', '{"a":1,,"b":2}', '{"a":1', '{"a', "[}", "{]", '{"a":[}', "[1]]", "{}}"],
  ...["nul", "True", "FALSE", "undefined", "none", "/* a */ 1", "1 // a", "# a", "[1]a", "\u00a01"],
  ...["\u2028[]", "[\u000b]", "[\f]", "\ufeff1", "…"],
];
