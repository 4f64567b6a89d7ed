import assert from "node:assert/strict";
import fc from "fast-check";
import { fillPayload, hasPlaceholders, shield } from "../../src/task/placeholders.ts";
import type { Json } from "../../src/task/task.ts";

const DATA = {
  task: {
    state: "failed",
    result: { status: 503, ok: null, list: ["a", { b: "<i>" }], evil: 'a"b\r\nBcc: x@example.org' },
  },
};
const filled = (payload: Json) => JSON.parse(fillPayload(JSON.stringify(payload), DATA));

Deno.test.each([
  { text: "it {{task.state}}", becomes: "it failed" },
  { text: "{{ task.result.status }}!", becomes: "503!" },
  { text: "{{task.result.list.1.b}}", becomes: "<i>" },
  { text: "{{task.result.list}}", becomes: '["a",{"b":"<i>"}]' },
  { text: "[{{task.result.nothing}}{{task.result.ok}}]", becomes: "[]" },
  { text: "{{task.constructor}}{{task.result.__proto__}}", becomes: "" },
  { text: "{{payload.secret}} {{ 1 | plus: 1 }}", becomes: "{{payload.secret}} {{ 1 | plus: 1 }}" },
])(
  "$text becomes $becomes",
  ({ text, becomes }) => assert.deepEqual(filled({ text }), { text: becomes }),
);

Deno.test("a value is fitted to its place: HTML, one line, a URL, JSON", () => {
  const headers = { "content-type": "application/json", "x-state": "{{task.result.evil}}" };
  assert.deepEqual(
    filled({
      html: "<b>{{task.result.list.1.b}}</b>",
      filename: "{{task.result.evil}}.txt",
      subject: "{{task.result.evil}}",
      url: "https://example.org/%7B%7Btask.result.evil%7D%7D?s={{task.result.status}}",
      headers,
      body: '{"n":"{{task.result.status}}","t":"is {{task.result.evil}}","none":"{{task.x}}"}',
    }),
    {
      html: "<b>&lt;i&gt;</b>",
      filename: 'a"b__Bcc: x@example.org.txt',
      subject: 'a"b Bcc: x@example.org',
      url: "https://example.org/a%22b%0D%0ABcc%3A%20x%40example.org?s=503",
      headers: { ...headers, "x-state": 'a"b Bcc: x@example.org' },
      body: JSON.stringify({ n: 503, t: 'is a"b\r\nBcc: x@example.org', none: null }),
    },
  );
});

Deno.test.each([
  {
    html: '<a href="https://e.org/?q={{task.result.a}}">',
    value: "x&admin=1",
    becomes: "x%26admin%3D1",
  },
  { html: "<a class=b href='https://e.org/{{task.result.a}}'>", value: "x'y", becomes: "x&#39;y" },
  { html: "<img alt='' src=https://e.org/{{task.result.a}}>", value: "x y", becomes: "x%20y" },
  {
    html: '<a href="{{task.result.a}}">',
    value: "https://e.org/?a&b",
    becomes: "https://e.org/?a&amp;b",
  },
  {
    html: '<a href="{{task.result.a}}">',
    value: "javascript:alert(1)",
    becomes: "javascript%3Aalert(1)",
  },
  { html: '<a href="https://e.org/" title="{{task.result.a}}">', value: "a&b", becomes: "a&amp;b" },
  { html: '<a href="https://e.org/">{{task.result.a}}</a>', value: "a&b", becomes: "a&amp;b" },
])("in $html the value $value becomes $becomes", ({ html, value, becomes }) => {
  const payload = fillPayload(JSON.stringify({ html }), { task: { result: { a: value } } });
  assert.equal(JSON.parse(payload).html, html.replace("{{task.result.a}}", becomes));
});

Deno.test.each([
  {
    type: "application/x-www-form-urlencoded",
    body: "a=a%22b%0D%0ABcc%3A%20x%40example.org&n=503",
  },
  { type: "application/xml; charset=utf-8", body: "a=a&quot;b\r\nBcc: x@example.org&n=503" },
  { type: "image/svg+xml", body: "a=a&quot;b\r\nBcc: x@example.org&n=503" },
  { type: "text/html", body: "a=a&quot;b\r\nBcc: x@example.org&n=503" },
  { type: "text/plain", body: 'a=a"b\r\nBcc: x@example.org&n=503' },
])("a value in a body of $type is encoded for it", ({ type, body }) => {
  const given = "a={{task.result.evil}}&n={{task.result.status}}";
  const payload = filled({ headers: { "content-type": type }, body: given });
  assert.equal(payload.body, body);
});

Deno.test("a value is fitted to its place: an address, a URL of a mail, a channel, a name", () => {
  const mark = "{{task.result.evil}}";
  const encoded = "a%22b%0D%0ABcc%3A%20x%40example.org";
  assert.deepEqual(
    filled({
      to: [{ name: mark, address: `${mark}@example.org` }],
      unsubscribe: `mailto:${mark}@example.org`,
      target: `json://example.org/%7B%7Btask.result.evil%7D%7D`,
    }),
    {
      to: [{ name: 'a"b Bcc: x@example.org', address: `${mark}@example.org` }],
      unsubscribe: `mailto:${encoded}@example.org`,
      target: `json://example.org/${encoded}`,
    },
  );
});

Deno.test("what was filled in is not looked at again", () => {
  const data = { task: { label: "{{task.secret}}", secret: "hush" } };
  assert.equal(fillPayload('{"text":"{{task.label}}"}', data), '{"text":"{{task.secret}}"}');
});

Deno.test("an escaped text is unchanged, whatever it contains and wherever it is", () => {
  const part = fc.oneof(
    fc.string(),
    fc.constantFrom("{", "}", "{{", "}}", "{{task.state}}", '{{"{"}}', "%7B%7Btask.state%7D%7D"),
  );
  const aText = fc.array(part).map((parts) => parts.join("")).filter((t) => t.isWellFormed());
  fc.assert(fc.property(aText, aText, (one, two) => {
    const { text } = filled({ text: `${shield(one)}${shield(two)}` });
    assert.equal(text, one + two);
  }));
});

Deno.test("placeholders are found, also in an encoded URL", () => {
  assert.ok(hasPlaceholders("a {{task.id}}"));
  assert.ok(hasPlaceholders("https://example.org/%7B%7Bbatch.id%7D%7D"));
  assert.equal(hasPlaceholders("a {{ b }}"), false);
});

Deno.test("a body of JSON keeps all but its placeholders as it is written", () => {
  const headers = { "content-type": "application/json" };
  const body =
    '{ "id": 12345678901234567891, "f":1.0, "{{task.state}}": "{{task.state}}",\n"u":"\\u00e9"}';
  const expected = body.replace(': "{{task.state}}"', ': "failed"');
  assert.equal((filled({ headers, body }) as { body: string }).body, expected);
});

const LONG = {
  task: { id: "tsk_1", result: { body: "x".repeat(65_536), list: ["y".repeat(1_000)] } },
};

Deno.test.each([
  { place: "text", payload: { text: "{{task.result.body}}".repeat(5_000) } },
  { place: "html", payload: { html: "{{task.result.body}}".repeat(5_000) } },
  { place: "url", payload: { url: `https://a.org/?${"{{task.result.body}}".repeat(5_000)}` } },
  { place: "several members", payload: Object.fromEntries(numbers(5_000, "{{task.result.body}}")) },
  {
    place: "json",
    payload: {
      headers: { "content-type": "application/json" },
      body: JSON.stringify(Object.fromEntries(numbers(5_000, "{{task.result}}"))),
    },
  },
])("a value named thousands of times in $place is not repeated beyond a MiB", ({ payload }) => {
  const made = fillPayload(JSON.stringify(payload), LONG);
  assert.ok(made.length < 1_300_000, `${made.length}`);
  assert.equal(made.split("x".repeat(65_536)).length - 1, payload.body ? 15 : 16);
  assert.doesNotMatch(made, /task\.result/);
});

Deno.test("beyond the limit short values are still there, and long ones are as if there were none", () => {
  const body = ["{{task.result.body}}", "{{task.result.list}}", "{{task.id}}"];
  const many = [...Array.from({ length: 17 }, () => body[0]), ...body];
  const headers = { "content-type": "application/json" };
  const made = JSON.parse(
    JSON.parse(fillPayload(JSON.stringify({ headers, body: JSON.stringify(many) }), LONG)).body,
  );
  assert.deepEqual(made.slice(16), ["", "", null, ""]);
  const [short] = JSON.parse(
    JSON.parse(fillPayload(JSON.stringify({ headers, body: '["{{task.id}}"]' }), LONG)).body,
  );
  assert.equal(short, "tsk_1");
});

Deno.test.each([
  { kind: "encoded spaces", url: `%7B%7B${"%20".repeat(5_000_000)}` },
  { kind: "spaces", text: `{{${" ".repeat(10_000_000)}` },
  { kind: "braces", text: "{".repeat(10_000_000) },
  {
    kind: "escapes in JSON",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(`{{task.nothing}}${"\n".repeat(5_000_000)}`),
  },
])("a long text of $kind is taken as it is", ({ kind: _, ...payload }) => {
  const text = JSON.stringify({ ...payload, subject: "{{task.state}}" });
  const made = JSON.parse(fillPayload(text, DATA));
  assert.equal(made.subject, "failed");
  const given: Record<string, unknown> = payload;
  for (const name of ["url", "text"]) assert.ok(made[name] === given[name]);
  if (payload.body) assert.ok(made.body === payload.body.replace("{{task.nothing}}", ""));
});

function numbers(count: number, text: string): [string, string][] {
  return Array.from({ length: count }, (_, n) => [`f${n}`, text]);
}
