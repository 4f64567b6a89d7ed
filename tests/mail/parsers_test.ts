/**
 * Mails of all kinds, read back by two parsers that know nothing of us: Python's
 * library and postal-mime. Both must read what was submitted.
 *
 * @module
 */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import PostalMime from "postal-mime";
import { openComposer } from "../../src/channels/mail/message.ts";
import type { EmailPayload } from "../../src/task/payloads.ts";
import { anEmail } from "../channels/support/attempts.ts";
import { KINDS } from "./kinds.ts";
import { readMail } from "./read_mail.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);
const file = (filename: string, text: string, contentType = "text/plain") => ({
  filename,
  content: bytesOf(text).toBase64(),
  contentType,
});

/** Beside the usual kinds, what parsers stumble over. */
const HARD: Readonly<Record<string, Partial<EmailPayload>>> = {
  "long words beyond ASCII": {
    subject: "Größe ☂ 日本語 ".repeat(12).trim(),
    text: "ü".repeat(3_000),
  },
  "a subject that looks encoded": { subject: "=?UTF-8?Q?=C3=A9?= as written" },
  "dots, From and trailing blanks": { text: ".\n..\nFrom here\n-- \nend  \n\n\n" },
  "bare carriage returns": { text: "10%\r20%\rdone" },
  "names with quotes and commas": {
    from: { name: 'Ada "Countess" Lovelace, Ms.', address: "ada@example.org" },
    to: [{ name: "Gräce, Ms.", address: "grace@xn--bcher-kva.example" }],
  },
  "files with hard names": {
    attachments: [
      file("Bericht für März.txt", "März"),
      file(`${"a very long name ".repeat(12)}.txt`, "long"),
      file('quote " and ; semicolon.csv', "a;b"),
      file("日本語の長いファイル名".repeat(6) + ".pdf", "%PDF", "application/pdf"),
    ],
  },
  "a mail within a mail": {
    attachments: [file("a.eml", "Subject: x\r\n\r\nshort\r\n", "message/rfc822")],
  },
  "a letter of 8 bits within": {
    attachments: [file("b.eml", `Subject: x\r\n\r\n${"ä".repeat(1_200)}\r\n`, "message/rfc822")],
  },
};

for (const [kind, more] of Object.entries({ ...KINDS, ...HARD })) {
  Deno.test(`two parsers read ${kind} as it was submitted`, async () => {
    const mail = anEmail({ subject: "The nightly report", ...more });
    const { bytes } = await openComposer()(mail, { taskId: "tsk_1", date: 86_400_000 });
    const path = await Deno.makeTempFile();
    await Deno.writeFile(path, bytes);
    const [python, postal] = await Promise.all([
      readMail(path),
      PostalMime.parse(bytes, { forceRfc822Attachments: true }),
    ]);
    await Deno.remove(path);
    assert.deepEqual(python.defects, []);
    assert.ok(python.longest <= 998);
    const subject = mail.gathered ? `${mail.subject} (and 1 more)` : mail.subject;
    assert.deepEqual([python.headers.subject, postal.subject], [subject, subject]);
    const from = { name: mail.from.name ?? "", address: mail.from.address };
    assert.deepEqual([python.from, [postal.from]], [[from], [from]]);
    const to = mail.to.map(({ name = "", address }) => ({ name, address }));
    assert.deepEqual(python.to, to);
    assert.deepEqual((postal.to ?? []).filter(({ address }) => address), to);
    const [text = "", html] = ["text/plain", "text/html"].map((type) =>
      python.parts.find((part) => part.type === type && !part.filename)?.text ?? undefined
    );
    assert.equal(lines(postal.text), lines(text));
    assert.equal(lines(postal.html), lines(html));
    if (mail.text !== undefined && !mail.gathered) assert.equal(lines(text), lines(mail.text));
    const files = mail.attachments.map(({ filename, content }) => ({
      filename,
      sha256: sha256(Uint8Array.fromBase64(content)),
    }));
    assert.deepEqual(
      postal.attachments.map(({ filename }) => filename),
      mail.attachments.map((one) => one.filename),
    );
    for (const [i, { content }] of postal.attachments.entries()) {
      const read = new Uint8Array(content as ArrayBuffer);
      if (kind !== "a mail within a mail") assert.equal(sha256(read), files[i]?.sha256);
      else assert.equal(lines(new TextDecoder().decode(read)), "Subject: x\n\nshort");
    }
    // Python reads a mail within a mail as parts of this one, and decodes texts.
    if (kind === "a mail within a mail") return;
    const named = python.parts.filter(({ filename }) => filename !== null);
    assert.deepEqual(named.map(({ filename }) => filename), files.map(({ filename }) => filename));
    for (const [i, { type, sha256 }] of named.entries()) {
      if (!type.startsWith("text/")) assert.equal(sha256, files[i]?.sha256);
    }
  });
}

/** Line ends, and blanks at the end, are those of the reader. */
function lines(text: string | undefined): string {
  return (text ?? "").replace(/\r\n?/g, "\n").trimEnd();
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
