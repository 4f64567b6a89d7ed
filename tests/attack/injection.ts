/**
 * Line ends, commands and addresses in every field of a mail: only those who are
 * named get it, and no header or command is added.
 *
 * @module
 */

import { type Finding, must } from "./report.ts";
import type { World } from "./world.ts";

const PIECES = [
  ...[
    "\r\n",
    "\n",
    "\r",
    "\0",
    "\u2028",
    "\u0085",
    "\t",
    " ",
    "\\",
    '"',
    "<",
    ">",
    ",",
    ";",
    ":",
    "@",
  ],
  ...[
    "\r\nBcc: eve@evil.example",
    "\r\n.\r\nMAIL FROM:<eve@evil.example>",
    "=?utf-8?q?=0d=0aBcc:_x?=",
  ],
  ...[
    "RCPT TO:<eve@evil.example>",
    "eve@evil.example",
    ", eve@evil.example",
    "%0d%0aBcc: eve@evil.example",
  ],
  ...["\u202e", "\ud800", "ü", "日", "Ada", "{{task.result.body}}", "{{ payload }}", "{% raw %}"],
];

/** Submits `count` mails with hostile fields. */
export async function injection(
  { api, envelope, headers }: World,
  { count, random }: { count: number; random: () => number },
): Promise<Finding[]> {
  const text = () =>
    Array.from(
      { length: 1 + Math.floor(random() * 4) },
      () => PIECES[Math.floor(random() * PIECES.length)],
    ).join("");
  const broken: string[] = [];
  let taken = 0;
  const submit = async (n: number) => {
    const field =
      ["to", "cc", "from", "replyTo", "subject", "filename", "header", "text", "cid"][n % 9];
    const body = {
      to: field === "to" ? `n${n}@named.example${text()}` : `n${n}@named.example`,
      ...(field === "cc" ? { cc: [`${text()} <n${n}cc@named.example>`] } : {}),
      ...(field === "from" ? { from: `${text()} <n${n}from@named.example>` } : {}),
      ...(field === "replyTo" ? { replyTo: `"${text()}" <n${n}reply@named.example>` } : {}),
      subject: field === "subject" ? text() : "s",
      text: field === "text" ? text() : "t",
      ...(field === "header" ? { headers: { [`X-${text()}`]: text(), "X-Tried": text() } } : {}),
      ...(field === "filename" || field === "cid"
        ? {
          attachments: [{
            filename: field === "filename" ? text() : "a.txt",
            content: "eHh4",
            contentType: "text/plain",
            ...(field === "cid" ? { cid: text() } : {}),
          }],
        }
        : {}),
      retry: 0,
    };
    const { status, body: answer } = await api.call<{ id: string }>("/notify", body);
    if (status >= 500) return void broken.push(`${field}: ${status}`);
    if (status !== 202) return;
    taken++;
    const final = await api.final(answer.id);
    if (final.state !== "succeeded") broken.push(`${field}: ${final.state} ${final.error?.code}`);
  };
  let next = 0;
  await Promise.all(Array.from({ length: 8 }, async () => {
    while (next < count) await submit(next++);
  }));
  const unexpected = [...envelope].filter((address) =>
    // What is appended to a domain makes another one, which was named then.
    !/^n\d+(?:cc|from|reply)?@named\.[a-z0-9.-]+$/i.test(address) &&
    address !== "postrider@localhost"
  );
  const added = [...headers].filter((name) => !EXPECTED.has(name) && !/^x-[\w-]+$/.test(name));
  return [
    must(
      `of ${count} mails with hostile fields, recipients outside the envelope that was submitted`,
      unexpected,
    ),
    must("headers that were added", added),
    must("mails that broke something", broken),
    { name: "taken", value: String(taken), holds: taken > 0 },
  ];
}

const EXPECTED = new Set([
  ...["from", "to", "cc", "reply-to", "subject", "message-id", "date", "mime-version"],
  ...["content-type", "content-transfer-encoding", "auto-submitted"],
]);
