/**
 * Cases of texts on their way to chats, read from the requests that a server received.
 *
 * @module
 */

import assert from "node:assert/strict";
import { openChatChannel } from "../../../src/channels/chat/channel.ts";
import { readTargets, SERVICES } from "../../../src/channels/chat/table.ts";
import { openComposer } from "../../../src/channels/mail/message.ts";
import type { Outcome } from "../../../src/task/outcome.ts";
import type { ChatPayload, EmailPayload } from "../../../src/task/payloads.ts";
import { openRecorder } from "../../channels/chat/recorder.ts";
import { aContext, anAttempt, anEmail } from "../../channels/support/attempts.ts";
import type { Case } from "./case.ts";

const BOT = "123456789:AAabcdefghijklmnopqrstuvwxyz0123456";
const KEY = "abcdefghijklmnopqrstuvwxyz0123";
const TARGETS = {
  telegram: `tgram://${BOT}/-100123`,
  slack: "slack://T1A2/B3C4/s3cr3ts3cr3t",
  discord: "discord://4711/s3cr3t-s3cr3t",
  workflows: "workflows://prod.example.org/flow1/sig-1",
  matrix: "matrixs://s3cr3ttoken@matrix.example.org/!room:example.org",
  ntfy: "ntfys://push.example.org/topic",
  gotify: "gotifys://push.example.org/app/As3cr3t",
  pushover: `pover://${KEY}@${KEY}/phone`,
  googlechat: "gchat://AAAAspace/s3cr3ts3cr3tkey/s3cr3ts3cr3ttoken",
};
type Name = keyof typeof TARGETS;
type Content = Partial<ChatPayload>;

/** Sends a note to a service, which gives these answers; returns all that it received. */
async function sent(name: Name, content: Content, ...answers: (() => Response)[]) {
  await using recorder = openRecorder(...answers);
  const target = TARGETS[name];
  const service = SERVICES.find((one) => one.name === name) ?? assert.fail(name);
  const note = { target, shown: target, title: "", attachments: [], ...content };
  const channel = openChatChannel(service, recorder.http);
  const outcome: Outcome = await channel.deliver(anAttempt(note), aContext());
  return {
    outcome,
    requests: recorder.requests,
    bodies: recorder.requests.map(({ json }) => json),
  };
}

/** The texts of all messages, as one. */
async function textTo(name: Name, content: Content): Promise<string> {
  const { bodies } = await sent(name, content);
  // deno-lint-ignore no-explicit-any -- bodies of many shapes
  const textOf = (body: any): string =>
    body.text && typeof body.text === "string"
      ? body.text
      : body.embeds?.[0].description ?? body.message ?? body.body ??
        // deno-lint-ignore no-explicit-any -- bodies of many shapes
        (body.attachments[0].blocks ?? body.attachments[0].content.body[0].items).map((one: any) =>
          one.text.text ?? one.text
        ).join("\n");
  return bodies.map(textOf).join("\n");
}

async function mailHtml(mail: EmailPayload): Promise<string> {
  const { bytes } = await openComposer()(mail, { taskId: "tsk_1", date: 0 });
  return new TextDecoder().decode(bytes).replaceAll("=\r\n", "").replaceAll("=3D", "=");
}

const count = (text: string, part: string) => text.split(part).length - 1;
const URL = "https://example.org/build-42";

async function digestLinks(): Promise<string> {
  const members = [{ text: `See ${URL}` }, { html: `<p>See <a href="${URL}">it</a></p>` }];
  const note = { target: "", shown: "", title: "", attachments: [] };
  const gathered = members.slice(1).map((one) => ({ ...note, ...one }));
  const { text: _, ...bare } = anEmail();
  const [first, ...others] = members.map((one) => ({ ...bare, ...one })) as EmailPayload[];
  const mail = await mailHtml({ ...first, gathered: others } as EmailPayload);
  const to = (name: Name) => textTo(name, { ...members[0], gathered });
  return [
    `mail ${count(mail, `href="${URL}"`)}`,
    `Telegram ${count(await to("telegram"), `href="${URL}"`)}`,
    `Slack ${count(await to("slack"), `<${URL}|`)}`,
    `Discord ${count(await to("discord"), URL)}`,
  ].join(", ");
}

async function longCode(name: Name): Promise<string> {
  const lines = Array.from({ length: 400 }, (_, i) => `x = "__init__" # ${i}`);
  const markdown = `\`\`\`\n${lines.join("\n")}\n\`\`\`\n\nAfter **it**`;
  const text = (await textTo(name, { markdown })).replaceAll("&quot;", '"');
  const fence = name === "telegram" ? /<pre>([^]*?)<\/pre>/g : /^```\n([^]*?)\n```$/gm;
  const code = [...text.matchAll(fence)].flatMap(([, inner = ""]) => inner.split("\n"));
  const kept = lines.filter((line, i) => code[i] === line).length;
  const rest = text.replace(fence, "").trim();
  return `${kept} lines of ${code.length}; then ${rest}`;
}

async function matrixEvents(content: Content, word: RegExp): Promise<string> {
  const { bodies } = await sent("matrix", content);
  const largest = Math.max(...bodies.map((body) => JSON.stringify(body).length));
  const plain = bodies.map(({ body }) => body).join(" ").match(word)?.length;
  const html = bodies.map((one) => one.formatted_body ?? one.body).join(" ").match(word)?.length;
  return `${largest < 65_536 ? "each below 64 KiB" : largest}, plain ${plain}, HTML ${html}`;
}

async function sentence(name: Name, body: string): Promise<string> {
  const { outcome } = await sent(name, { text: "Hi" }, () => new Response(body, { status: 400 }));
  return "error" in outcome ? outcome.error.detail.replace(/^.*?: /, "") : outcome.kind;
}

const TRANSFORMED = "text is transformed before it is parsed";
const CUT = "the source is cut instead of the text";
const SENTENCES: readonly (readonly [Name, string, string])[] = [
  [
    "telegram",
    '{"ok":false,"description":"Bad Request: chat not found"}',
    "Bad Request: chat not found",
  ],
  ["discord", '{"message":"Invalid Form Body","code":50035}', "Invalid Form Body"],
  ["slack", "invalid_blocks", "invalid_blocks"],
  ["ntfy", '{"code":40301,"error":"forbidden"}', "forbidden"],
  ["matrix", '{"errcode":"M_FORBIDDEN","error":"User not in room"}', "User not in room"],
  ["pushover", '{"errors":["user key is invalid"],"status":0}', "user key is invalid"],
  ["workflows", '{"error":{"code":"x","message":"It is not enabled."}}', "It is not enabled."],
];

export const CHAT_CASES: readonly Case[] = [
  {
    id: "M1",
    kind: TRANSFORMED,
    right: "mail 2, Telegram 2, Slack 2, Discord 2",
    run: digestLinks,
  },
  {
    id: "M2",
    kind: TRANSFORMED,
    right: "2 \\* 3 at https://e.org/a_b-c",
    run: () => textTo("discord", { text: "2 * 3 at https://e.org/a_b-c" }),
  },
  ...([
    ["telegram", "<b>it</b>"],
    ["slack", "*it*"],
    ["discord", "**it**"],
  ] as const).map(([name, bold]): Case => ({
    id: "M5",
    kind: `${CUT}: ${name}`,
    right: `400 lines of 400; then After ${bold}`,
    run: () => longCode(name),
  })),
  {
    id: "M6",
    kind: "characters are measured, not what is sent: HTML",
    right: "each below 64 KiB, plain 5000, HTML 5000",
    run: () => matrixEvents({ html: `<p>${"<b>word</b> ".repeat(5_000)}</p>` }, /word/g),
  },
  {
    id: "M6",
    kind: "characters are measured, not what is sent: a table",
    right: "each below 64 KiB, plain 900, HTML 900",
    run: () => {
      const rows = Array.from({ length: 900 }, (_, i) => `|cell${i}|**b**|`);
      return matrixEvents({ markdown: `|a|b|\n|-|-|\n${rows.join("\n")}` }, /cell\d+/g);
    },
  },
  {
    id: "M7",
    kind: "a URL of today goes to a dead path",
    right: "/powerautomate/automations/direct/workflows/wf/triggers/manual/paths/invoke",
    async run() {
      const [place] = readTargets("workflows://h.example.org/wf/sig?pa=1") as { target: string }[];
      await using recorder = openRecorder();
      const service = SERVICES.find(({ name }) => name === "workflows") ?? assert.fail();
      const note = { target: place?.target, shown: "", title: "", text: "x", attachments: [] };
      await openChatChannel(service, recorder.http).deliver(anAttempt(note), aContext());
      return new globalThis.URL(recorder.requests[0]?.url ?? "x:").pathname;
    },
  },
  {
    id: "M7",
    kind: "the service's own URL is refused",
    right: "workflows",
    run: () =>
      channelOf(
        "https://d1.environment.api.powerplatform.com:443/powerautomate/automations/direct/workflows/" +
          "ID/triggers/manual/paths/invoke?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=s",
      ),
  },
  ...SENTENCES.map(([name, body, right]): Case => ({
    id: "M17",
    kind: `the service's own sentence is lost: ${name}`,
    right,
    run: () => sentence(name, body),
  })),
  {
    id: "M18",
    kind: "plain text is shown as markup",
    right: "one | \\* not\\_a\\_list\\_",
    run: async () =>
      (await textTo("workflows", { text: "one\n* not_a_list_" })).replaceAll("\n\n", " | "),
  },
  ...[
    ["https://hooks.slack.com/services/T1/B1/x1", "slack"],
    ["https://discord.com/api/webhooks/4711/token", "discord"],
    [`https://api.telegram.org/bot${BOT}/sendMessage?chat_id=-1001`, "telegram"],
    ["https://ntfy.sh/alerts", "ntfy"],
    ["https://chat.example.org/hooks/abcdefghijklmnopqrstuvwxyz", "mattermost"],
    [
      "https://chat.googleapis.com/v1/spaces/AAAA/messages?key=abcdefghijk&token=abcdefghijk",
      "googlechat",
    ],
  ].map(([url = "", right = ""]): Case => ({
    id: "M19",
    kind: "the service's own URL is refused",
    right,
    run: () => channelOf(url),
  })),
  {
    id: "M22",
    kind: "HTML to a chat is hard-wrapped",
    right: "one line",
    async run() {
      const text = await textTo("telegram", { html: `<p>${"word ".repeat(60)}</p>` });
      return text.includes("\n") ? text : "one line";
    },
  },
  {
    id: "M22",
    kind: "marks beside a letter, and in a heading (Slack)",
    right: "*a*\u200bb; *Head b*",
    run: async () =>
      `${await textTo("slack", { markdown: "**a**b" })}; ${await textTo("slack", {
        markdown: "# Head **b**",
      })}`,
  },
  {
    id: "M22",
    kind: "decimal seconds are not heeded",
    right: "1337 ms",
    async run() {
      const answer = () => new Response('{"message":"slow","retry_after":1.337}', { status: 429 });
      const { outcome } = await sent("discord", { text: "Hi" }, answer);
      return `${outcome.kind === "deferred" ? outcome.retryAfterMs : outcome.kind} ms`;
    },
  },
];

function channelOf(url: string): Promise<string> {
  const places = readTargets(url);
  return Promise.resolve(typeof places === "string" ? places : places[0]?.channel ?? "none");
}
