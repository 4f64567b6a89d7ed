import assert from "node:assert/strict";
import { MappingError, parseMapping } from "../../src/hooks/mapping.ts";
import { fillPayload } from "../../src/task/placeholders.ts";
import type { Issue } from "../../src/task/issues.ts";
import type { Json } from "../../src/task/task.ts";

const EVIL = '{{task.result.body}}{{"{"}}<script>{% raw %}';

function mapped(mapping: Json, payload: Json): Json {
  const issues: Issue[] = [];
  const read = parseMapping(mapping, ["notify"], issues);
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
    json: { a: "2" },
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

Deno.test("a text that cannot be parsed fails at load, one that cannot be rendered fails at delivery", () => {
  const issues: Issue[] = [];
  parseMapping({ subject: "{{ payload.x", text: "{% nope %}" }, ["notify"], issues);
  assert.deepEqual(issues.map(({ pointer }) => pointer), ["/notify/subject", "/notify/text"]);
  assert.throws(() => mapped({ tags: ["{{ payload.none }}"] }, {}), (error) => {
    assert.ok(error instanceof MappingError);
    assert.equal(error.pointer, "/notify/tags/0");
    assert.match(error.message, /undefined variable: payload.none \(line 1, column 4/);
    return true;
  });
});
