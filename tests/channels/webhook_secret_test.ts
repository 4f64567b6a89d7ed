import assert from "node:assert/strict";
import { parseWebhookSecrets, webhookKey } from "../../src/channels/webhook_secret.ts";

const base64 = (bytes: number) => btoa("k".repeat(bytes));

Deno.test("one secret signs, and up to three while they are exchanged", () => {
  const [one, two] = [`whsec_${base64(24)}`, `whsec_${base64(64)}`];
  assert.deepEqual(parseWebhookSecrets(one), [one]);
  assert.deepEqual(parseWebhookSecrets(`${two}, ${one}`), [two, one]);
  assert.equal(webhookKey(one).length, 24);
});

Deno.test.each([
  "",
  base64(24),
  `whsec_${base64(23)}`,
  `whsec_${base64(65)}`,
  `whsec_${base64(24)}!`,
  `whsec_${base64(25).slice(0, -1)}`,
  `whsec_${base64(24)},`,
  Array(4).fill(`whsec_${base64(24)}`).join(","),
])("%j is refused without being shown", (text) => {
  assert.throws(() => parseWebhookSecrets(text), (error) => {
    assert.ok(error instanceof RangeError);
    assert.ok(text.length < 10 || !error.message.includes(base64(24)));
    return true;
  });
});
