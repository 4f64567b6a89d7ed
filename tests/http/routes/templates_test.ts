import assert from "node:assert/strict";
import { openMailTemplates } from "../../../src/templates/mail_templates.ts";
import { Api } from "../../support/api.ts";

const templates = openMailTemplates("", () => new Map());
const ports = { templates: () => templates.list() };

Deno.test("GET /templates lists templates with sample data", async () => {
  await using api = await Api.open({ ports });
  const { body } = await api.get("/templates");
  const reset = body.data.find(({ name }: { name: string }) => name === "password-reset");
  assert.deepEqual({ formats: reset.formats, ready: reset.ready }, {
    formats: ["html", "text"],
    ready: true,
  });
  assert.ok(reset.sample.link);
});

Deno.test("GET /templates/{name} renders the sample data or the given data", async () => {
  await using api = await Api.open({ ports });
  const sample = await api.get("/templates/password-reset");
  assert.match(sample.body.text, /example.org\/reset/);
  const data = encodeURIComponent(JSON.stringify({ link: "https://example.net/<x>" }));
  const given = await api.get(`/templates/password-reset?data=${data}`);
  assert.match(given.body.html, /href="https:\/\/example.net\/&lt;x&gt;"/);
});

Deno.test("a preview as a page is sandboxed", async () => {
  await using api = await Api.open({ ports });
  const { status, headers, body } = await api.get("/templates/alert?format=html");
  assert.equal(status, 200);
  assert.match(headers.get("content-type") ?? "", /^text\/html/);
  assert.match(headers.get("content-security-policy") ?? "", /^sandbox; default-src 'none'/);
  assert.match(body, /<!doctype html>/);
});

Deno.test("a preview reports errors", async () => {
  await using api = await Api.open({ ports });
  const cases: [string, number, string?][] = [
    ["/templates/nobody", 404],
    ["/templates/alert?data={}", 422, "/data"],
    ["/templates/alert?data=[1]", 422, "/data"],
    ["/templates/alert?data=x", 422, "/data"],
    ["/templates/alert?format=pdf", 422, "/format"],
    ["/templates/alert?colour=red", 422, "/colour"],
  ];
  for (const [path, status, pointer] of cases) {
    const answered = await api.get(path);
    assert.deepEqual([answered.status, answered.body.errors?.[0].pointer], [status, pointer], path);
  }
});
