/**
 * Takes pictures of mails and of chat messages, to be looked at: `deno task pictures:mail [FOLDER]`.
 *
 * A digest, a template and a long Markdown text: their HTML as a mail program shows it,
 * and what each chat service receives. Markup that is not HTML is shown by a simple
 * reader, which knows no more than the service's documentation says.
 *
 * @module
 */

import MarkdownIt from "markdown-it";
import { placesOf, SERVICES } from "../../src/channels/chat/table.ts";
import { noteOf } from "../../src/channels/chat/note.ts";
import { openComposer } from "../../src/channels/mail/message.ts";
import { escapeHtml } from "../../src/lib/html.ts";
import type { ChatPayload, EmailPayload } from "../../src/task/payloads.ts";
import PostalMime from "postal-mime";
import { Chromium } from "../browser/browser.ts";
import { anEmail } from "../channels/support/attempts.ts";
import { say } from "../bench/table.ts";
import { KINDS } from "./kinds.ts";

const CODE = Array.from({ length: 120 }, (_, i) => `    x_${i} = "__init__"  # ${i}`).join("\n");
const LONG = `# Nightly report

All **1,204** tests _pass_; see [the log](https://ci.example.org/build-42_a?x=1&y=2), or
https://ci.example.org/build-42 itself. ~~Flaky~~ \`retry_count\` is 0.

- first
- second, with code:

  \`\`\`sh
  deno task ok
    indented
  \`\`\`
- third

1. one
2. two

> Quoted words
> \`\`\`
> quoted code
> \`\`\`

| suite | tests | time |
|-------|------:|-----:|
| unit  | 1,100 | 12 s |
| mail  |   104 | 50 s |

[![logo](https://example.org/logo.png)](https://example.org/)

\`\`\`python
def run():
${CODE}
\`\`\`

After the code, **bold** again.`;

interface Content {
  readonly title?: string;
  readonly gathered?: readonly (Content & { readonly title: string })[];
  readonly text?: string;
  readonly html?: string;
  readonly markdown?: string;
}

const contents: Readonly<Record<string, Content>> = {
  digest: {
    title: "Build 41",
    text: "Broken: see https://ci.example.org/build-41_x-y (and __init__.py)\n\n    indent kept",
    gathered: [
      {
        title: "Build 42",
        html: '<p>All <b>fine</b>: <a href="https://ci.example.org/42">log</a></p>',
      },
      { title: "Build 43", markdown: "**1,204** tests:\n\n- unit\n- mail\n\n```\ncode_here\n```" },
    ],
  },
  template: KINDS["a build result"] as object,
  markdown: { title: "Nightly report", markdown: LONG },
};

const markdownIt = new MarkdownIt({ html: false, linkify: true, breaks: true });
const markdown = (text: string) => markdownIt.render(text);
const lines = (html: string) => `<div style="white-space:pre-wrap">${html}</div>`;

/** Slack's mrkdwn, in which `&`, `<` and `>` are escaped outside of links. */
function mrkdwn(text: string): string {
  const parts = text.split(/(```[^]*?```)/);
  return lines(
    parts.map((part, i) =>
      i % 2 === 1
        ? `<pre>${part.slice(3, -3).replace(/^\n/, "")}</pre>`
        : part.replace(/<(https?:[^|>]+)\|([^>]+)>/g, '<a href="$1">$2</a>')
          .replace(/`([^`\n]+)`/g, "<code>$1</code>")
          .replace(/(^|[\s\u200b(])\*([^*\n]+)\*(?=$|[\s\u200b.,;:)])/gm, "$1<b>$2</b>")
          .replace(/(^|[\s\u200b(])_([^_\n]+)_(?=$|[\s\u200b.,;:)])/gm, "$1<i>$2</i>")
          .replace(/(^|[\s\u200b(])~([^~\n]+)~(?=$|[\s\u200b.,;:)])/gm, "$1<s>$2</s>")
          .replace(/^(?:&gt;|>) ?(.*)$/gm, "<blockquote>$1</blockquote>")
    ).join(""),
  );
}

// deno-lint-ignore no-explicit-any -- requests of many shapes
const readers: Readonly<Record<string, { target: string; html: (json: any) => string }>> = {
  telegram: {
    target: "tgram://123456789:AAabcdefghijklmnopqrstuvwxyz0123456/-100123",
    html: ({ text }) => lines(text),
  },
  slack: {
    target: "slack://T1A2/B3C4/s3cr3ts3cr3t",
    html: ({ attachments: [{ blocks }] }) =>
      // deno-lint-ignore no-explicit-any -- blocks of Slack
      blocks.map(({ type, text }: any) =>
        type === "header"
          ? `<h2>${escapeHtml(text.text)}</h2>`
          : text.type === "mrkdwn"
          ? mrkdwn(text.text)
          : lines(escapeHtml(text.text))
      ).join("<hr>"),
  },
  discord: {
    target: "discord://4711/s3cr3t-s3cr3t",
    html: ({ embeds: [{ title = "", description = "" }] }) =>
      `<h2>${escapeHtml(title)}</h2>${markdown(description)}`,
  },
  workflows: {
    target: "workflows://prod.example.org/flow1/sig-1",
    html: ({ attachments: [{ content }] }) =>
      // deno-lint-ignore no-explicit-any -- blocks of a card
      content.body[0].items.map(({ text }: any) => markdown(text)).join("<hr>"),
  },
  matrix: {
    target: "matrixs://s3cr3ttoken@matrix.example.org/!room:example.org",
    html: ({ formatted_body, body }) => formatted_body ?? lines(escapeHtml(body)),
  },
  ntfy: { target: "ntfys://push.example.org/topic", html: ({ message }) => markdown(message) },
  gotify: {
    target: "gotifys://push.example.org/app/As3cr3t",
    html: ({ message }) => markdown(message),
  },
  pushover: {
    target: "pover://abcdefghijklmnopqrstuvwxyz0123@abcdefghijklmnopqrstuvwxyz0123",
    html: ({ message }) => lines(message),
  },
  mattermost: {
    target: "mmosts://chat.example.org/s3cr3ts3cr3ts3cr3ts3cr3tab",
    html: ({ attachments: [{ title = "", text }] }) =>
      `<h2>${escapeHtml(title)}</h2>${markdown(text)}`,
  },
  googlechat: {
    target: "gchat://AAAAspace/s3cr3ts3cr3tkey/s3cr3ts3cr3ttoken",
    html: ({ text }) => mrkdwn(text.replaceAll("&", "&amp;")),
  },
};

const STYLE = `<!doctype html><meta charset="utf-8"><style>
  body { font: 14px/1.4 sans-serif; margin: 12px }
  h1 { font-size: 15px; color: #06c }
  h2, h3 { font-size: 15px; margin: 4px 0 } article { border-left: 4px solid #ccc; padding: 4px 12px; margin: 8px 0 }
  pre { background: #f3f3f3; margin: 4px 0 } blockquote { border-left: 3px solid #aaa; margin: 0; padding-left: 8px }
</style>`;

const folder = Deno.args[0] ?? await Deno.makeTempDir({ prefix: "pictures-" });
await Deno.mkdir(folder, { recursive: true });
await using chromium = await Chromium.start();
const { page } = await chromium.open("http://reader.invalid", { width: 760 });

async function take(name: string, html: string): Promise<void> {
  await page.setContent(html);
  await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
  say(`${folder}/${name}.png`);
}

for (
  const [name, { title = "The nightly report", gathered = [], ...content }] of Object.entries(
    contents,
  )
) {
  const { text: _, ...bare } = anEmail({ subject: title });
  const member = (one: object) => ({ ...bare, subject: title, ...one });
  const others = gathered.map((one) => member({ ...one, subject: one.title }));
  const mail = { ...member(content), ...(others.length > 0 ? { gathered: others } : {}) };
  const { bytes } = await openComposer()(mail as EmailPayload, { taskId: "tsk_1", date: 0 });
  const { html = "", text = "" } = await PostalMime.parse(bytes);
  await take(`mail-${name}`, html || lines(escapeHtml(text)));
  for (const [chat, { target, html }] of Object.entries(readers)) {
    const service = SERVICES.find(({ schemes }) => schemes.includes(target.split(":")[0] ?? ""));
    const [place] = service ? placesOf(service, target) : [];
    if (!service || !place) throw new TypeError(`Cannot read ${target}`);
    const base = { target, shown: target, attachments: [] };
    const payload = {
      ...base,
      title,
      ...content,
      attachments: [],
      ...(gathered.length > 0 ? { gathered: gathered.map((one) => ({ ...base, ...one })) } : {}),
    } as unknown as ChatPayload;
    const requests = service.preview(place, noteOf(payload), { taskId: "tsk_1" });
    const messages = requests.map(({ json }) => `<article>${html(json)}</article>`).join("");
    const head = `<h1>${chat}: ${requests.length} messages</h1>`;
    await take(`${chat}-${name}`, `${STYLE}${head}${messages}`);
  }
}
