/**
 * Fifteen kinds of mail.
 *
 * @module
 */

import type { EmailPayload } from "../../src/task/payloads.ts";
import type { Json } from "../../src/task/task.ts";
import { openMailTemplates } from "../../src/templates/mail_templates.ts";
import { anEmail } from "../channels/support/attempts.ts";

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

/** What differs from a plain mail, by kind. */
export const KINDS: Readonly<Record<string, Partial<EmailPayload>>> = {
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
