import assert from "node:assert/strict";
import { parseCondition, parseTemplate, TemplateError } from "../../src/templates/liquid.ts";

Deno.test("a template is rendered with its variables", () => {
  const template = parseTemplate("{{ payload.name }}: {{ payload.list | join: '+' }}");
  assert.equal(template.render({ payload: { name: "Ada", list: [1, 2] } }), "Ada: 1+2");
});

Deno.test("a template escapes HTML only with the option, and the filter raw turns it off", () => {
  const scope = { name: "<b>" };
  assert.equal(parseTemplate("{{ name }}").render(scope), "<b>");
  const html = parseTemplate("{{ name }} {{ name | raw }}", { escape: "html" });
  assert.equal(html.render(scope), "&lt;b&gt; <b>");
});

Deno.test("data is never parsed as a template", () => {
  assert.equal(
    parseTemplate("{{ name }}").render({ name: "{{ 1 | plus: 1 }}" }),
    "{{ 1 | plus: 1 }}",
  );
});

Deno.test.each([
  { says: "undefined variable: x", text: "a\n {{ x.y }}", line: 2, column: 5 },
  { says: "undefined filter: nope", text: "{{ b | nope }}", line: 1, column: 1 },
  { says: 'tag "nope" not found', text: "a {% nope %}", line: 1, column: 3 },
  { says: "Failed to lookup", text: "{% render '/etc/passwd' %}", line: 1, column: 1 },
  { says: "Failed to lookup", text: "{% include '../deno.json' %}", line: 1, column: 1 },
  { says: "undefined variable: b.constructor", text: "{{ b.constructor }}", line: 1, column: 4 },
  { says: "undefined variable: b.__proto__", text: "{{ b.__proto__ }}", line: 1, column: 4 },
  {
    says: "limit exceeded",
    text:
      "{% assign a='aaaaaaaa' %}{% for i in (1..40) %}{% assign a = a | append: a %}{% endfor %}",
    line: 1,
    column: 48,
  },
  {
    says: "limit exceeded",
    text: "{% for i in (1..99999) %}{% for j in (1..99999) %}x{% endfor %}{% endfor %}",
    line: 1,
    column: 26,
  },
])("a template that cannot be rendered is refused with its place: $says, $text", (row) => {
  assert.throws(
    () => parseTemplate(row.text).render({ b: {} }),
    (error) => {
      assert.ok(error instanceof TemplateError);
      assert.ok(error.message.includes(row.says), error.message);
      assert.deepEqual({ line: error.line, column: error.column }, {
        line: row.line,
        column: row.column,
      });
      return true;
    },
  );
});

Deno.test("default and if allow variables that do not exist", () => {
  const template = parseTemplate(
    "{{ payload.x.y | default: 'none' }}{% if payload.z %}!{% endif %}",
  );
  assert.equal(template.render({ payload: {} }), "none");
});

Deno.test.each([
  { text: `event == "push" and payload.ref == "refs/heads/main"`, holds: true },
  { text: `event == "push" and payload.ref == "refs/heads/dev"`, holds: false },
  { text: `payload.deep.missing == "x"`, holds: false },
  { text: "payload.ref contains 'main'", holds: true },
])("a condition is true or false, and a missing variable is false: $text", ({ text, holds }) => {
  const scope = { event: "push", payload: { ref: "refs/heads/main" } };
  assert.equal(parseCondition(text).holds(scope), holds);
});

Deno.test("a condition with braces is refused", () => {
  assert.throws(() => parseCondition("true %}{% endif %}{% if true"), TemplateError);
  assert.throws(() => parseCondition(" "), TemplateError);
});

Deno.test("the limit of a render is counted in steps, so that it does not depend on the machine", () => {
  const loop = parseTemplate("{% for i in list %}{{ i }}{% endfor %}");
  const list = (length: number) => Array(length).fill("x");
  assert.equal(loop.render({ list: list(20_000) }).length, 20_000);
  assert.throws(() => loop.render({ list: list(60_000) }), /more than 50000 steps/);
});
