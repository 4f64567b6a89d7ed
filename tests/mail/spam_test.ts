/**
 * What Debian's SpamAssassin says of our mails, by its local rules.
 *
 * @module
 */

import assert from "node:assert/strict";
import { openComposer } from "../../src/channels/mail/message.ts";
import type { EmailPayload } from "../../src/task/payloads.ts";
import type { Json } from "../../src/task/task.ts";
import { openMailTemplates } from "../../src/templates/mail_templates.ts";
import { anEmail } from "../channels/support/attempts.ts";
import { needs } from "../support/needs.ts";

const LONG = "The nightly run has ended. All tests pass, and the report is attached below. ".repeat(
  8,
);
const templates = openMailTemplates("", () => new Map());

function sampleOf(name: string): Readonly<Record<string, Json>> {
  const { sample = {} } = templates.list().find((one) => one.name === name) ?? {};
  return sample as Record<string, Json>;
}

function rendered(name: string, data: Readonly<Record<string, Json>>): Partial<EmailPayload> {
  const made = templates.render(name, data);
  if (!("value" in made)) throw new TypeError(JSON.stringify(made));
  return made.value;
}

const KINDS: Readonly<Record<string, Partial<EmailPayload>>> = {
  "a short text": { text: "The build is green." },
  "a long text": { text: LONG },
  "a text beyond ASCII": { subject: "Prüfung bestanden", text: `Grüße aus Köln. ${LONG}` },
  "HTML alone": { text: undefined as never, html: `<p>${LONG}</p>` },
  "HTML and a text": { text: LONG, html: `<p>${LONG}</p>` },
  "Markdown": { text: undefined as never, markdown: `# Report\n\n${LONG}\n\n- one\n- two` },
  "a picture and words": {
    text: undefined as never,
    html: `<p>${LONG.repeat(6)}</p><img src="cid:logo" alt="Logo">`,
    attachments: [{
      filename: "logo.png",
      content: btoa("\x89PNG\r\n\x1a\n".padEnd(500, "x")),
      contentType: "image/png",
      cid: "logo",
    }],
  },
  "a file": { text: LONG, attachments: [{ filename: "report.csv", content: btoa("a,b\n1,2\n") }] },
  "a failure": { severity: "failure", text: LONG },
  "hidden recipients": { to: [], bcc: [{ address: "bob@example.org" }], text: LONG },
  "a newsletter": {
    text: LONG,
    unsubscribe: "https://example.org/unsubscribe?u=42",
    headers: { "List-Id": "News <news.example.org>", "Precedence": "bulk" },
  },
  "a digest": { text: LONG, gathered: [anEmail({ subject: "Two", text: LONG })] },
  "a password reset": rendered("password-reset", {
    name: "Bob",
    link: "https://example.org/reset?token=1c9f2e",
    expires: "30 minutes",
  }),
  "a build result": rendered("build-result", sampleOf("build-result")),
  "an alert": rendered("alert", sampleOf("alert")),
};

/** Rules that say what a mail is, or how it came here, without a score against it. */
const NEUTRAL = new Set(["HTML_MESSAGE", "MAILING_LIST_MULTI", "NO_RECEIVED", "NO_RELAYS"]);

Deno.test(
  "SpamAssassin finds nothing in fifteen kinds of mail that a sender could avoid",
  needs("spamassassin"),
  async () => {
    const kinds = Object.entries(KINDS);
    assert.equal(kinds.length, 15);
    const compose = openComposer();
    const mails = await Promise.all(kinds.map(async ([, payload]) => {
      const mail = anEmail({ subject: "The nightly report", ...payload });
      const options = { taskId: "tsk_01m8nek9r0e008tnsc275bhazn", date: Date.now() };
      return new TextDecoder().decode((await compose(mail, options)).bytes);
    }));
    const rules = await rulesOf(mails);
    assert.equal(rules.length, mails.length);
    const found = kinds.map(([kind], i) => [
      kind,
      (rules[i] ?? assert.fail(kind)).filter((rule) => !NEUTRAL.has(rule) && !/^T_/.test(rule)),
    ]);
    assert.deepEqual(found.filter(([, rules]) => rules?.length), []);
  },
);

/** The rules that each mail meets. */
async function rulesOf(mails: readonly string[]): Promise<string[][]> {
  const box = mails.map((mail) => `From x@example.org Thu Jan  1 00:00:00 1970\n${mail}\n`)
    .join("").replaceAll("\r\n", "\n");
  const child = new Deno.Command("spamassassin", {
    args: ["--local", "--mbox", "--cf=use_bayes 0", "--cf=use_auto_whitelist 0"],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(box));
  await writer.close();
  const { stdout } = await child.output();
  const report = new TextDecoder().decode(stdout);
  return [...report.matchAll(/^X-Spam-Status:.*?tests=((?:[\w,]|\s)+?)\s*(?:autolearn|version)/gms)]
    .map(([, tests = ""]) =>
      tests.split(/[\s,]+/).filter((rule) => rule !== "" && rule !== "none")
    );
}
