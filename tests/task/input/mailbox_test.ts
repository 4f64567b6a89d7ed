import assert from "node:assert/strict";
import fc from "fast-check";
import { parseMailbox } from "../../../src/task/input/mailbox.ts";
import { runs } from "../../support/runs.ts";

const good: { text: string; name?: string; address: string }[] = [
  { text: "ada@example.org", address: "ada@example.org" },
  { text: "  ada@example.org  ", address: "ada@example.org" },
  { text: "<ada@example.org>", address: "ada@example.org" },
  { text: "Ada <ada@example.org>", name: "Ada", address: "ada@example.org" },
  { text: "Ada Lovelace<ada@example.org>", name: "Ada Lovelace", address: "ada@example.org" },
  { text: '"Lovelace, Ada" <ada@example.org>', name: "Lovelace, Ada", address: "ada@example.org" },
  { text: '"the \\"first\\"" <ada@example.org>', name: 'the "first"', address: "ada@example.org" },
  { text: '"a <b@c.d>" <ada@example.org>', name: "a <b@c.d>", address: "ada@example.org" },
  { text: '"" <ada@example.org>', address: "ada@example.org" },
  { text: "Zoë Müller <zoe@example.org>", name: "Zoë Müller", address: "zoe@example.org" },
  { text: "山田 <y@example.jp>", name: "山田", address: "y@example.jp" },
  { text: "O'Brien <o'brien@example.org>", name: "O'Brien", address: "o'brien@example.org" },
  { text: "ada@MÜNCHEN.example", address: "ada@xn--mnchen-3ya.example" },
  { text: "ada@例え.jp", address: "ada@xn--r8jz45g.jp" },
  { text: "Ada+tag.x_y@Sub.Example.ORG", address: "Ada+tag.x_y@sub.example.org" },
  { text: "postrider@localhost", address: "postrider@localhost" },
  { text: `${"a".repeat(64)}@example.org`, address: `${"a".repeat(64)}@example.org` },
];

Deno.test.each(good)("parseMailbox() reads $text", ({ text, name, address }) => {
  assert.deepEqual(parseMailbox(text), name === undefined ? { address } : { name, address });
});

const bad: { why: string; text: string }[] = [
  { why: "nothing", text: "" },
  { why: "no at", text: "ada" },
  { why: "no local part", text: "@example.org" },
  { why: "no domain", text: "ada@" },
  { why: "two ats", text: "ada@b@example.org" },
  { why: "a second recipient by CRLF", text: "b@x.test>\r\nRCPT TO:<evil@x.test" },
  { why: "a second recipient by brackets", text: "b@x.test> <evil@x.test" },
  { why: "brackets in brackets", text: "<<ada@example.org>>" },
  { why: "text after the brackets", text: "<ada@example.org> x" },
  { why: "a list by comma", text: "ada@example.org,bob@example.org" },
  { why: "a list by semicolon", text: "ada@example.org;bob@example.org" },
  { why: "a list of named ones", text: "Ada <a@b.org>, Bob <b@b.org>" },
  { why: "a comma outside quotes", text: "Lovelace, Ada <ada@example.org>" },
  { why: "a group", text: "team:ada@example.org;" },
  { why: "an address as the name", text: "boss@corp.example <evil@x.test>" },
  { why: "an open quote", text: '"Ada <ada@example.org>' },
  { why: "a quoted local part", text: '"a b"@example.org' },
  { why: "a comment", text: "ada(x)@example.org" },
  { why: "a space in the address", text: "a da@example.org" },
  { why: "a space in the domain", text: "ada@exa mple.org" },
  { why: "a NUL", text: "ada@example.org\0" },
  { why: "a line break at the end", text: "ada@example.org\n" },
  { why: "a line break in the name", text: '"Ada\nBcc: x@y.z" <ada@example.org>' },
  { why: "a line separator", text: "Ada\u2028 <ada@example.org>" },
  { why: "a turn of direction", text: "Ada\u202e <ada@example.org>" },
  { why: "a lone surrogate", text: "Ada\ud800 <ada@example.org>" },
  { why: "a leading dot", text: ".ada@example.org" },
  { why: "two dots", text: "a..da@example.org" },
  { why: "a trailing dot", text: "ada.@example.org" },
  { why: "a picture in the local part", text: "zo😀@example.org" },
  { why: "a route", text: "@a.example:ada@example.org" },
  { why: "a domain literal", text: "ada@[127.0.0.1]" },
  { why: "an address as the domain", text: "ada@127.0.0.1" },
  { why: "a number as the domain", text: "ada@2130706433" },
  { why: "an empty label", text: "ada@example..org" },
  { why: "a dot at the end", text: "ada@example.org." },
  { why: "a hyphen first", text: "ada@-example.org" },
  { why: "an underscore in the domain", text: "ada@ex_ample.org" },
  { why: "a port", text: "ada@example.org:25" },
  { why: "a path", text: "ada@example.org/x" },
  { why: "an escape", text: "ada@ex%61mple.org" },
  { why: "a backslash", text: "ada@example.org\\x" },
  { why: "a local part of 65", text: `${"a".repeat(65)}@example.org` },
  { why: "a label of 64", text: `ada@${"a".repeat(64)}.org` },
  { why: "an address of 255", text: `${"a".repeat(60)}@${"b.".repeat(95)}${"c".repeat(4)}` },
  { why: "a megabyte of spaces", text: `a${" ".repeat(1_000_000)}b` },
  { why: "spaces up to the longest text", text: `a${" ".repeat(960)}b` },
  { why: "a name of 300", text: `${"n".repeat(300)} <ada@example.org>` },
];

Deno.test.each(bad)("parseMailbox() refuses $why", ({ text }) => {
  assert.equal(parseMailbox(text), undefined);
});

Deno.test("parseMailbox() never lets through what an envelope could misread", () => {
  const bits = fc.constantFrom(
    ...'<>@,;:"\\ \t\r\n\0.()[]',
    ..."abcé。＠．",
    "example.org",
    "a@b.org",
    "\u2028",
    "RCPT TO:",
  );
  const texts = fc.oneof(
    fc.string({ unit: "binary", maxLength: 60 }),
    fc.array(bits, { maxLength: 14 }).map((all) => all.join("")),
    fc.tuple(fc.array(bits, { maxLength: 5 }), fc.array(bits, { maxLength: 5 }))
      .map(([a, b]) => `${a.join("")} <${b.join("")}@example.org>`),
  );
  fc.assert(
    fc.property(texts, (text) => {
      const mailbox = parseMailbox(text);
      if (!mailbox) return;
      assert.match(mailbox.address, /^[\x21-\x7e\p{L}\p{M}\p{N}]{3,254}$/u);
      assert.doesNotMatch(mailbox.address, /[<>,;:"\\()[\]]|@.*@/);
      assert.doesNotMatch(mailbox.name ?? "", /\p{Cc}/u);
      assert.deepEqual(parseMailbox(mailbox.address), { address: mailbox.address });
    }),
    { numRuns: runs(1_000, 5_000) },
  );
});
