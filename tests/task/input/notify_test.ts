import assert from "node:assert/strict";
import type { Issue } from "../../../src/task/issues.ts";
import { notifyPorts } from "../../support/notify_ports.ts";
import { notifySchema, type ParsedNotify, parseNotify } from "../../../src/task/input/notify.ts";

const TO = { to: "ada@example.org", subject: "Hello" };
const FILE = { filename: "a.txt", content: "YQ==" };

function requestsOf(body: unknown): readonly ParsedNotify[] {
  const parsed = parseNotify(body, notifyPorts());
  assert.deepEqual(parsed.issues ?? [], []);
  return "value" in parsed ? parsed.value.requests : [];
}

function pointersOf(body: unknown): string[] {
  return ((parseNotify(body, notifyPorts()).issues ?? []) as Issue[]).map((issue) => issue.pointer);
}

Deno.test("an address and a subject are a mail, with the patience that mail needs", () => {
  const [request] = requestsOf(TO);
  assert.deepEqual(request?.mail, {
    to: [{ address: "ada@example.org" }],
    cc: [],
    bcc: [],
    subject: "Hello",
    headers: {},
    attachments: [],
  });
  assert.equal(request?.options.timeoutMs, 60_000);
  assert.deepEqual(request?.options.retry.slice(0, 2), [5_000, 30_000]);
});

Deno.test("a file by URL is kept with its URL, takes any host, and is refused where the guard refuses it", () => {
  const body = { ...TO, attachments: [{ filename: "a.txt", url: "https://example.org/a?b=c" }] };
  const [request] = requestsOf(body);
  assert.deepEqual(request?.mail?.attachments, [
    { filename: "a.txt", url: "https://example.org/a?b=c", content: "" },
  ]);
  assert.equal(request?.anyHost, true);
  const refuseUrl = () => ({ code: "address_refused", detail: "Not public" });
  assert.deepEqual(parseNotify(body, notifyPorts({ refuseUrl })).issues, [
    { pointer: "/attachments/0/url", detail: "Not public", code: "address_refused" },
  ]);
});

Deno.test("several addresses are one mail", () => {
  const requests = requestsOf({
    to: ["ada@example.org", "Bob <bob@example.org>"],
    cc: "cy@example.org",
    bcc: ["di@example.org"],
    from: "Postrider <p@example.org>",
    replyTo: "r@example.org",
    title: "T",
    text: "t",
    html: "<p>t",
    headers: { "X-Build": "42" },
    attachments: [{ ...FILE, contentType: "text/plain; charset=utf-8", cid: "a@b" }],
  });
  assert.deepEqual(requests.map(({ mail }) => mail), [{
    to: [{ address: "ada@example.org" }, { name: "Bob", address: "bob@example.org" }],
    cc: [{ address: "cy@example.org" }],
    bcc: [{ address: "di@example.org" }],
    from: { name: "Postrider", address: "p@example.org" },
    replyTo: { address: "r@example.org" },
    subject: "T",
    text: "t",
    html: "<p>t",
    headers: { "X-Build": "42" },
    attachments: [{ ...FILE, contentType: "text/plain; charset=utf-8", cid: "a@b" }],
  }]);
});

Deno.test.each([
  { body: [], pointers: [""] },
  { body: {}, pointers: ["/to", "/text"] },
  { body: { to: "ada@example.org" }, pointers: ["/text"] },
  { body: { ...TO, to: [] }, pointers: ["/to"] },
  { body: { ...TO, to: 7 }, pointers: ["/to"] },
  { body: { ...TO, to: "ada" }, pointers: ["/to"] },
  {
    body: { ...TO, to: ["a@example.org", "b@x.test>\r\nRCPT TO:<evil@x.test"] },
    pointers: ["/to/1"],
  },
  { body: { ...TO, cc: "x" }, pointers: ["/cc"] },
  { body: { ...TO, bcc: ["x"] }, pointers: ["/bcc/0"] },
  { body: { ...TO, from: "x" }, pointers: ["/from"] },
  { body: { ...TO, from: ["a@example.org"] }, pointers: ["/from"] },
  { body: { ...TO, replyTo: "a@example.org, b@example.org" }, pointers: ["/replyTo"] },
  { body: { ...TO, to: Array(1_001).fill("a@example.org") }, pointers: ["/to"] },
  { body: { ...TO, subject: "a\r\nBcc: evil@example.org" }, pointers: ["/subject"] },
  { body: { ...TO, subject: "a".repeat(999) }, pointers: ["/subject"] },
  { body: { ...TO, title: "T" }, pointers: ["/title"] },
  { body: { to: "ada@example.org", title: "a\nb" }, pointers: ["/title"] },
  { body: { ...TO, text: 1 }, pointers: ["/text"] },
  { body: { ...TO, html: null }, pointers: ["/html"] },
  { body: { ...TO, html: "<p>a", markdown: "# a" }, pointers: ["/markdown"] },
  { body: { ...TO, template: "a" }, pointers: ["/template"] },
  { body: { ...TO, onComplete: {} }, pointers: ["/onComplete"] },
  { body: { ...TO, headers: { "X-A": "b\r\nBcc: evil@example.org" } }, pointers: ["/headers/X-A"] },
  { body: { ...TO, headers: { "X A": "b" } }, pointers: ["/headers/X A"] },
  { body: { ...TO, headers: { "X-A:": "b" } }, pointers: ["/headers/X-A:"] },
  { body: { ...TO, headers: { "X-A": 1 } }, pointers: ["/headers/X-A"] },
  { body: { ...TO, headers: [] }, pointers: ["/headers"] },
  { body: { ...TO, attachments: FILE }, pointers: ["/attachments"] },
  { body: { ...TO, attachments: [{ filename: "a" }] }, pointers: ["/attachments/0/content"] },
  {
    body: { ...TO, attachments: [{ ...FILE, path: "/etc/passwd" }] },
    pointers: ["/attachments/0/path"],
  },
  {
    body: { ...TO, attachments: [{ ...FILE, content: "YQ" }] },
    pointers: ["/attachments/0/content"],
  },
  {
    body: { ...TO, attachments: [{ ...FILE, content: "Y\nQ=" }] },
    pointers: ["/attachments/0/content"],
  },
  {
    body: { ...TO, attachments: [{ ...FILE, contentType: "text" }] },
    pointers: ["/attachments/0/contentType"],
  },
  {
    body: { ...TO, attachments: [{ ...FILE, contentType: "a/b\r\nX: y" }] },
    pointers: ["/attachments/0/contentType"],
  },
  {
    body: { ...TO, attachments: [{ ...FILE, url: "https://example.org/a" }] },
    pointers: ["/attachments/0/content"],
  },
  {
    body: { ...TO, attachments: [FILE, { filename: "a", url: "ftp://example.org/a" }] },
    pointers: ["/attachments/1/url"],
  },
  {
    body: {
      ...TO,
      attachments: [{ filename: "a", url: "https://example.org/a" }],
      digest: { key: "k", window: "1m" },
    },
    pointers: ["/digest"],
  },
  { body: { ...TO, attachments: [{ ...FILE, cid: "a>" }] }, pointers: ["/attachments/0/cid"] },
  { body: { ...TO, attachments: Array(101).fill(FILE) }, pointers: ["/attachments"] },
  { body: { notifications: [] }, pointers: ["/notifications"] },
  { body: { notifications: [{ to: "x" }], subject: "s" }, pointers: ["/notifications/0/to"] },
  { body: { notifications: [{ subject: "s" }], to: "x" }, pointers: ["/to"] },
  { body: { notifications: [TO], fallback: [] }, pointers: ["/fallback"] },
  { body: { ...TO, fallback: "x" }, pointers: ["/fallback"] },
  { body: { ...TO, fallback: ["b@example.org", "@nobody"] }, pointers: ["/fallback/1"] },
  { body: { ...TO, to: "@nobody" }, pointers: ["/to"] },
  { body: { ...TO, to: ["ada@example.org", "nothing://at.all"] }, pointers: ["/to/1"] },
  { body: { ...TO, template: "no-such" }, pointers: ["/template"] },
  { body: { ...TO, template: "password-reset" }, pointers: ["/data"] },
  {
    body: { ...TO, template: "password-reset", data: { link: "https://x.example/" }, text: "a" },
    pointers: ["/text"],
  },
  { body: { ...TO, data: {} }, pointers: ["/data"] },
  { body: { ...TO, markdown: "x".repeat(65_537) }, pointers: ["/markdown"] },
  { body: { ...TO, severity: "fatal" }, pointers: ["/severity"] },
  { body: { ...TO, quiet: { from: "22:00" } }, pointers: ["/quiet/until"] },
  { body: { ...TO, quiet: { from: "25:00", until: "07:00" } }, pointers: ["/quiet/from"] },
  { body: { ...TO, quiet: { from: "07:00", until: "07:00" } }, pointers: ["/quiet/until"] },
  {
    body: { ...TO, quiet: { from: "22:00", until: "07:00", timeZone: "Mars/Base" } },
    pointers: ["/quiet/timeZone"],
  },
])("$body is refused at $pointers", ({ body, pointers }) => {
  assert.deepEqual(pointersOf(body), pointers);
});

Deno.test.each([
  "From",
  "to",
  "CC",
  "bcc",
  "Subject",
  "Date",
  "Message-ID",
  "MIME-Version",
  "Content-Type",
  "content-transfer-encoding",
  "Sender",
  "Reply-To",
  "Return-Path",
  "Received",
  "DKIM-Signature",
  "ARC-Seal",
  "Resent-To",
  "Authentication-Results",
])("the message's own header %s is refused", (name) => {
  assert.deepEqual(pointersOf({ ...TO, headers: { [name]: "a" } }), [`/headers/${name}`]);
});

Deno.test.each(["", ".", "..", "a/b", "a\\b", "a\nb", "a\u0000", "é".repeat(128)])(
  "the file name %j is refused",
  (filename) => {
    assert.deepEqual(pointersOf({ ...TO, attachments: [{ ...FILE, filename }] }), [
      "/attachments/0/filename",
    ]);
  },
);

Deno.test("notifications take fields next to the list as defaults, and can override them", () => {
  const requests = requestsOf({
    notifications: [{ to: "a@example.org" }, { to: "b@example.org", title: "Other" }],
    subject: "All",
    tags: ["x"],
  });
  assert.deepEqual(requests.map(({ mail, options }) => [mail?.subject, options.tags]), [
    ["All", ["x"]],
    ["Other", ["x"]],
  ]);
});

Deno.test("the JSON Schema knows every field and no other", () => {
  const schema = notifySchema as { properties: object; additionalProperties: boolean };
  assert.equal(schema.additionalProperties, false);
  assert.deepEqual(Object.keys(schema.properties).sort(), [
    "attachments",
    "bcc",
    "bounce",
    "callback",
    "cc",
    "data",
    "delay",
    "digest",
    "dsn",
    "expires",
    "fallback",
    "from",
    "headers",
    "html",
    "key",
    "markdown",
    "onFailure",
    "onSuccess",
    "onUnknown",
    "priority",
    "quiet",
    "replyTo",
    "retain",
    "retry",
    "runAt",
    "severity",
    "subject",
    "tags",
    "template",
    "text",
    "timeout",
    "title",
    "to",
    "unsubscribe",
  ]);
});
