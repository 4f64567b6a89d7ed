/**
 * The secrets that callbacks are signed with: `whsec_` and base64.
 *
 * @module
 */

import { Buffer } from "node:buffer";

/** The length that Standard Webhooks requires of a secret, in bytes. */
const MIN_BYTES = 24;
const MAX_BYTES = 64;
/** A next one, the present one and a former one. */
const MAX_SECRETS = 3;

/** Parses one or several secrets `whsec_…`, comma-separated. Throws a `RangeError` without the secrets. */
export function parseWebhookSecrets(text: string): string[] {
  const secrets = text.split(",").map((part) => part.trim());
  for (const [index, secret] of secrets.entries()) {
    const [, base64 = ""] = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(secret) ?? [];
    const bytes = Buffer.from(base64, "base64");
    const isWhole = bytes.toString("base64") === base64;
    if (!isWhole || bytes.length < MIN_BYTES || bytes.length > MAX_BYTES) {
      throw new RangeError(
        `Cannot read webhook secret ${index + 1}: expected "whsec_" and the base64 of ` +
          `${MIN_BYTES} to ${MAX_BYTES} bytes`,
      );
    }
  }
  if (secrets.length > MAX_SECRETS) {
    throw new RangeError(`Cannot sign with ${secrets.length} secrets: expected at most 3`);
  }
  return secrets;
}

/** The key's bytes. */
export function webhookKey(secret: string): Uint8Array {
  return Buffer.from(secret.slice("whsec_".length), "base64");
}
