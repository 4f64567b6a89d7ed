import assert from "node:assert/strict";
import { digestMail, digestNote } from "../../src/channels/digest.ts";
import { openComposer } from "../../src/channels/mail/message.ts";
import { anEmail } from "./support/attempts.ts";

const NOTE = { target: "t", shown: "s", title: "One", attachments: [] };

Deno.test("several mails are one, each under its own subject", async () => {
  const file = { filename: "a.txt", content: "YQ==" };
  const { text: _, ...bare } = anEmail({ subject: "Three", html: "<p>three &amp; more" });
  const mail = anEmail({
    subject: "One",
    text: "first *text*",
    severity: "success",
    gathered: [
      anEmail({ subject: "Two", markdown: "**second**", severity: "failure", attachments: [file] }),
      bare,
    ],
  });
  const merged = digestMail(mail);
  assert.equal(merged.subject, "One (and 2 more)");
  assert.equal(merged.severity, "failure");
  assert.deepEqual(merged.attachments, [file]);
  assert.match(merged.text ?? "", /^One\n---\nfirst \*text\*\n\nTwo\n---\n/);
  assert.match(merged.text ?? "", /Three\n-----\nthree & more$/);
  const { bytes } = await openComposer()(mail, { taskId: "tsk_x", date: 0 });
  const raw = new TextDecoder().decode(bytes);
  assert.match(raw, /<strong>second<\/strong>/);
  assert.match(raw, /first \*text\*/);
});

Deno.test("several notes are one", () => {
  const merged = digestNote({
    ...NOTE,
    text: "a",
    gathered: [{ ...NOTE, title: "Two", text: "b" }],
  });
  assert.equal(merged.title, "One (and 1 more)");
  assert.equal(merged.markdown, "**One**\n\na\n\n---\n\n**Two**\n\nb");
  assert.equal("gathered" in merged, false);
});

Deno.test("one alone stays as it is", () => {
  const mail = anEmail();
  assert.equal(digestMail(mail), mail);
});
