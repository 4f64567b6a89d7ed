import assert from "node:assert/strict";
import { MappingError, parseMapping } from "../../src/hooks/mapping.ts";
import { parseMailbox } from "../../src/task/input/mailbox.ts";
import { fillPayload } from "../../src/task/placeholders.ts";
import type { Issue } from "../../src/task/issues.ts";
import { parseWithNumbers } from "../../src/lib/json/exact_json.ts";
import type { Json, TaskType } from "../../src/task/task.ts";

const EVIL = '{{task.result.body}}{{"{"}}<script>{% raw %}';

function mapped(mapping: Json, payload: Json, type: TaskType = "notify"): Json {
  const issues: Issue[] = [];
  const read = parseMapping(mapping, { type, at: [type] }, issues);
  assert.deepEqual(issues, []);
  return read.fill({ payload });
}

Deno.test("texts are rendered at every depth, other values stay unchanged", () => {
  const mapping = {
    to: ["{{ payload.who }}"],
    priority: 3,
    json: { a: "{{ payload.n | plus: 1 }}" },
  };
  assert.deepEqual(mapped(mapping, { who: "ada@example.org", n: 1 }), {
    to: ["ada@example.org"],
    priority: 3,
    json: { a: 2 },
  });
});

Deno.test("values of the payload are escaped in HTML and never parsed as templates", () => {
  assert.deepEqual(
    mapped({ html: "<b>{{ payload.x }}</b>", text: "{{ payload.x }}" }, { x: EVIL }),
    {
      html: `<b>${
        EVIL.replaceAll('"', "&#34;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
      }</b>`,
      text: EVIL,
    },
  );
});

const senders: { name: string; to: string }[] = [
  { name: "Doe, John", to: '"Doe, John" <ada@example.org>' },
  { name: 'a "q" \\', to: '"a \\"q\\" \\\\" <ada@example.org>' },
  { name: "a\r\nb\u202e", to: '"a b" <ada@example.org>' },
  { name: "x> <eve@example.org", to: '"x> <eve@example.org" <ada@example.org>' },
  { name: " ", to: "<ada@example.org>" },
  { name: "ü".repeat(300), to: `"${"ü".repeat(256)}" <ada@example.org>` },
];

Deno.test.each(senders)("the name $name of a mailbox fails no mapping", ({ name, to }) => {
  const address = "{{ payload.name }} <{{ payload.mail }}>";
  const mapping = { to: [address], from: `"{{ payload.name }}" <{{ payload.mail }}>` };
  const filled = mapped(mapping, { name, mail: "ada@example.org" });
  assert.deepEqual(filled, { to: [to], from: to });
  assert.equal(parseMailbox(to)?.address, "ada@example.org");
});

Deno.test("a file is named by what a sender writes, made safe", () => {
  const mapping = { attachments: [{ filename: "{{ payload.x }}.txt", content: "" }] };
  const nameOf = (x: string) => {
    const { attachments: [file] } = mapped(mapping, { x }) as {
      attachments: [{ filename: string }];
    };
    return file.filename;
  };
  assert.equal(nameOf("build 42"), "build 42.txt");
  assert.equal(nameOf("../a/b\u202e"), "_a_b_.txt");
  assert.equal(nameOf("x".repeat(999)), `${"x".repeat(146)}.txt`);
});

Deno.test("a sender cannot write a placeholder of a follow-up", () => {
  const mapping = {
    onSuccess: {
      notify: {
        text: "{{ payload.x }} is {{task.state}} {{ payload.x | raw }} {{ task.id }}",
        html: "<i>{{ payload.x }}</i> {{task.state}}",
      },
    },
  };
  const filled = mapped(mapping, { x: EVIL }) as { onSuccess: { notify: Json } };
  const facts = { task: { state: "succeeded", id: "tsk_1", result: { body: "hush" } } };
  const end = JSON.parse(fillPayload(JSON.stringify(filled.onSuccess.notify), facts));
  assert.equal(end.text, `${EVIL} is succeeded ${EVIL} tsk_1`);
  assert.ok(!end.html.includes("hush") && !end.html.includes("<script>"), end.html);
  assert.ok(end.html.endsWith("</i> succeeded"));
});

const HUSH = { task: { state: "succeeded", result: { body: "hush", list: ["hush"] } } };
const BRACES = ["{{task.result.body}}", "%7B%7Btask.result.body%7D%7D", "{", "%7b", '{{"{"}}'];

Deno.test.each(
  BRACES.flatMap((x) => ["/{{ payload.x }}", "/?m={{ payload.x | raw }}"].map((at) => ({ x, at }))),
)("a sender cannot write a placeholder in the URL of a follow-up: $x at $at", ({ x, at }) => {
  const mapping = (url: string) => ({ onSuccess: { fetch: { url } } });
  const end = (url: string, payload: Json) => {
    const filled = mapped(mapping(url), payload) as { onSuccess: { fetch: { url: string } } };
    // The URL standard encodes some braces.
    const { href } = new URL(filled.onSuccess.fetch.url);
    return JSON.parse(fillPayload(JSON.stringify({ url: href }), HUSH)).url;
  };
  const value = at.includes("raw") ? x : encodeURIComponent(x);
  const expected = new URL(`https://x.org${at.replace(/\{\{.*\}\}/, () => value)}`).href;
  const decoded = (url: string) =>
    url.replace(/%7b/gi, "{").replace(/%7d/gi, "}").replaceAll("%22", '"');
  assert.equal(decoded(end(`https://x.org${at}`, { x })), decoded(expected));
  const whole = `https://x.org/${x}`;
  assert.equal(decoded(end("{{ payload.x }}", { x: whole })), decoded(whole));
});

Deno.test("a body of JSON in a follow-up holds what a sender wrote, as text and as JSON", () => {
  const x = '{"a{": ["{{task.result.body}}", "{"]}';
  const filled = mapped({
    onSuccess: {
      fetch: {
        url: "https://x.org/",
        headers: { "content-type": "application/json" },
        body: '{"text":"{{ payload.x }}","all":{{ payload.all | json }},"state":"{{task.state}}"}',
      },
    },
  }, { x, all: JSON.parse(x) }) as { onSuccess: { fetch: Json } };
  const { body } = JSON.parse(fillPayload(JSON.stringify(filled.onSuccess.fetch), HUSH));
  assert.deepEqual(JSON.parse(body), { text: x, all: JSON.parse(x), state: "succeeded" });
});

Deno.test("a text that cannot be parsed fails at load, one that cannot be rendered fails at delivery", () => {
  const issues: Issue[] = [];
  parseMapping(
    { subject: "{{ payload.x", text: "{% nope %}" },
    { type: "notify", at: ["notify"] },
    issues,
  );
  assert.deepEqual(issues.map(({ pointer }) => pointer), ["/notify/subject", "/notify/text"]);
  assert.throws(() => mapped({ tags: ["{{ payload.none }}"] }, {}), (error) => {
    assert.ok(error instanceof MappingError);
    assert.equal(error.pointer, "/notify/tags/0");
    assert.match(error.message, /undefined variable: payload.none \(line 1, column 4/);
    return true;
  });
});

const PAYLOAD = parseWithNumbers(`{
  "id": 12345678901234567891, "count": 3, "isOpen": true, "none": null, "list": ["a&b", 2],
  "text": "a&admin=1#x", "lines": "one\\n\\ttwo \\u2028 three", "quote": "say \\"hi\\"\\n"
}`);

Deno.test.each([
  { url: "https://x.org/?m={{ payload.text }}", becomes: "https://x.org/?m=a%26admin%3D1%23x" },
  { url: "https://x.org/{{payload.text}}?x", becomes: "https://x.org/a%26admin%3D1%23x?x" },
  { url: "https://x.org/?{{ payload.text | raw }}", becomes: "https://x.org/?a&admin=1#x" },
  {
    url: "https://x.org/?m={{ payload.text | url_encode }}",
    becomes: "https://x.org/?m=a%26admin%3D1%23x",
  },
  { url: "{{ payload.text }}", becomes: "a&admin=1#x" },
  { url: "{{ payload.list[0] }}/{{ payload.list[0] }}", becomes: "a&b/a%26b" },
  { url: "https://x.org/{{ payload.id }}", becomes: "https://x.org/12345678901234567891" },
])("a value in the URL $url becomes $becomes", ({ url, becomes }) => {
  assert.deepEqual(mapped({ url }, PAYLOAD, "fetch"), { url: becomes });
  assert.deepEqual(mapped({ urls: [url] }, PAYLOAD, "fetch"), { urls: [becomes] });
  assert.deepEqual(mapped({ callback: url }, PAYLOAD), { callback: becomes });
  const follow = mapped({ onSuccess: { fetch: { url } } }, PAYLOAD) as unknown;
  assert.deepEqual(follow, { onSuccess: { fetch: { url: becomes } } });
});

Deno.test("a value in the URL of a chat service is encoded, in an address it is not", () => {
  assert.deepEqual(
    mapped({ to: ["ntfy://x.org/{{ payload.text }}", "{{ payload.text }}@x.org"] }, PAYLOAD),
    { to: ["ntfy://x.org/a%26admin%3D1%23x", "a&admin=1#x@x.org"] },
  );
});

Deno.test("a subject, a title and a header are one line", () => {
  const line = "New: {{ payload.lines }}\n";
  assert.deepEqual(
    mapped({ subject: line, title: line, headers: { "x-note": line }, text: line }, PAYLOAD),
    {
      subject: "New: one two three",
      title: "New: one two three",
      headers: { "x-note": "New: one two three" },
      text: "New: one\n\ttwo \u2028 three\n",
    },
  );
  const long = mapped({ subject: "{{ payload.x }}" }, { x: "ü".repeat(900) }) as {
    subject: string;
  };
  assert.ok(new TextEncoder().encode(long.subject).length <= 998);
});

Deno.test("a value that is a whole text keeps its type where the field takes more than text", () => {
  const json = {
    id: "{{ payload.id }}",
    list: ["{{ payload.count }}", "{{- payload.isOpen -}}", "{{ payload.none }}"],
    all: "{{ payload.list }}",
    text: "{{ payload.count }} items",
    missing: "{{ payload.nothing | default: 5 }}",
  };
  const filled = mapped({ json, priority: "{{ payload.count }}" }, PAYLOAD, "fetch");
  assert.equal(
    JSON.stringify(filled),
    '{"json":{"id":12345678901234567891,"list":[3,true,null],"all":["a&b",2],' +
      '"text":"3 items","missing":5},"priority":3}',
  );
  assert.deepEqual(
    mapped({
      to: "{{ payload.list }}",
      subject: "{{ payload.count }}",
      data: { n: "{{ payload.count }}" },
    }, PAYLOAD),
    { to: ["a&b", 2], subject: "3", data: { n: 3 } },
  );
});

Deno.test("numbers that a double cannot hold keep their digits in every text", () => {
  assert.deepEqual(
    mapped(
      { subject: "{{ payload.id }}", text: "{{ payload | json }}" },
      parseWithNumbers('{"id":12345678901234567891}'),
    ),
    { subject: "12345678901234567891", text: '{"id":12345678901234567891}' },
  );
});

Deno.test("a value in a body of JSON or of a form cannot break out of its text", () => {
  const json = '{"said": "{{ payload.quote }}", "all": {{ payload.list | json }}}';
  assert.deepEqual(
    mapped({ headers: { "Content-Type": "application/json" }, body: json }, PAYLOAD, "fetch"),
    {
      headers: { "Content-Type": "application/json" },
      body: '{"said": "say \\"hi\\"\\n", "all": ["a&b",2]}',
    },
  );
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  assert.deepEqual(
    mapped({ headers, body: "a={{ payload.text }}" }, PAYLOAD, "fetch"),
    { headers, body: "a=a%26admin%3D1%23x" },
  );
  const plain = mapped({ body: "{{ payload.text }}" }, PAYLOAD, "fetch");
  assert.deepEqual(plain, { body: "a&admin=1#x" });
});

Deno.test("the JSON of a follow-up keeps types, and shields what a sender wrote", () => {
  const mapping = {
    onSuccess: {
      fetch: {
        url: "https://x.org/",
        json: { n: "{{ payload.n }}", x: "{{ payload.x }}", s: "{{task.state}}" },
      },
    },
  };
  const filled = mapped(mapping, { n: 3, x: { "{{task.id}}": "{{task.result.body}}" } }, "fetch");
  assert.deepEqual(filled, {
    onSuccess: {
      fetch: {
        url: "https://x.org/",
        json: {
          n: 3,
          x: { "{{task.id}}": '{{"{"}}{{"{"}}task.result.body}}' },
          s: "{{task.state}}",
        },
      },
    },
  });
});
