import assert from "node:assert/strict";
import fc from "fast-check";
import { dispositionName, isFileName, safeFileName, saveNameOf } from "../../src/lib/file_name.ts";
import { payloadWith, pointersIn } from "../task/support/fetches.ts";

const names: { name: string; safe: string | undefined }[] = [
  { name: "report.pdf", safe: "report.pdf" },
  { name: "naïve — 1.txt", safe: "naïve — 1.txt" },
  { name: "../../etc/passwd", safe: "_.._etc_passwd" },
  { name: "..", safe: undefined },
  { name: "/", safe: undefined },
  { name: "a\0b\n", safe: "a_b_" },
  { name: "gpj.\u202eexe", safe: "gpj._exe" },
  { name: "aux.txt", safe: "_aux.txt" },
  { name: " a. ", safe: "a" },
  { name: ".part", safe: "part" },
];

Deno.test.each(names)('"$name" becomes $safe', ({ name, safe }) => {
  assert.equal(safeFileName(name), safe);
  assert.equal(isFileName(name), name === safe);
});

Deno.test("Whatever comes, a safe name stays in its folder and is safe again", () => {
  const letter = fc.constantFrom(..."./\\:\0\n aé😀_-");
  const text = fc.oneof(fc.string({ unit: "binary" }), fc.string({ unit: letter, maxLength: 300 }));
  fc.assert(fc.property(text, (name) => {
    const safe = safeFileName(name);
    if (safe === undefined) return;
    assert.ok(new TextEncoder().encode(safe).length <= 150);
    assert.doesNotMatch(safe, /[\/\\\0]|^\./);
    assert.equal(safeFileName(safe), safe);
  }));
});

Deno.test("a name that was filled in stays in its folder", () => {
  const url = new URL("https://example.org/x");
  assert.equal(saveNameOf("../../etc/passwd", undefined, url), "_.._etc_passwd");
  assert.equal(saveNameOf("..", undefined, url), "body");
  assert.equal(saveNameOf("report.pdf", undefined, url), "report.pdf");
});

Deno.test("A caller's name is taken as it is, or refused", () => {
  assert.equal(payloadWith({ save: "a.txt" }).save, "a.txt");
  assert.equal(payloadWith({ save: true }).save, true);
  assert.equal(payloadWith({ save: true }).maxBytes, 10 * 2 ** 30);
  assert.deepEqual(pointersIn({ save: true, retain: "none" }), ["/retain"]);
  for (const save of ["../a", "", "a/b", ".part", false, 1]) {
    assert.deepEqual(pointersIn({ save }), ["/save"], `${save}`);
  }
});

/** A header as it is received: one character for each byte. */
function received(header: string): string {
  return String.fromCharCode(...new TextEncoder().encode(header));
}

Deno.test.each([
  { header: 'attachment; filename="report.pdf"', name: "report.pdf" },
  { header: received('attachment; filename="Prüfbericht.pdf"'), name: "Prüfbericht.pdf" },
  { header: received("attachment; filename=報告.pdf"), name: "報告.pdf" },
  { header: 'attachment; filename="Pr\xfcfbericht.pdf"', name: "Prüfbericht.pdf" },
  { header: "attachment; filename=My Report.pdf", name: "My Report.pdf" },
  { header: `attachment; filename*="UTF-8''Pr%C3%BCf.pdf"`, name: "Prüf.pdf" },
  { header: "attachment; filename*=ISO-8859-1''Pr%FCf.pdf", name: "Prüf.pdf" },
  { header: 'attachment; filename*0="long "; filename*1="name.pdf"', name: "long name.pdf" },
  { header: `attachment; filename*0*=UTF-8''Pr%C3%BC; filename*1="f %.pdf"`, name: "Prüf %.pdf" },
  { header: "attachment; filename=x.pdf; filename*=UTF-8''Pr%C3%BCf.pdf", name: "Prüf.pdf" },
  { header: "attachment; filename=x.pdf; filename*=klingon''%80", name: "x.pdf" },
  { header: "attachment; filename*=windows-1252''%80%20Pr%FCf.pdf", name: "€ Prüf.pdf" },
  { header: "attachment; filename=x.pdf; filename*=GBK''%B1%A8%B8%E6.pdf", name: "报告.pdf" },
  { header: "attachment; filename*=Shift_JIS''%95%F1%8D%90.pdf", name: "報告.pdf" },
  { header: "attachment; filename=x.pdf; filename*=GBK''%FF.pdf", name: "x.pdf" },
  { header: 'attachment; name="x; filename=evil.txt"; filename=good.txt', name: "good.txt" },
  { header: 'attachment; filename="a\\"b.txt"', name: 'a"b.txt' },
  { header: 'attachment; filename="=?UTF-8?B?UHLDvGYucGRm?="', name: "Prüf.pdf" },
  { header: 'attachment; filename="=?x?=.pdf"', name: "=?x?=.pdf" },
  { header: "inline", name: undefined },
  { header: undefined, name: undefined },
])("$header names the file $name", ({ header, name }) => {
  assert.equal(dispositionName(header), name);
});

Deno.test("a long name of points is searched once", () => {
  // It took minutes: a search for the end began at each of them.
  assert.equal(safeFileName(`a${".".repeat(1_000_000)}b.txt`)?.slice(-4), ".txt");
});
