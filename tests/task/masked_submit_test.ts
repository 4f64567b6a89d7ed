import assert from "node:assert/strict";
import { maskIssues, maskSubmit } from "../../src/task/masked_submit.ts";

Deno.test("the body of a submit is shown without its secrets", () => {
  const body = {
    to: ["ada@example.org", "slack://T0/B0/secret"],
    url: "https://user:pw@example.org/?token=secret&page=2",
    headers: { Authorization: "Bearer secret", Accept: "text/html" },
    json: { password: "secret", note: "see https://example.org" },
    text: "a *** b",
  };
  const shown = maskSubmit(body);
  assert.ok(!JSON.stringify(shown).includes('secret"'), JSON.stringify(shown));
  assert.deepEqual(shown, {
    to: ["ada@example.org", "slack://***"],
    url: "https://***@example.org/?token=***&page=2",
    headers: { Authorization: "Bearer ***", Accept: "text/html" },
    json: { password: "***", note: "see https://example.org" },
    text: "a *** b",
  });
});

Deno.test("a patch must not have the mask of a secret", () => {
  const pointers = (patch: unknown) => maskIssues(patch).map(({ pointer }) => pointer);
  assert.deepEqual(
    pointers({ text: "a *** b", to: ["slack://***"], headers: { a: "Bearer ***" } }),
    [
      "/to/0",
      "/headers/a",
    ],
  );
  assert.deepEqual(pointers({ url: "https://example.org/?token=***" }), ["/url"]);
});
