import assert from "node:assert/strict";
import { digestBlocks, digestMail } from "../../src/channels/digest.ts";
import {
  markdownDialect,
  slackDialect,
  telegramDialect,
} from "../../src/channels/chat/dialects.ts";
import { blocksOf, noteOf } from "../../src/channels/chat/note.ts";
import { write } from "../../src/channels/rich_text.ts";
import type { ChatPayload, EmailPayload } from "../../src/task/payloads.ts";
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
  const merged = noteOf({
    ...NOTE,
    text: "a",
    gathered: [{ ...NOTE, title: "Two", text: "b" }],
  });
  assert.equal(merged.title, "One (and 1 more)");
  assert.equal(merged.text, "**One**\n\na\n\n———\n\n**Two**\n\nb");
  assert.equal(merged.isMarkdown, true);
});

const URL = "https://example.org/build-42_a~b!c#d+e";
const members: { readonly form: string; readonly content: Partial<EmailPayload> }[] = [
  { form: "text", content: { text: `See ${URL}` } },
  { form: "html", content: { html: `<p>See <a href="${URL}">it</a></p>` } },
  {
    form: "html with long lines",
    content: { html: `<p>${"word ".repeat(40)}<a href="${URL}">it</a>` },
  },
  { form: "markdown", content: { markdown: `See <${URL}>` } },
];

Deno.test.each(members)(
  "a digest leaves the links of its $form as they are",
  ({ content }) => {
    const { text: _, ...bare } = anEmail();
    const mail = { ...bare, ...content };
    const { html = "" } = digestMail({ ...mail, gathered: [mail] } as EmailPayload);
    assert.equal(html.split(`href="${URL}"`).length, 3, html);
    const note = noteOf(
      { ...NOTE, ...content, gathered: [{ ...NOTE, ...content }] } as unknown as ChatPayload,
    );
    const blocks = blocksOf(note);
    assert.ok(write(telegramDialect, blocks).includes(`href="${URL}"`));
    assert.doesNotMatch(write(telegramDialect, blocks), /word\nword/);
    assert.ok(write(slackDialect, blocks).includes(`<${URL}|`));
    assert.ok(write(markdownDialect, blocks).includes(URL));
  },
);

Deno.test("a part without a title has no empty heading", () => {
  const contents = [{ head: "", text: "one" }, { head: "Second", text: "two" }];
  assert.deepEqual(digestBlocks(contents).map(({ kind }) => kind), [
    "paragraph",
    "rule",
    "paragraph",
    "paragraph",
  ]);
});

Deno.test("one alone stays as it is", () => {
  const mail = anEmail();
  assert.equal(digestMail(mail), mail);
});
