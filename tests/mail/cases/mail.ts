/**
 * Cases of mails as they are composed and of submits as they are answered.
 *
 * @module
 */

import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { openComposer } from "../../../src/channels/mail/message.ts";
import { parseApiKeys } from "../../../src/http/auth/auth.ts";
import { parseMapping } from "../../../src/hooks/mapping.ts";
import type { EmailPayload } from "../../../src/task/payloads.ts";
import { anEmail } from "../../channels/support/attempts.ts";
import { Api } from "../../support/api.ts";
import { notifyPorts } from "../../support/notify_ports.ts";
import { readMail } from "../read_mail.ts";
import type { Case } from "./case.ts";

const KEY = generateKeyPairSync("rsa", {
  modulusLength: 2_048,
  publicKeyEncoding: { type: "spki", format: "der" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
});

/** A mail as it leaves, read by Python's library and dkimpy. */
async function mailOf(more: Partial<EmailPayload>) {
  const dkim = { domain: "example.org", selector: "s1", privateKey: KEY.privateKey };
  const { bytes, recipients } = await openComposer([dkim])(anEmail(more), {
    taskId: "tsk_1",
    date: 0,
  });
  const file = await Deno.makeTempFile();
  await Deno.writeFile(file, bytes);
  const mail = await readMail(file, KEY.publicKey.toBase64());
  await Deno.remove(file);
  return { ...mail, recipients, raw: new TextDecoder().decode(bytes) };
}

/** The answer to `POST /notify`: the status, and the faults' places. */
async function answer(body: unknown, path = "/notify"): Promise<string> {
  await using api = await Api.open({
    keys: parseApiKeys("ci:s1"),
    anonymous: "loopback",
    ports: notifyPorts({ aliases: { oncall: ["bob@example.org"] } }),
  });
  const { status, body: said } = await api.post(path, body);
  const at = (said.errors ?? []).map(({ pointer }: { pointer: string }) => pointer);
  return [status, ...at].join(" ");
}

async function fileByApprise(more: Record<string, unknown>): Promise<string> {
  await using api = await Api.open({ ports: notifyPorts() });
  const { status, body } = await api.post("/apprise/notify", {
    urls: "a@example.org",
    body: "b",
    ...more,
  });
  if (status !== 200) return `${status} ${body.errors?.[0].pointer}`;
  const { attachments = [] } = (await api.get(`/tasks/${body.id}`)).body.payload;
  return `200 ${attachments.map((one: { bytes: number }) => `${one.bytes} bytes`).join()}`;
}

function subjectByHook(template: string, payload: unknown): Promise<string> {
  const issues: [] = [];
  const mapping = parseMapping({ subject: template }, { type: "notify", at: [] }, issues);
  const { subject } = mapping.fill({ payload } as never) as { subject: string };
  return answer({ to: "a@example.org", subject, text: "." }).then((status) =>
    `${status} ${subject}`
  );
}

const FILE = { filename: "a.txt", base64: "eHh4", mimetype: "text/plain" };
const html = (text: string) => ({ text: undefined as never, html: text });

export const MAIL_CASES: readonly Case[] = [
  ...([
    ["attachments", { attachments: [FILE] }, "200 3 bytes"],
    ["attachment, an object", { attachment: FILE }, "200 3 bytes"],
    ["attach, a list", { attach: [FILE, FILE] }, "200 3 bytes,3 bytes"],
    ["a URL that cannot be fetched", { attach: "ftp://e.org/a.txt" }, "422 /attach"],
  ] as const).map(([spelling, more, right]): Case => ({
    id: "M8",
    kind: `a file is dropped without a word: ${spelling}`,
    right,
    run: () => fileByApprise(more),
  })),
  {
    id: "M9",
    kind: "a header that must be signed is not",
    right: "list-unsubscribe, list-unsubscribe-post; valid",
    async run() {
      const { headers, dkim } = await mailOf({ unsubscribe: "https://example.org/u" });
      const [, signed = ""] = /[;\s]h=([^;]+)/.exec(headers["dkim-signature"] ?? "") ?? [];
      const names = signed.toLowerCase().split(/[:\s]+/).filter((name) => /unsub/.test(name));
      return `${names.join(", ")}; ${dkim ? "valid" : "invalid"}`;
    },
  },
  {
    id: "M13",
    kind: "a sender's line break refuses the mail",
    right: "202 Fix it Two paragraphs of reasons",
    run: () =>
      subjectByHook("{{ payload.message }}", {
        message: "Fix it\n\nTwo\tparagraphs of\nreasons\n",
      }),
  },
  {
    id: "M14",
    kind: "8-bit bytes and long lines to a relay without 8BITMIME",
    right: "7-bit, at most 998",
    async run() {
      const wild = new TextEncoder().encode(`Subject: x\r\n\r\n${"ä".repeat(1_200)}\r\n`);
      const { raw, longest } = await mailOf({
        attachments: [{
          filename: "a.eml",
          content: wild.toBase64(),
          contentType: "message/rfc822",
        }],
      });
      return `${/[^\r\n\t\x20-\x7e]/.test(raw) ? "8-bit" : "7-bit"}, at most ${
        longest <= 998 ? 998 : longest
      }`;
    },
  },
  {
    id: "M14",
    kind: "a file that says it is a multipart",
    right: "422 /attachments/0/contentType",
    run: () =>
      answer({
        to: "a@example.org",
        subject: "s",
        attachments: [{ filename: "a", content: "eHh4", contentType: "multipart/mixed" }],
      }),
  },
  {
    id: "M20",
    kind: "a header in ASCII is encoded",
    right: '{"category":"a"}',
    run: async () =>
      (await mailOf({ headers: { "X-SMTPAPI": '{"category":"a"}' } })).headers["x-smtpapi"] ?? "",
  },
  {
    id: "M21",
    kind: "HTML travels alone",
    right: "text/plain: Our offer [https://e.org/x], text/html",
    async run() {
      const mail = await mailOf(
        html('<a href="https://e.org/x"><img src="a.png" alt="Our offer"></a>'),
      );
      return mail.parts.map(({ type, text }) =>
        type === "text/plain" ? `${type}: ${text?.trim().replace(/\s+/g, " ")}` : type
      ).join(", ");
    },
  },
  {
    id: "M22",
    kind: "a subject of one blank",
    right: "422 /subject",
    run: () => answer({ to: "a@example.org", subject: " ", text: "." }),
  },
  {
    id: "M22",
    kind: "hidden recipients only",
    right: "undisclosed-recipients:; to bob@example.org",
    async run() {
      const { headers, recipients } = await mailOf({
        to: [],
        bcc: [{ address: "bob@example.org" }],
      });
      return `${headers.to} to ${recipients}`;
    },
  },
  {
    id: "M22",
    kind: "the same address by an alias and by hand",
    right: "bob@example.org",
    async run() {
      await using api = await Api.open({
        ports: notifyPorts({ aliases: { oncall: ["Bob@example.org"] } }),
      });
      const mail = { to: ["bob@example.org", "@oncall"], subject: "s", text: "." };
      const { body } = await api.post("/notify", mail);
      const [task] = await api.claim();
      assert.equal(task?.id, body.id);
      const payload = JSON.parse(String(task?.payload)) as EmailPayload;
      return (await mailOf(payload)).recipients.join();
    },
  },
  {
    id: "M22",
    kind: "no Auto-Submitted",
    right: "auto-generated; no",
    run: async () =>
      `${(await mailOf({})).headers["auto-submitted"]}; ${
        (await mailOf({ headers: { "Auto-Submitted": "no" } })).headers["auto-submitted"]
      }`,
  },
  {
    id: "M22",
    kind: "a header line of 999 bytes",
    right: "998 bytes: whole; 999 bytes: refused or folded",
    async run() {
      const of = async (length: number) => {
        const value = "x".repeat(length - "X-A: ".length);
        const status = await answer({
          to: "a@example.org",
          subject: "s",
          headers: { "X-A": value },
        });
        if (!status.startsWith("202")) return "refused or folded";
        const { longest, headers } = await mailOf({ headers: { "X-A": value } });
        return longest <= 998 && headers["x-a"]?.trim() === value ? "whole" : `${longest} bytes`;
      };
      return `998 bytes: ${await of(998)}; 999 bytes: ${await of(999)}`;
    },
  },
  {
    id: "M22",
    kind: "a subject that looks encoded is decoded",
    right: "=?UTF-8?B?w6k=?= as written",
    run: async () =>
      (await mailOf({ subject: "=?UTF-8?B?w6k=?= as written" })).headers.subject ?? "",
  },
  {
    id: "M22",
    kind: "U+202E in a file name",
    right: "stripped or refused",
    async run() {
      await using api = await Api.open({ ports: notifyPorts() });
      const { status, body } = await api.post("/notify", {
        to: "a@example.org",
        subject: "s",
        attachments: [{ filename: "a\u202egpj.exe", content: "eHh4" }],
      });
      if (status === 422) return "stripped or refused";
      const { attachments } = (await api.get(`/tasks/${body.id}`)).body.payload;
      return attachments[0].filename.includes("\u202e") ? "kept" : "stripped or refused";
    },
  },
  {
    id: "M22",
    kind: 'charset="utf-8" in a content type',
    right: "202",
    run: () =>
      answer({
        to: "a@example.org",
        subject: "s",
        attachments: [{
          filename: "a.txt",
          content: "eHh4",
          contentType: 'text/plain; charset="utf-8"',
        }],
      }),
  },
  {
    id: "M22",
    kind: "a javascript: link in a template",
    right: "422",
    run: async () =>
      (await answer({
        to: "a@example.org",
        template: "password-reset",
        data: { link: "javascript:alert(1)" },
      })).split(" ")[0] ?? "",
  },
  {
    id: "M22",
    kind: "a blank text to a chat",
    right: "422 /text",
    run: () => answer({ to: "ntfys://push.example.org/a", text: " " }),
  },
  {
    id: "M22",
    kind: "an unknown template beside data gives a second, false fault",
    right: "422 /template",
    run: () => answer({ to: "a@example.org", template: "nothing", data: {} }),
  },
  {
    id: "M22",
    kind: "/apprise/notify/ with a slash",
    right: "200",
    run: () => answer({ urls: "a@example.org", body: "b" }, "/apprise/notify/"),
  },
  {
    id: "M23",
    kind: "a relay corrects line ends and breaks the signature",
    right: "valid, valid, valid",
    async run() {
      const bodies = [{ text: "10%\r20%\rdone" }, html("<p>10%\r20%&#13;done"), {
        text: "a\nb\r\nc\r",
      }];
      const mails = await Promise.all(bodies.map(mailOf));
      return mails.map(({ dkim, raw }) =>
        dkim && !/\r(?!\n)|(?<!\r)\n/.test(raw) ? "valid" : "invalid"
      ).join(", ");
    },
  },
];
