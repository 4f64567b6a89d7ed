import assert from "node:assert/strict";
import { parseApiKeys } from "../../../src/http/auth/auth.ts";
import { Api } from "../../support/api.ts";
import { notifyPorts } from "../../support/notify_ports.ts";

const ALIASES = { oncall: ["Ada <ada@example.org>", "slack://T1A2/B3C4/s3cr3ts3cr3t"] };
const KEY = { authorization: "Bearer s1" };

function open() {
  return Api.open({
    keys: parseApiKeys("ci:s1"),
    anonymous: "loopback",
    ports: notifyPorts({ aliases: ALIASES }),
  });
}

Deno.test("JSON for an alias is answered with 200 and goes to all its targets", async () => {
  await using api = await open();
  const { status, body } = await api.post("/apprise/notify/oncall", {
    title: "Down",
    body: "db-1 is *down*",
    type: "failure",
    format: "markdown",
    tag: null,
  });
  assert.equal(status, 200);
  assert.equal(body.total, 2);
  const mail = (await api.get(`/tasks/${body.tasks[0].id}`)).body.payload;
  assert.deepEqual({
    to: mail.to,
    subject: mail.subject,
    markdown: mail.markdown,
    severity: mail.severity,
  }, {
    to: ["Ada <ada@example.org>"],
    subject: "Down",
    markdown: "db-1 is *down*",
    severity: "failure",
  });
});

Deno.test("urls may be one, an array, or several in one text", async () => {
  await using api = await open();
  const one = "ntfys://push.example.org/a";
  const two = "ntfys://push.example.org/b";
  for (const urls of [[one, two], `${one},${two}`, `${one} ${two}`]) {
    const { status, body } = await api.post("/apprise/notify", { urls, body: "Hello" });
    assert.deepEqual({ status, total: body.total }, { status: 200, total: 2 });
  }
  assert.equal((await api.post("/apprise/notify", { urls: one, body: "Hello" })).status, 200);
});

Deno.test("a form, with files or without, needs an API key", async () => {
  await using api = await open();
  const form = new FormData();
  form.set("body", "See the report");
  form.set("title", "Report");
  form.set("file1", new File(["all good"], "report.txt", { type: "text/plain" }));
  const multipart = new Request("http://localhost/", { method: "POST", body: form });
  const bytes = await multipart.bytes();
  const headers = {
    "content-type": multipart.headers.get("content-type") ?? "",
    "content-length": `${bytes.length}`,
  };
  const call = (more = {}) =>
    api.call("POST", "/apprise/notify/oncall", { body: bytes, headers: { ...headers, ...more } });
  assert.equal((await call()).status, 415);
  const { status, body } = await call(KEY);
  assert.equal(status, 200);
  const mail = (await api.get(`/tasks/${body.tasks[0].id}`)).body.payload;
  assert.deepEqual(mail.attachments, [
    { filename: "report.txt", contentType: "text/plain", bytes: 8 },
  ]);
  const text = "body=Hello&urls=a%40example.org";
  const urlencoded = await api.call("POST", "/apprise/notify", {
    body: text,
    headers: {
      ...KEY,
      "content-type": "application/x-www-form-urlencoded",
      "content-length": `${text.length}`,
    },
  });
  assert.equal(urlencoded.status, 200);
});

Deno.test("an error is not a 200", async () => {
  await using api = await open();
  const cases: [string, unknown, number, string][] = [
    ["/apprise/notify/unknown", { body: "x" }, 422, ""],
    ["/apprise/notify/oncall", { body: "" }, 422, "/body"],
    ["/apprise/notify/oncall", { body: "x", tag: [["a", "b"]] }, 422, "/tag"],
    ["/apprise/notify/oncall", { body: "x", tag: "devs" }, 422, "/tag"],
    ["/apprise/notify/oncall", { body: "x", attach: "ftp://e.org/a.txt" }, 422, "/attach"],
    ["/apprise/notify/oncall", { body: "x", attachments: [{ name: "a" }] }, 422, "/attachments/0"],
    ["/apprise/notify/oncall", { body: "x", attachment: 7 }, 422, "/attachment"],
    ["/apprise/notify/oncall", { body: "x", format: "rtf" }, 422, "/format"],
    ["/apprise/notify", { body: "x" }, 422, "/urls"],
    ["/apprise/notify", { body: "x", urls: "mailto://u:p@example.org" }, 422, "/urls"],
    ["/apprise/notify", { body: "x", urls: ["a@example.org", "x"] }, 422, "/urls/1"],
    ["/apprise/notify/oncall", { body: "x", type: "bogus" }, 422, "/type"],
  ];
  for (const [path, json, status, pointer] of cases) {
    const answered = await api.post(path, json);
    assert.deepEqual({ status: answered.status, pointer: answered.body.errors[0].pointer }, {
      status,
      pointer,
    }, path);
  }
  assert.deepEqual((await api.get("/tasks")).body.data, []);
});

const files: readonly { readonly field: string; readonly value: unknown; readonly name: string }[] =
  [
    {
      field: "attachments",
      value: [{ filename: "a.txt", base64: "eHh4", mimetype: "text/plain" }],
      name: "a.txt",
    },
    { field: "attachment", value: { filename: "b.txt", base64: "eHh4" }, name: "b.txt" },
    { field: "attach", value: [{ name: "c.txt", content: "eH\nh4" }], name: "c.txt" },
    { field: "attachment", value: "data:text/plain;base64,eHh4", name: "attachment-1" },
    { field: "attach", value: ["data:text/plain;charset=utf-8;base64,eHh4"], name: "attachment-1" },
  ];

const byUrl: { field: string; value: unknown; file: Record<string, string> }[] = [
  {
    field: "attach",
    value: "https://e.org/a/r%C3%A9sum%C3%A9.pdf?x=1",
    file: { filename: "résumé.pdf", url: "https://e.org/a/r%C3%A9sum%C3%A9.pdf?x=1" },
  },
  {
    field: "attachment",
    value: ["https://e.org/"],
    file: { filename: "attachment-1", url: "https://e.org/" },
  },
  {
    field: "attachments",
    value: { name: "b.txt", url: "http://e.org/x" },
    file: { filename: "b.txt", url: "http://e.org/x" },
  },
];

Deno.test.each(byUrl)("a URL in $field is a file by URL", async ({ field, value, file }) => {
  await using api = await open();
  const more = { urls: "a@example.org", body: "b", [field]: value };
  const { status, body } = await api.post("/apprise/notify", more);
  assert.equal(status, 200, JSON.stringify(body));
  const { attachments } = (await api.get(`/tasks/${body.id}`)).body.payload;
  assert.deepEqual(attachments, [file]);
});

Deno.test.each(files)("a file in $field arrives as $name", async ({ field, value, name }) => {
  await using api = await open();
  const { status, body } = await api.post("/apprise/notify", {
    urls: "a@example.org",
    body: "b",
    [field]: value,
  });
  assert.equal(status, 200, JSON.stringify(body));
  const { attachments } = (await api.get(`/tasks/${body.id}`)).body.payload;
  assert.deepEqual([attachments.length, attachments[0].filename, attachments[0].bytes], [
    1,
    name,
    3,
  ]);
});

Deno.test("a slash at the end, format and type in any case, and tags as aliases", async () => {
  await using api = await open();
  for (const path of ["/apprise/notify/oncall/", "/apprise/notify/"]) {
    const { status, body } = await api.post(path, {
      urls: "a@example.org",
      body: "**b**",
      format: "Markdown",
      type: "WARNING",
    });
    assert.equal(status, 200, JSON.stringify(body));
  }
  for (const tag of ["oncall", ["oncall"], "oncall,oncall"]) {
    const { status, body } = await api.post("/apprise/notify/any", { body: "b", tag });
    assert.deepEqual({ status, total: body.total }, { status: 200, total: 2 });
  }
});

Deno.test("a long text without URLs is searched once", async () => {
  await using api = await open();
  // It took minutes: a search began at each blank.
  const urls = `ntfys://push.example.org/a${" ".repeat(500_000)}b`;
  const { status, body } = await api.post("/apprise/notify", { urls, body: "down" });
  assert.ok(status < 500, JSON.stringify({ status, body }).slice(0, 500));
});
