import assert from "node:assert/strict";
import PostalMime from "postal-mime";
import { createHash, createVerify, generateKeyPairSync } from "node:crypto";
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

Deno.test("Bcc is in the envelope and not in the message", async () => {
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

const DKIM_KEY = generateKeyPairSync("rsa", {
  modulusLength: 2_048,
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
});

async function composed(more: Partial<EmailPayload>, signed = false) {
  const key = { domain: "example.org", selector: "s1", privateKey: DKIM_KEY.privateKey };
  const { bytes, ...message } = await openComposer(signed ? [key] : [])(anEmail(more), {
    taskId: "tsk_1",
    date: 0,
  });
  const text = new TextDecoder().decode(bytes);
  const [head = ""] = text.split("\r\n\r\n", 1);
  const headers = new Map(
    head.split(/\r\n(?![ \t])/).map((line) => {
      const [, name = "", value = ""] = /^([^:]+): ?(.*)$/s.exec(line) ?? [];
      return [name.toLowerCase(), value];
    }),
  );
  return {
    ...message,
    text,
    headers,
    longest: Math.max(...text.split("\r\n").map((l) => l.length)),
  };
}

Deno.test("A signature covers the unsubscribe headers, and holds for any line ends", async () => {
  for (const body of ["10%\r20%\rdone", "a\nb\r\nc\r", "\r\r\n", "line\n.\n..\r"]) {
    const unsubscribe = "https://example.org/u?t=1";
    const { text, headers } = await composed(
      { text: body, html: `<p>${body}</p>`, unsubscribe },
      true,
    );
    assert.doesNotMatch(text, /\r(?!\n)|(?<!\r)\n/);
    assert.equal(headers.get("list-unsubscribe"), `<${unsubscribe}>`);
    assert.equal(headers.get("list-unsubscribe-post"), "List-Unsubscribe=One-Click");
    const signature = headers.get("dkim-signature")?.replace(/\s+/g, "") ?? "";
    const fields = /;h=([^;]+)/.exec(signature)?.[1]?.toLowerCase().split(":") ?? [];
    for (const name of ["list-unsubscribe", "list-unsubscribe-post", "from", "subject", "date"]) {
      assert.ok(fields.includes(name), `${name} is not signed`);
    }
    assert.ok(verifies(text), `the signature of ${JSON.stringify(body)} does not verify`);
  }
});

/** RFC 6376, relaxed/relaxed: the body's hash, then the signature of the headers. */
function verifies(text: string): boolean {
  const end = text.indexOf("\r\n\r\n");
  const lines = text.slice(0, end).split(/\r\n(?![ \t])/);
  const body = text.slice(end + 4).split("\r\n")
    .map((line) => line.replace(/[ \t]+/g, " ").replace(/ $/, "")).join("\r\n")
    .replace(/(?:\r\n)+$/, "\r\n");
  const relaxed = (line: string) => {
    const [, name = "", value = ""] = /^([^:]+):(.*)$/s.exec(line) ?? [];
    return `${name.toLowerCase()}:${value.replace(/\r\n/g, "").replace(/[ \t]+/g, " ").trim()}`;
  };
  const own = lines.find((line) => /^dkim-signature:/i.test(line)) ?? "";
  const tag = (name: string) =>
    new RegExp(`[;\\s]${name}=([^;]*)`).exec(own)?.[1]?.replace(/\s+/g, "") ?? "";
  const hash = createHash("sha256").update(body, "latin1").digest("base64");
  if (hash !== tag("bh")) return false;
  const signed = tag("h").split(":").map((name) =>
    relaxed(lines.find((line) => line.toLowerCase().startsWith(`${name.toLowerCase()}:`)) ?? "")
  );
  const data = [...signed, relaxed(own).replace(/b=[A-Za-z0-9+/= ]+$/, "b=")].join("\r\n");
  return createVerify("RSA-SHA256").update(data, "latin1")
    .verify(DKIM_KEY.publicKey, tag("b"), "base64");
}

Deno.test("Headers in ASCII stay as they are, and long ones are folded at white space only", async () => {
  const long = `{"category":"a", ${'"x":"y", '.repeat(20)}}`;
  const { headers, longest } = await composed({
    headers: { "X-SMTPAPI": '{"category":"a"}', "X-Long": long, "X-Plain": "=?x?=" },
  });
  assert.equal(headers.get("x-smtpapi"), '{"category":"a"}');
  assert.equal(headers.get("x-long")?.replaceAll("\r\n", ""), long);
  assert.equal(headers.get("x-plain"), "=?x?=");
  assert.ok(longest <= 998);
});

Deno.test("Headers that hold message ids or addresses keep their values", async () => {
  const given = {
    "References": "<a@example.org> <b@example.org>",
    "In-Reply-To": "<b@example.org>",
    "Sender": "Eve <eve@example.org>",
  };
  const { headers } = await composed({ headers: given });
  for (const [name, value] of Object.entries(given)) {
    assert.equal(headers.get(name.toLowerCase()), value);
  }
});

Deno.test("A subject that looks encoded is encoded, so that it reads as it was written", async () => {
  for (const subject of ["=?UTF-8?B?w6k=?=", "=?UTF-8?B?w6k=?= is how é is written", "a =?x"]) {
    const { text } = await composed({ subject });
    assert.equal((await PostalMime.parse(text)).subject, subject);
  }
});

Deno.test("A name that looks encoded is encoded, so that it reads as it was written", async () => {
  const name = '=?UTF-8?Q?Eve_<eve@example.org>?= "x"';
  const mailbox = { name, address: "bob@example.org" };
  const other = { name: "Zoë", address: "zoe@example.org" };
  const plain = { address: "pat@example.org" };
  const { text } = await composed({
    from: mailbox,
    to: [other, mailbox, plain],
    cc: [{ name, address: "cc@example.org" }],
    replyTo: mailbox,
  });
  const { from, to, cc, replyTo } = await PostalMime.parse(text);
  assert.deepEqual([from], [mailbox]);
  assert.deepEqual(to, [other, mailbox, { ...plain, name: "" }]);
  assert.deepEqual(cc, [{ name, address: "cc@example.org" }]);
  assert.deepEqual(replyTo, [mailbox]);
});

Deno.test("A mail says that a program wrote it, unless a header says otherwise", async () => {
  assert.equal((await composed({})).headers.get("auto-submitted"), "auto-generated");
  const own = await composed({ headers: { "auto-submitted": "no" } });
  assert.equal(own.headers.get("auto-submitted"), "no");
});

Deno.test("A mail with hidden recipients only has an empty group in To", async () => {
  const { headers, recipients } = await composed({ to: [], bcc: [{ address: "eve@example.org" }] });
  assert.equal(headers.get("to"), "undisclosed-recipients:;");
  assert.deepEqual(recipients, ["eve@example.org"]);
});

Deno.test("A recipient who is named twice is listed and addressed once", async () => {
  const { headers, recipients } = await composed({
    to: [{ address: "bob@example.org" }, { name: "Bob", address: "Bob@example.org" }],
    cc: [{ address: "bob@example.org" }, { address: "eve@example.org" }],
  });
  assert.deepEqual([headers.get("to"), headers.get("cc")], ["bob@example.org", "eve@example.org"]);
  assert.deepEqual(recipients, ["bob@example.org", "eve@example.org"]);
});

Deno.test("A message that is not 7-bit text in short lines travels as a file", async () => {
  const wild = `Subject: x\r\n\r\n${"ä".repeat(1_200)}\r\n`;
  const { text, longest } = await composed({
    attachments: [{
      filename: "a.eml",
      content: new TextEncoder().encode(wild).toBase64(),
      contentType: "message/rfc822",
    }],
  });
  assert.ok(longest <= 998);
  assert.doesNotMatch(text, /[^\r\n\t\x20-\x7e]/);
  assert.match(text, /Content-Type: application\/octet-stream; name=a\.eml/);
  const tame = await composed({
    attachments: [{
      filename: "b.eml",
      content: btoa("Subject: x\r\n\r\nshort\r\n"),
      contentType: "message/rfc822",
    }],
  });
  assert.match(tame.text, /Content-Type: message\/rfc822/);
});

Deno.test("HTML never travels alone", async () => {
  for (const html of ['<img src="https://example.org/a.png">', "<p></p>", "<style>x</style>"]) {
    const { text } = await composed({ text: undefined as never, html });
    assert.match(text, /multipart\/alternative/);
    assert.match(text, /Content-Type: text\/plain/);
  }
  const images = await composed({
    text: undefined as never,
    html: '<a href="https://example.org/x"><img src="a.png" alt="Our offer"></a>',
  });
  assert.match(images.text, /Our offer/);
  assert.match(images.text, /https:\/\/example\.org\/x/);
});

Deno.test("Bounces go to their own address, and the extensions that a mail needs are named", async () => {
  const plain = await composed({});
  assert.deepEqual([plain.from, plain.needs], ["ada@example.org", {}]);
  const { from, author, needs, headers } = await composed({
    bounce: { address: "bounces@example.org" },
    dsn: true,
    to: [{ address: "jörg@example.org" }],
    unsubscribe: "mailto:leave@example.org",
  });
  assert.deepEqual([from, author], ["bounces@example.org", "ada@example.org"]);
  assert.deepEqual(needs, { smtpUtf8: true, dsn: { envelopeId: "tsk_1" } });
  assert.equal(headers.get("to"), "jörg@example.org");
  assert.equal(headers.get("list-unsubscribe"), "<mailto:leave@example.org>");
  assert.equal(headers.has("list-unsubscribe-post"), false);
});
