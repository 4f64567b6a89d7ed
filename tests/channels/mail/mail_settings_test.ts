import assert from "node:assert/strict";
import { parseMailUrl } from "../../../src/channels/mail/mail_settings.ts";

const good: { text: string; settings: Record<string, unknown> }[] = [
  { text: "outbox:./data/outbox", settings: { lane: "outbox", directory: "./data/outbox" } },
  {
    text: "smtp://mail.example.org",
    settings: { lane: "mail:mail.example.org:587", port: 587, tls: "required" },
  },
  {
    text: "smtp://u%40x:p%3A%2F%23@Mail.Example.org:2525",
    settings: {
      host: "mail.example.org",
      port: 2525,
      tls: "required",
      login: { user: "u@x", pass: "p:/#" },
    },
  },
  { text: "smtp://localhost:25", settings: { port: 25, tls: "opportunistic" } },
  { text: "smtp://127.0.0.1", settings: { tls: "opportunistic" } },
  {
    text: "smtp://[::1]:25",
    settings: { host: "::1", lane: "mail:[::1]:25", tls: "opportunistic" },
  },
  { text: "smtp://localhost?tls=required", settings: { tls: "required" } },
  { text: "smtp://relay.lan/?tls=none", settings: { tls: "none" } },
  { text: "smtps://relay.lan", settings: { port: 465, tls: "implicit" } },
];

Deno.test.each(good)("parseMailUrl() reads $text", ({ text, settings }) => {
  assert.deepEqual({ ...parseMailUrl(text), ...settings }, parseMailUrl(text));
});

const bad = [
  "",
  "mail.example.org",
  "outbox:",
  "http://relay.lan",
  "smtp://",
  "smtp://:hunter2@",
  "smtp://user:hunter2@relay.lan:0",
  "smtp://user:hunter2@relay.lan:99999",
  "smtp://user:hunter2@relay.lan/path",
  "smtp://user:hunter2@relay.lan#x",
  "smtp://user:hunter2/@relay.lan",
  "smtp://user:hunter2%zz@relay.lan",
  "smtp://user:hunter2@relay.lan?tls=maybe",
  "smtp://user:hunter2@relay.lan?tls=none&pool=5",
  "smtp://user:hunter2@relay.lan?starttls=1",
  "smtps://user:hunter2@relay.lan?tls=required",
  "smtp://hunter2@relay.lan",
  "smtp://:hunter2@relay.lan",
];

Deno.test.each(bad.map((text) => ({ text })))(
  'parseMailUrl() refuses "$text" and keeps the password to itself',
  ({ text }) => {
    assert.throws(() => parseMailUrl(text), (error) => {
      assert.ok(error instanceof RangeError);
      assert.doesNotMatch(error.message, /hunter2/);
      assert.match(error.message, /^Cannot read the mail URL, .+: expected "outbox:DIR"/);
      return true;
    });
  },
);
