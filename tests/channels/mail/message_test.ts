import assert from "node:assert/strict";
import type { Buffer } from "node:buffer";
import fc from "fast-check";
import MailComposer from "nodemailer/lib/mail-composer";
import { openComposer } from "../../../src/channels/mail/message.ts";
import type { EmailPayload } from "../../../src/task/payloads.ts";
import { anEmail } from "../support/attempts.ts";

const compose = openComposer();

async function written(more: Partial<EmailPayload>, taskId = "tsk_1", date = 0) {
  const message = await compose(anEmail(more), { taskId, date });
  return { ...message, text: new TextDecoder().decode(message.bytes) };
}

Deno.test("A mail has the same bytes on every attempt", async () => {
  const mail = {
    html: "<b>Hello</b>",
    attachments: [{ filename: "a.txt", content: btoa("hello") }],
  };
  assert.equal((await written(mail)).text, (await written(mail)).text);
});

Deno.test("A mail is known by its task and dated by its acceptance", async () => {
  const { messageId, text } = await written({}, "tsk_9", Date.UTC(2026, 0, 2, 3, 4, 5));
  assert.equal(messageId, "<tsk_9@example.org>");
  assert.match(text, /^Message-ID: <tsk_9@example\.org>\r$/m);
  assert.match(text, /^Date: Fri, 02 Jan 2026 03:04:05 \+0000\r$/m);
});

Deno.test("Bcc stands in the envelope and nowhere in the message", async () => {
  const { recipients, text } = await written({
    cc: [{ address: "carol@example.org" }],
    bcc: [{ name: "Eve", address: "eve@example.org" }],
  });
  assert.deepEqual(recipients, ["bob@example.org", "carol@example.org", "eve@example.org"]);
  assert.doesNotMatch(text, /eve|bcc/i);
});

Deno.test("A recipient named twice is in the envelope once", async () => {
  const { recipients } = await written({ cc: [{ address: "bob@example.org" }] });
  assert.deepEqual(recipients, ["bob@example.org"]);
});

Deno.test("A line break in a subject or a header makes no second header", async () => {
  const { text } = await written({
    subject: "Hello\r\nBcc: eve@example.org",
    headers: { "x-note": "1\r\nX-Evil: 2" },
  });
  assert.doesNotMatch(text, /^(Bcc|X-Evil):/mi);
});

Deno.test("No file and no URL is read for a payload that asks for it", async () => {
  const content = { path: "/etc/passwd" } as unknown as string;
  await assert.rejects(written({ attachments: [{ filename: "p", content }] }));
});

Deno.test("An inline picture and a file travel as what they are", async () => {
  const { text } = await written({
    html: '<img src="cid:logo">',
    attachments: [
      { filename: "logo.png", content: btoa("png"), contentType: "image/png", cid: "logo" },
      { filename: "list.csv", content: btoa("a,b") },
    ],
  });
  assert.match(text, /Content-ID: <logo>/i);
  assert.match(text, /Content-Disposition: inline; filename=logo\.png/);
  assert.match(text, /Content-Disposition: attachment; filename=list\.csv/);
  assert.match(text, /YSxi/);
});

Deno.test("Every line ends by CRLF, and but for that a mail is as nodemailer's streams write it", async () => {
  const part = fc.array(
    fc.constantFrom("\r", "\n", "\r\n", ".", "a", " ", "é", "x".repeat(80), "="),
  )
    .map((pieces) => pieces.join(""));
  await fc.assert(
    fc.asyncProperty(part, fc.option(part, { nil: undefined }), async (text, html) => {
      const { bytes } = await written({ text, ...(html === undefined ? {} : { html }) });
      const judge = new MailComposer({
        from: { name: "Ada", address: "ada@example.org" },
        to: [{ name: "", address: "bob@example.org" }],
        subject: "Hello",
        text: text || (html === undefined ? "" : "\n"),
        headers: { "Auto-Submitted": "auto-generated" },
        ...(html === undefined ? {} : { html }),
        messageId: "<tsk_1@example.org>",
        date: new Date(0),
        baseBoundary: "tsk_1",
        newline: "windows",
      }).compile();
      const { promise, resolve } = Promise.withResolvers<Buffer>();
      judge.build((_, bytes) => resolve(bytes));
      const expected = (await promise).toString().replace(/\r\n?|\n/g, "\r\n");
      const lines = (text: string) => text.trimEnd().split("\r\n").sort();
      assert.deepEqual(lines(new TextDecoder().decode(bytes)), lines(expected));
      assert.doesNotMatch(new TextDecoder().decode(bytes), /\r(?!\n)|(?<!\r)\n/);
    }),
    { numRuns: 300 },
  );
});
