/**
 * What Debian's SpamAssassin says of our mails, by its local rules.
 *
 * @module
 */

import assert from "node:assert/strict";
import { openComposer } from "../../src/channels/mail/message.ts";
import { anEmail } from "../channels/support/attempts.ts";
import { needs } from "../support/needs.ts";
import { KINDS } from "./kinds.ts";

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
