import assert from "node:assert/strict";
import { TemplateFileError } from "../../src/templates/mail_template.ts";
import { openMailTemplates, type ReadFolder } from "../../src/templates/mail_templates.ts";

const WELCOME = "---\nsubject: Welcome, {{ name }}\nsample: {name: Ada}\n---\n<p>Hi {{ name }}\n";

function folder(files: Record<string, string>): ReadFolder {
  return () => new Map(Object.entries(files));
}

function rendered(files: Record<string, string>, name: string, data = {}) {
  const result = openMailTemplates("", folder(files)).render(name, data);
  assert.ok("value" in result, JSON.stringify(result));
  return result.value;
}

Deno.test("the HTML of a template is in the layout, its subject is one line", () => {
  const files = {
    "welcome.html.liquid": WELCOME,
    "layout.html.liquid": "<title>{{ subject }}</title>{{ content | raw }}<p>{{ name }}",
  };
  const { subject, html, text } = rendered(files, "welcome", { name: "<A>\r\nBcc: x@y.example" });
  assert.equal(subject, "Welcome, <A> Bcc: x@y.example");
  assert.match(html ?? "", /^<title>Welcome, &lt;A&gt; Bcc: x@y.example<\/title><p>Hi &lt;A&gt;/);
  assert.equal(text, undefined);
});

Deno.test("nothing is escaped in a text part", () => {
  const files = { "a.txt.liquid": "---\nsubject: A\n---\n{{ name }}\n" };
  assert.deepEqual(rendered(files, "a", { name: "<A> & B" }), {
    subject: "A",
    text: "<A> & B\n",
  });
});

Deno.test("the operator's template replaces a built-in one as a whole", () => {
  const files = { "alert.txt.liquid": "---\nsubject: Mine\n---\nHello" };
  assert.deepEqual(rendered(files, "alert"), { subject: "Mine", text: "Hello\n" });
  const templates = openMailTemplates("", folder(files)).list();
  assert.deepEqual(templates.map(({ name, ready }) => [name, ready]), [
    ["alert", false],
    ["build-result", true],
    ["password-reset", true],
  ]);
});

Deno.test("the built-in templates render with their samples, also without a folder", () => {
  const templates = openMailTemplates("", () => {
    throw new Deno.errors.NotFound();
  });
  for (const { name, sample, formats } of templates.list()) {
    const { value } = templates.render(name, sample as Record<string, string>) as {
      value: { subject: string; html: string; text: string };
    };
    assert.deepEqual(formats, ["html", "text"]);
    assert.match(value.html, /^<!doctype html>[^]*<\/html>\s*$/);
    assert.doesNotMatch(value.subject + value.text + value.html, /undefined|\{\{|\{%/);
    assert.ok(value.subject.length > 0 && value.text.length > 0);
  }
});

Deno.test("each built-in template requires the variables it needs, and no others", () => {
  const templates = openMailTemplates("", folder({}));
  const least = {
    "alert": { title: "Down" },
    "build-result": { project: "p", passed: true },
    "password-reset": { link: "https://example.org/" },
  };
  for (const [name, data] of Object.entries(least)) {
    assert.ok("value" in templates.render(name, data), name);
    assert.deepEqual(templates.render(name, {}).issues?.[0]?.pointer, "/data", name);
  }
});

Deno.test.each([
  { file: "a b.html.liquid", text: WELCOME, says: /^a b.html.liquid: expected a name/ },
  {
    file: "a.html.liquid",
    text: "no front matter",
    says: /^a.html.liquid:1:1: expected a subject/,
  },
  { file: "a.html.liquid", text: "---\nsubject: [\n---\n", says: /^a.html.liquid:\d+:\d+: / },
  {
    file: "a.html.liquid",
    text: "---\nsubject: x\ncolour: red\n---\n",
    says: /^a.html.liquid:1:1: unknown field in the front matter: colour/,
  },
  {
    file: "a.html.liquid",
    text: "---\nsubject: x\n---\n<p>\n{% if a %}",
    says: /^a.html.liquid:5:1: /,
  },
  { file: "a.txt.liquid", text: "---\nsubject: x\n---\n{{ a | nofilter }}", says: /nofilter/ },
])("a wrong file is refused with its place: $says", ({ file, text, says }) => {
  assert.throws(
    () => openMailTemplates("", folder({ [file]: text })),
    (error: unknown) => error instanceof TemplateFileError && says.test(error.message),
  );
});

Deno.test("a reload takes new files, and changes nothing when one is wrong", () => {
  const files: Record<string, string> = { "a.txt.liquid": "---\nsubject: One\n---\nx" };
  const templates = openMailTemplates("", () => new Map(Object.entries(files)));
  const subject = () => (templates.render("a", {}) as { value: { subject: string } }).value.subject;
  files["a.txt.liquid"] = "---\nsubject: Two\n---\nx";
  templates.readAgain()();
  assert.equal(subject(), "Two");
  files["a.txt.liquid"] = "{% if %}";
  assert.throws(() => templates.readAgain(), TemplateFileError);
  assert.equal(subject(), "Two");
});

Deno.test("a link that runs a script is refused, however it is spelled", () => {
  const templates = openMailTemplates("", () => new Map());
  const render = (link: string) =>
    templates.render("password-reset", { name: "Ada", link, expires: "1 h" });
  for (
    const link of ["javascript:alert(1)", " JavaScript:x", "java\tscript:x", "\u0001vbscript:x"]
  ) {
    const { issues = [] } = render(link);
    assert.deepEqual(issues.map(({ pointer }) => pointer), ["/data"], link);
    assert.match(issues[0]?.detail ?? "", /expected https:/);
  }
  for (
    const link of ["https://example.org/javascript:", "mailto:a@example.org?subject=javascript:"]
  ) {
    assert.equal(render(link).issues, undefined);
  }
});

Deno.test("a long value in a link without quotes is searched once", () => {
  const files = { "a.html.liquid": "---\nsubject: A\n---\n<a href={{ url }}>x</a>\n" };
  // It took minutes: blanks were divided in all possible ways.
  const { html } = rendered(files, "a", { url: `${" ".repeat(200_000)}x` });
  assert.ok(html?.includes("x</a>"));
});
