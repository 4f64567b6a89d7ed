/**
 * Sends a mail through other people's software: Debian's Postfix accepts it over
 * TLS after a login, and Python's library and dkimpy read it from the maildir.
 *
 * @module
 */

import assert from "node:assert/strict";
import { createHash, generateKeyPairSync } from "node:crypto";

import { makeIdentity } from "../channels/support/tls_relay.ts";
import { needsRoot } from "../support/needs.ts";
import { aFolder, startPostrider, type TaskView } from "../support/process.ts";
import { LOGIN, openPostfix } from "./postfix.ts";
import { readMail } from "./read_mail.ts";

const BOXES = {
  "ada@example.org": "ada",
  "grace@xn--bcher-kva.example": "grace",
  "eve@example.org": "eve",
};
const PICTURE = btoa(String.fromCharCode(...Array.from({ length: 5_000 }, (_, i) => i % 256)));
const REPORT = new TextEncoder().encode("All good, naïve café.\r\n.\r\n..\n").toBase64();

Deno.test(
  "Postfix accepts a mail after TLS and login, and other programs read all of it",
  needsRoot("postfix", "saslpasswd2", "openssl", "dkimverify"),
  async () => {
    await using identity = await makeIdentity();
    await using postfix = await openPostfix(identity, BOXES);
    await using data = await aFolder();
    const key = generateKeyPairSync("rsa", {
      modulusLength: 2_048,
      publicKeyEncoding: { type: "spki", format: "der" },
      privateKeyEncoding: { type: "pkcs8", format: "pem" },
    });
    const pass = encodeURIComponent(LOGIN.pass);
    await Deno.writeTextFile(`${data.path}/dkim.pem`, key.privateKey);
    await Deno.writeTextFile(
      `${data.path}/relay.url`,
      `smtp://${LOGIN.user}:${pass}@localhost:${postfix.port}?tls=required\n`,
    );
    await Deno.writeTextFile(
      `${data.path}/postrider.yaml`,
      [
        "relays:",
        // Nothing listens on this port, so the next relay accepts the mail.
        "  - url: smtp://localhost:1?tls=required",
        `  - urlFile: ${data.path}/relay.url`,
        "dkim:",
        `  example.org: {selector: s1, keyFile: ${data.path}/dkim.pem}`,
        "",
      ].join("\n"),
    );
    await using service = startPostrider({
      data: data.path,
      env: {
        POSTRIDER_CONFIG: `${data.path}/postrider.yaml`,
        POSTRIDER_CA_FILE: identity.certFile,
        POSTRIDER_MAIL_FROM: '"Pöstrider, Inc." <post@example.org>',
      },
    });
    const api = await service.listening;
    const { body } = await api.call<{ id: string }>("/notify", {
      to: ['"Lovelace, Ada" <ada@example.org>', "Gräce <grace@bücher.example>"],
      cc: "nobody@example.org",
      bcc: "eve@example.org",
      replyTo: "Antwort ☂ <reply@example.org>",
      subject: "Größe: 5 € — 日本語 ".repeat(8).trim(),
      html: `<h1>Hello</h1><p>See <a href="https://example.org/?a=1&amp;b=2">this</a>.` +
        `<img src="cid:logo@example.org">${"x".repeat(2_000)}`,
      headers: { "X-Build": "42 ünïcode" },
      attachments: [
        {
          filename: "logo.png",
          content: PICTURE,
          contentType: "image/png",
          cid: "logo@example.org",
        },
        { filename: "Bericht für März.txt", content: REPORT, contentType: "text/plain" },
      ],
      retry: 0,
    });
    const task = await api.final(body.id) as TaskView & {
      // deno-lint-ignore no-explicit-any -- the result of a mail
      result: any;
      // deno-lint-ignore no-explicit-any -- its attempts
      attempts: any[];
    };
    assert.deepEqual({ state: task.state, delivery: task.delivery }, {
      state: "failed",
      delivery: "partial",
    });
    assert.deepEqual(task.result.recipients.map((one: Record<string, string>) => one.outcome), [
      "delivered",
      "delivered",
      "rejected",
      "delivered",
    ]);
    assert.match(task.result.queueId, /^[0-9A-F]{6,}$/);
    assert.ok((await postfix.log()).includes(task.result.queueId), "the queue id is Postfix's own");
    assert.equal(task.attempts[0].evidence.tls, true);
    assert.deepEqual(task.attempts[0].evidence.tried, [{
      relay: "localhost:1",
      code: "connection_refused",
      stage: "connect",
      detail: "The relay refused the connection",
    }]);

    for (const box of ["ada", "grace", "eve"]) {
      const [file = ""] = await postfix.mails(box, 1);
      const mail = await readMail(file, key.publicKey.toBase64());
      assert.deepEqual(mail.defects, []);
      assert.ok(mail.longest <= 998, `a line of ${mail.longest} bytes`);
      assert.equal(mail.dkim, true, "dkimpy accepts the signature");
      assert.equal(mail.headers.subject, "Größe: 5 € — 日本語 ".repeat(8).trim());
      assert.equal(mail.headers["message-id"], `<${body.id}@example.org>`);
      assert.equal(mail.headers["x-build"], "42 ünïcode");
      assert.equal(mail.headers.bcc, undefined);
      if (box !== "eve") assert.doesNotMatch(await Deno.readTextFile(file), /eve@/);
      assert.deepEqual(mail.from, [{ name: "Pöstrider, Inc.", address: "post@example.org" }]);
      assert.deepEqual(mail.to, [
        { name: "Lovelace, Ada", address: "ada@example.org" },
        { name: "Gräce", address: "grace@xn--bcher-kva.example" },
      ]);
      assert.deepEqual(mail.cc, [{ name: "", address: "nobody@example.org" }]);
      assert.deepEqual(mail.replyTo, [{ name: "Antwort ☂", address: "reply@example.org" }]);
      const [text, html, picture, report] = mail.parts;
      assert.deepEqual(mail.parts.map(({ type }) => type), [
        "text/plain",
        "text/html",
        "image/png",
        "text/plain",
      ]);
      assert.match(text?.text ?? "", /Hello\n\nSee this\s\[https:\/\/example.org\/\?a=1&b=2\]/);
      assert.match(html?.text ?? "", /cid:logo@example.org/);
      assert.deepEqual({
        cid: picture?.cid,
        disposition: picture?.disposition,
        sha256: picture?.sha256,
      }, { cid: "<logo@example.org>", disposition: "inline", sha256: sha256(PICTURE) });
      assert.deepEqual({ filename: report?.filename, disposition: report?.disposition }, {
        filename: "Bericht für März.txt",
        disposition: "attachment",
      });
    }
  },
);

function sha256(base64: string): string {
  return createHash("sha256").update(Uint8Array.fromBase64(base64)).digest("hex");
}
